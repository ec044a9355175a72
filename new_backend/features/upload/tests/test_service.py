from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from new_backend.conftest import Clock
from new_backend.features.upload.filenames import attachment, clean_filename
from new_backend.features.upload.models import Resume
from new_backend.features.upload.receive import MAX_OTHER_BYTES
from new_backend.features.upload.service import (
    FileNotFoundInStorageError,
    ResumeNotFoundError,
    UnsupportedFileError,
    UploadService,
)
from new_backend.features.upload.tests.test_storage import files
from new_backend.infrastructure.http.errors import InvalidRequestError
from new_backend.infrastructure.http.multipart import Event, PartBegins, PartData
from new_backend.infrastructure.persistence.postgres.connection import Database
from new_backend.infrastructure.storage.providers.local import LocalStorage

pytestmark = pytest.mark.anyio
MAX = 1000
FILE = PartBegins(b"file", b"cv.txt")


@pytest.fixture
def service(database: Database, storage: LocalStorage, clock: Clock) -> UploadService:
    return UploadService(database=database, storage=storage, max_bytes=MAX, now=clock)


async def stream(*events: Event, then: Exception | None = None) -> AsyncIterator[Event]:
    for event in events:
        yield event
    if then is not None:
        raise then


async def upload(service: UploadService, user_id: str, content: bytes = b"hello") -> Resume:
    return await service.upload(stream(FILE, PartData(content)), user_id=user_id)


async def total(service: UploadService, user_id: str) -> int:
    return (await service.list(user_id, limit=1, offset=0))[1]


async def test_an_upload_is_a_file_and_a_row(
    service: UploadService, user_id: str, clock: Clock, tmp_path: Path
) -> None:
    sent = stream(PartBegins(b"note", None), PartData(b"x"), FILE, PartData(b"hel"), PartData(b"lo"))
    resume = await service.upload(sent, user_id=user_id)
    assert (resume.filename, resume.size_bytes, resume.content_type) == ("cv.txt", 5, "text/plain")
    assert resume.created_at == clock()
    assert files(tmp_path / "files") == [f"files/{resume.id[:2]}/{resume.id}"]
    found, stored = await service.open(resume.id, user_id=user_id)
    with stored.file:
        assert (found.id, stored.file.read()) == (resume.id, b"hello")


NAMELESS = PartBegins(b"file", None)
OTHER = PartBegins(b"note", None)


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([], "Field required"),
        ([OTHER, PartData(b"x")], "Field required"),
        ([NAMELESS, PartData(b"x")], "Field required"),
        ([FILE, PartData(b"x"), FILE, PartData(b"x")], "Only one file is allowed"),
        ([FILE, FILE, PartData(b"x")], "Only one file is allowed"),
        ([FILE], "File is empty"),
    ],
)
async def test_a_body_without_one_good_file_leaves_nothing(
    service: UploadService, user_id: str, tmp_path: Path, events: list[Event], words: str
) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        await service.upload(stream(*events), user_id=user_id)
    assert [(fault["loc"], fault["msg"]) for fault in caught.value.detail] == [(["body", "file"], words)]
    assert (files(tmp_path / "files"), await total(service, user_id)) == ([], 0)


@pytest.mark.parametrize(
    "events",
    [
        [FILE, PartData(b"x" * MAX), PartData(b"x")],
        [FILE, PartData(b"x"), FILE, PartData(b"x" * (MAX + 1))],
        [OTHER, PartData(b"x" * MAX_OTHER_BYTES), OTHER, PartData(b"x")],
        [NAMELESS, PartData(b"x" * (MAX_OTHER_BYTES + 1))],
    ],
)
async def test_what_is_too_large_is_refused_as_soon_as_that_is_known(
    service: UploadService, user_id: str, tmp_path: Path, events: list[Event]
) -> None:
    with pytest.raises(HTTPException) as caught:
        await service.upload(stream(*events, then=AssertionError("it read on")), user_id=user_id)
    assert (caught.value.status_code, caught.value.detail) == (413, "File too large")
    assert files(tmp_path / "files") == []


async def test_a_file_of_exactly_the_limit_is_taken(service: UploadService, user_id: str) -> None:
    assert (await upload(service, user_id, b"x" * MAX)).size_bytes == MAX


