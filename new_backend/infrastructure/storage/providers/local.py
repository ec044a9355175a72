"""Files in a folder, which both sides of the application share.

incoming/{uuid}.part  what is being received
{key}                 what is complete: renamed, never copied, so no reader meets half a file

All of it in threads. What must happen even when the request is cancelled is handed to a thread and shielded.
"""

import asyncio
import contextlib
import errno
import hashlib
import io
import os
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from new_backend.infrastructure.settings import SetupError
from new_backend.infrastructure.storage.interface import FileMissingError, StoredFile
from resumekit.kinds import kind_of

PART_LIFE_SECONDS = 3600


class LocalStorage:
    def __init__(self, folder: Path) -> None:
        """Touches nothing yet."""
        self._folder = folder
        self._incoming = folder / "incoming"

    async def prepare(self) -> None:
        """Raises SetupError when the folder cannot be used."""
        try:
            await asyncio.to_thread(self._prepare)
        except OSError as error:
            raise SetupError(f"cannot use the folder of files STORAGE_DIR={self._folder}: {error.strerror}") from error

    @asynccontextmanager
    async def receive(self) -> AsyncIterator["IncomingFile"]:
        incoming = IncomingFile(self._folder, self._incoming / f"{uuid4()}.part")
        try:
            await asyncio.to_thread(incoming.open)
            yield incoming
        finally:
            await asyncio.shield(asyncio.to_thread(incoming.discard))

    async def open(self, key: str) -> StoredFile:
        return await asyncio.to_thread(_open, self._folder / key)

    async def delete(self, key: str) -> None:
        await asyncio.shield(asyncio.to_thread((self._folder / key).unlink, missing_ok=True))

    def _prepare(self) -> None:
        self._incoming.mkdir(parents=True, exist_ok=True)
        if not os.access(self._incoming, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        oldest = time.time() - PART_LIFE_SECONDS
        for part in self._incoming.glob("*.part"):
            with contextlib.suppress(FileNotFoundError):  # the other side starts, and tidies up, at the same time
                if part.stat().st_mtime < oldest:
                    part.unlink()


class IncomingFile:
    """One part file. Each method's work is done in a thread, one at a time: a request that was cancelled while a thread
    wrote, or renamed, has its discard wait for that."""

    def __init__(self, folder: Path, part: Path) -> None:
        self.size = 0
        self._folder = folder
        self._part = part
        self._hash = hashlib.sha256()
        self._file: BinaryIO = io.BytesIO()  # until it is opened
        self._kept = self._discarded = False
        self._lock = threading.Lock()

    def open(self) -> None:
        """Called once, before anything else; in vain where the request was cancelled before it came to this."""
        with self._lock:
            if not self._discarded:
                self._file = self._part.open("x+b")

    async def write(self, chunk: bytes) -> None:
        await asyncio.to_thread(self._write, chunk)
        self.size += len(chunk)

    async def kind(self, filename: str) -> str | None:
        return await asyncio.to_thread(self._kind, filename)

    async def keep(self, key: str) -> str:
        await asyncio.shield(asyncio.to_thread(self._keep, self._folder / key))
        return self._hash.hexdigest()

    def discard(self) -> None:
        """Closes, and removes what was not kept."""
        with self._lock:
            self._discarded = True
            self._file.close()
            if not self._kept:
                self._part.unlink(missing_ok=True)

    def _write(self, chunk: bytes) -> None:
        with self._lock:
            self._file.write(chunk)
            self._hash.update(chunk)

    def _kind(self, filename: str) -> str | None:
        with self._lock:
            self._file.flush()
            return kind_of(self._file, filename=filename)

    def _keep(self, place: Path) -> None:
        with self._lock:
            self._file.flush()
            os.fsync(self._file.fileno())
            place.parent.mkdir(parents=True, exist_ok=True)
            self._part.rename(place)
            self._kept = True
            for folder in (place.parent, place.parent.parent):
                _sync_folder(folder)


def _open(path: Path) -> StoredFile:
    try:
        file: BinaryIO = path.open("rb")
    except FileNotFoundError as error:
        raise FileMissingError from error
    return StoredFile(file=file, size=os.fstat(file.fileno()).st_size)


def _sync_folder(folder: Path) -> None:
    """So that the new name, too, outlives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
