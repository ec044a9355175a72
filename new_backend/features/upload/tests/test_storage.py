"""The local provider: nothing half-written is ever under a key, and nothing stays of what was given up."""

import asyncio
import hashlib
import os
import time
from pathlib import Path

import pytest

from new_backend.infrastructure.settings import SetupError
from new_backend.infrastructure.storage.interface import FileMissingError
from new_backend.infrastructure.storage.providers.local import PART_LIFE_SECONDS, LocalStorage

pytestmark = pytest.mark.anyio
KEY = "files/ab/abcd"


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


async def test_a_kept_file_is_under_its_key_and_nowhere_else(storage: LocalStorage, tmp_path: Path) -> None:
    async with storage.receive() as incoming:
        await incoming.write(b"hello ")
        await incoming.write(b"world")
        assert incoming.size == 11
        assert await incoming.kind("a.txt") == "text/plain"
        assert len(files(tmp_path / "files")) == 1
        assert await incoming.keep(KEY) == hashlib.sha256(b"hello world").hexdigest()
    assert files(tmp_path / "files") == [KEY]
    stored = await storage.open(KEY)
    with stored.file:
        assert (stored.size, stored.file.read()) == (11, b"hello world")


async def test_what_is_not_kept_is_gone(storage: LocalStorage, tmp_path: Path) -> None:
    async with storage.receive() as incoming:
        await incoming.write(b"x")
    assert files(tmp_path / "files") == []


async def test_what_a_block_that_raises_has_written_is_gone(storage: LocalStorage, tmp_path: Path) -> None:
    async def give_up() -> None:
        async with storage.receive() as incoming:
            await incoming.write(b"x")
            raise LookupError

    with pytest.raises(LookupError):
        await give_up()
    assert files(tmp_path / "files") == []


@pytest.mark.parametrize("turns", range(1, 40, 3))
async def test_what_is_cancelled_at_any_moment_leaves_no_part(
    storage: LocalStorage, tmp_path: Path, turns: int
) -> None:
    async def upload() -> None:
        async with storage.receive() as incoming:
            for _ in range(50):
                await incoming.write(b"x" * 100_000)

    task = asyncio.create_task(upload())
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert files(tmp_path / "files") == []


async def test_a_file_that_is_not_there_is_missing_and_may_be_deleted(storage: LocalStorage) -> None:
    with pytest.raises(FileMissingError):
        await storage.open(KEY)
    await storage.delete(KEY)


async def test_a_deleted_file_is_gone(storage: LocalStorage, tmp_path: Path) -> None:
    async with storage.receive() as incoming:
        await incoming.write(b"x")
        await incoming.keep(KEY)
    await storage.delete(KEY)
    assert files(tmp_path / "files") == []


async def test_old_parts_are_removed_at_start_and_young_ones_are_the_other_sides(
    storage: LocalStorage, tmp_path: Path
) -> None:
    incoming = tmp_path / "files" / "incoming"
    for name, age in (("old.part", PART_LIFE_SECONDS + 60), ("young.part", 60)):
        (incoming / name).touch()
        os.utime(incoming / name, (time.time() - age, time.time() - age))
    await storage.prepare()
    assert files(tmp_path / "files") == ["incoming/young.part"]


async def test_a_folder_that_cannot_be_used_is_told_at_start(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(SetupError, match="cannot use the folder of files"):
        await LocalStorage(tmp_path / "taken").prepare()
