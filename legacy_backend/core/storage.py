"""The folder of files, which both sides share: incoming/{uuid}.part while they arrive, files/{xx}/{id} once complete.

All of it runs in threads: a disk may be slow, and the event loop must not wait for it.
"""

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Lock
from typing import BinaryIO, ParamSpec, TypeVar
from uuid import uuid4

from legacy_backend.core.config import ConfigError

PART_MAX_AGE_SECONDS = 3600

P = ParamSpec("P")
T = TypeVar("T")


class StorageError(Exception):
    """The disk refused, and why; answered 503."""


class IncomingFile:
    """A file that arrives, hashed on the way; wherever it is, it goes away again unless it is accepted.

    The lock is for a thread that still works on it when the task that waits for it has been cancelled.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = path.open("x+b")
        self.size_bytes = 0
        self.accepted = False
        self._sha256 = hashlib.sha256()
        self._lock = Lock()

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    async def write(self, data: bytes) -> None:
        """Raises StorageError. Returns when the bytes are written: whoever sends them has to wait."""
        await _in_thread(self._write, data)

    def _write(self, data: bytes) -> None:
        with self._lock:
            self.file.write(data)
            self._sha256.update(data)
            self.size_bytes += len(data)

    def move(self, target: Path) -> None:
        """Synced, so that after a power cut there is all of it."""
        with self._lock:
            self.file.flush()
            os.fsync(self.file.fileno())
            target.parent.mkdir(parents=True, exist_ok=True)
            self.path = self.path.replace(target)
        for folder in (target.parent, target.parent.parent):
            _sync_folder(folder)

    def end(self) -> None:
        with self._lock:
            try:
                self.file.close()
            finally:
                if not self.accepted:
                    self.path.unlink(missing_ok=True)


class FileStorage:
    def __init__(self, root: Path) -> None:
        self.root = root
        self._incoming = root / "incoming"

    async def prepare(self) -> None:
        """At start: makes the folders and removes what was left half-written. Raises ConfigError."""
        try:
            await _in_thread(self._prepare)
        except StorageError as error:
            raise ConfigError(f"cannot use the folder of files STORAGE_DIR={self.root}: {error}") from error

    @asynccontextmanager
    async def receive(self) -> AsyncIterator[IncomingFile]:
        """A new part file, gone afterwards unless `accepted` is set by who has moved it to its key and made its row."""
        incoming = await _in_thread(IncomingFile, self._incoming / f"{uuid4()}.part")
        try:
            yield incoming
        finally:
            await _in_thread(incoming.end)

    async def move(self, incoming: IncomingFile, key: str) -> None:
        """Raises StorageError."""
        await _in_thread(incoming.move, self._path(key))

    async def open(self, key: str) -> tuple[BinaryIO, int] | None:
        """The file and its size; None when there is none. Raises StorageError."""
        return await _in_thread(self.open_now, key)

    async def delete(self, key: str) -> None:
        """A file that is gone already is deleted. Raises StorageError."""
        await _in_thread(self._path(key).unlink, missing_ok=True)

    def open_now(self, key: str) -> tuple[BinaryIO, int] | None:
        """As `open`, for who is in a thread already; raises OSError."""
        try:
            file = self._path(key).open("rb")
        except FileNotFoundError:
            return None
        return file, os.fstat(file.fileno()).st_size

    def _path(self, key: str) -> Path:
        return self.root / key

    def _prepare(self) -> None:
        for folder in (self._incoming, self.root / "files"):
            folder.mkdir(parents=True, exist_ok=True)
        oldest = time.time() - PART_MAX_AGE_SECONDS
        for part in self._incoming.glob("*.part"):
            try:
                if part.stat().st_mtime < oldest:
                    part.unlink()
            except FileNotFoundError:  # the other side starts as well
                continue


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


async def _in_thread(function: Callable[P, T], *arguments: P.args, **more: P.kwargs) -> T:
    try:
        return await asyncio.to_thread(function, *arguments, **more)
    except OSError as error:
        raise StorageError(error.strerror or str(error)) from error
