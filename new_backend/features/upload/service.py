"""What the feature does. Knows nothing of requests, but for the words of what is refused in an upload's body."""

from collections.abc import AsyncIterator, Sequence
from uuid import uuid4

import structlog

from new_backend.features.upload.models import Resume
from new_backend.features.upload.receive import receive_file
from new_backend.features.upload.repository import ResumeRepository
from new_backend.infrastructure.clock import Now, utc_now
from new_backend.infrastructure.errors import ServiceError
from new_backend.infrastructure.fields import is_id
from new_backend.infrastructure.http.multipart import Event
from new_backend.infrastructure.persistence.postgres.connection import Database
from new_backend.infrastructure.storage.interface import FileMissingError, Storage, StoredFile

_log = structlog.get_logger()


class ResumeNotFoundError(ServiceError):
    status = 404
    detail = "Resume not found"


class FileNotFoundInStorageError(ServiceError):
    """There is a row without a file: one from before files were kept, or whose file was lost."""

    status = 404
    detail = "File not found"


class UnsupportedFileError(ServiceError):
    status = 415
    detail = "Unsupported file type"


class UploadService:
    def __init__(self, *, database: Database, storage: Storage, max_bytes: int, now: Now = utc_now) -> None:
        self._database = database
        self._storage = storage
        self._max_bytes = max_bytes
        self._now = now

    async def upload(self, events: AsyncIterator[Event], *, user_id: str) -> Resume:
        """Stores the file whole and then the row. Raises what `receive_file` does, and UnsupportedFileError.

        A client that leaves, a body that is refused, a database that is away: neither file nor row is left.
        """
        resume_id = str(uuid4())
        resume = Resume(id=resume_id, user_id=user_id, storage_key=f"files/{resume_id[:2]}/{resume_id}")
        key = str(resume.storage_key)
        try:
            await self._store(events, resume, key)
            resume.created_at = self._now()
            async with self._database.write() as session:
                return await ResumeRepository(session).add(resume)
        except BaseException:
            await self._remove(key)
            raise

    async def list(self, user_id: str, *, limit: int, offset: int) -> tuple[Sequence[Resume], int]:
        """Newest first, and how many there are in all."""
        async with self._database.read() as session:
            return await ResumeRepository(session).page(Resume.user_id == user_id, limit=limit, offset=offset)

    async def get(self, resume_id: str, *, user_id: str) -> Resume:
        """Raises ResumeNotFoundError, for somebody else's too."""
        async with self._database.read() as session:
            resume = await ResumeRepository(session).own(resume_id, user_id=user_id) if is_id(resume_id) else None
        if resume is None:
            raise ResumeNotFoundError
        return resume

    async def open(self, resume_id: str, *, user_id: str) -> tuple[Resume, StoredFile]:
        """The caller closes the file. Raises ResumeNotFoundError or FileNotFoundInStorageError."""
        resume = await self.get(resume_id, user_id=user_id)
        if resume.storage_key is None:
            raise FileNotFoundInStorageError
        try:
            return resume, await self._storage.open(resume.storage_key)
        except FileMissingError as error:
            raise FileNotFoundInStorageError from error

    async def delete(self, resume_id: str, *, user_id: str) -> None:
        """The row, and all that hangs on it, and then the file. Raises ResumeNotFoundError."""
        if not is_id(resume_id):
            raise ResumeNotFoundError
        async with self._database.write() as session:
            resume = await ResumeRepository(session).remove_own(resume_id, user_id=user_id)
        if resume is None:
            raise ResumeNotFoundError
        if resume.storage_key is not None:
            await self._remove(resume.storage_key)

    async def _store(self, events: AsyncIterator[Event], resume: Resume, key: str) -> None:
        """Puts the file under its key, and what is known of it into the row, which is not stored yet."""
        async with self._storage.receive() as incoming:
            resume.filename = await receive_file(events, incoming, max_bytes=self._max_bytes)
            kind = await incoming.kind(resume.filename)
            if kind is None:
                raise UnsupportedFileError
            resume.content_type = kind
            resume.size_bytes = incoming.size
            resume.sha256 = await incoming.keep(key)

    async def _remove(self, key: str) -> None:
        """A file that stays is a waste of space, and no reason to answer otherwise."""
        try:
            await self._storage.delete(key)
        except OSError as error:
            _log.warning("a file could not be removed", key=key, error=type(error).__name__)