async def test_a_kind_that_is_none_of_ours_leaves_nothing(service: UploadService, user_id: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFileError):
        await upload(service, user_id, b"\0\1\2\3")
    assert files(tmp_path / "files") == []


async def test_a_client_that_leaves_leaves_nothing(service: UploadService, user_id: str, tmp_path: Path) -> None:
    with pytest.raises(ClientDisconnect):
        await service.upload(stream(FILE, PartData(b"x"), then=ClientDisconnect()), user_id=user_id)
    assert (files(tmp_path / "files"), await total(service, user_id)) == ([], 0)


async def test_a_row_that_cannot_be_inserted_takes_its_file_away(service: UploadService, tmp_path: Path) -> None:
    with pytest.raises(IntegrityError):
        await upload(service, "00000000-0000-0000-0000-000000000000")
    assert files(tmp_path / "files") == []


async def test_resumes_are_listed_newest_first_and_by_pages(service: UploadService, user_id: str, clock: Clock) -> None:
    made = []
    for _ in range(3):
        made.append((await upload(service, user_id)).id)
        clock.advance(1)
    pages = [await service.list(user_id, limit=2, offset=offset) for offset in (0, 2, 4)]
    assert [resume.id for rows, _ in pages for resume in rows] == made[::-1]
    assert [count for _, count in pages] == [3, 3, 3]


@pytest.mark.parametrize("wrong", ["", "\0", "nonsense", "00000000-0000-0000-0000-000000000000"])
async def test_what_is_no_resume_is_not_found(service: UploadService, user_id: str, wrong: str) -> None:
    for call in (service.get, service.open, service.delete):
        with pytest.raises(ResumeNotFoundError):
            await call(wrong, user_id=user_id)


async def test_somebody_elses_resume_is_not_found(service: UploadService, user_id: str) -> None:
    resume = await upload(service, user_id)
    for call in (service.get, service.open, service.delete):
        with pytest.raises(ResumeNotFoundError):
            await call(resume.id, user_id="00000000-0000-0000-0000-000000000000")
        with pytest.raises(ResumeNotFoundError):
            await call(resume.id.upper(), user_id=user_id)


async def test_a_deleted_resume_is_gone_with_its_file(service: UploadService, user_id: str, tmp_path: Path) -> None:
    resume = await upload(service, user_id)
    await service.delete(resume.id, user_id=user_id)
    assert (files(tmp_path / "files"), await total(service, user_id)) == ([], 0)
    with pytest.raises(ResumeNotFoundError):
        await service.delete(resume.id, user_id=user_id)


async def test_a_row_without_a_file_is_told_apart(
    service: UploadService, user_id: str, database: Database, storage: LocalStorage
) -> None:
    lost, old = await upload(service, user_id), await upload(service, user_id)
    await storage.delete(str(lost.storage_key))
    async with database.write() as session:
        await session.execute(text("UPDATE resumes SET storage_key = NULL WHERE id = :id"), {"id": old.id})
    for resume in (lost, old):
        with pytest.raises(FileNotFoundInStorageError):
            await service.open(resume.id, user_id=user_id)
        await service.delete(resume.id, user_id=user_id)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        (b"cv.pdf", "cv.pdf"),
        (b"C:\\docs/my cv.pdf", "my cv.pdf"),
        (b"../../etc/passwd", "passwd"),
        ("Zoë.md".encode(), "Zoë.md"),
        (b"\xff.txt", "\ufffd.txt"),
        (b" \r\n\x00a\x7f.txt\t", "a.txt"),
        (b"", "resume"),
        (b"dir/", "resume"),
        (b" \x01 ", "resume"),
        (b"x" * 300 + b".pdf", "x" * 251 + ".pdf"),
    ],
)
def test_a_filename_is_what_follows_the_last_slash(raw: bytes, clean: str) -> None:
    assert clean_filename(raw) == clean


def test_a_filename_in_a_header_is_escaped() -> None:
    assert attachment('a"b;\u20ac (1)*.md') == "attachment; filename*=UTF-8''a%22b%3B%E2%82%AC%20%281%29%2A.md"
