"""Uploads, their files, and what becomes of them."""

import asyncio
import re
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import BinaryIO

import structlog

from legacy_backend.core.database import Database
from legacy_backend.core.security import now
from legacy_backend.core.storage import FileStorage, IncomingFile, StorageError
from legacy_backend.models.base import new_id
from legacy_backend.models.resume import Resume
from legacy_backend.repositories.resume_repository import ResumeRepository
from legacy_backend.services.errors import NotFoundError, UnsupportedFileTypeError
from legacy_backend.services.ids import require_id
from resumekit.kinds import kind_of

NO_RESUME = "Resume not found"
NO_FILE = "File not found"
FILENAME_LENGTH = 255

logger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class StoredFile:
    """Open; whoever gets it closes it."""

    resume: Resume
    file: BinaryIO
    size_bytes: int


class ResumeService:
    def __init__(self, database: Database, storage: FileStorage) -> None:
        self.database = database
        self.storage = storage

    async def list_resumes(self, user_id: str, limit: int, offset: int) -> tuple[Sequence[Resume], int]:
        """A page, and how many there are."""
        async with self.database.session() as db:
            resumes = ResumeRepository(db)
            return await resumes.list_for_user(user_id, limit, offset), await resumes.count_for_user(user_id)

    async def get_resume(self, user_id: str, resume_id: str) -> Resume:
        """Raises NotFoundError."""
        require_id(resume_id, NO_RESUME)
        async with self.database.session() as db:
            resume = await ResumeRepository(db).get_for_user(resume_id, user_id)
        if resume is None:
            raise NotFoundError(NO_RESUME)
        return resume

    def receive_file(self) -> AbstractAsyncContextManager[IncomingFile]:
        """Where an upload is written to; gone afterwards unless `create_resume` has accepted it."""
        return self.storage.receive()

    async def create_resume(self, user_id: str, incoming: IncomingFile, client_filename: bytes) -> Resume:
        """Raises UnsupportedFileTypeError. The file is in its place before there is a row."""
        filename = clean_filename(client_filename)
        kind = await asyncio.to_thread(kind_of, incoming.file, filename=filename)
        if kind is None:
            raise UnsupportedFileTypeError
        resume_id = new_id()
        resume = Resume(
            id=resume_id,
            user_id=user_id,
            filename=filename,
            content_type=kind,
            size_bytes=incoming.size_bytes,
            sha256=incoming.sha256,
            storage_key=f"files/{resume_id[:2]}/{resume_id}",
            created_at=now(),
        )
        await self.storage.move(incoming, str(resume.storage_key))
        return await self._accept(resume, incoming)

    async def open_file(self, user_id: str, resume_id: str) -> StoredFile:
        """Raises NotFoundError, also for a row without a file."""
        resume = await self.get_resume(user_id, resume_id)
        found = await self.storage.open(resume.storage_key) if resume.storage_key and resume.sha256 else None
        if found is None:
            raise NotFoundError(NO_FILE)
        return StoredFile(resume, *found)

    async def delete_resume(self, user_id: str, resume_id: str) -> None:
        """Raises NotFoundError. First the row, with its jobs and reviews; a file without a row bothers nobody."""
        require_id(resume_id, NO_RESUME)
        async with self.database.transaction() as db:
            resume = await ResumeRepository(db).delete_for_user(resume_id, user_id)
        if resume is None:
            raise NotFoundError(NO_RESUME)
        if resume.storage_key is None:
            return
        try:
            await self.storage.delete(resume.storage_key)
        except StorageError as error:
            logger.error("file left over", key=resume.storage_key, reason=str(error))

    async def _accept(self, resume: Resume, incoming: IncomingFile) -> Resume:
        """A shutdown that comes while the row is committed leaves the file: better one too many than one too few."""
        try:
            async with self.database.transaction() as db:
                created = await ResumeRepository(db).create(resume)
                incoming.accepted = True
        except Exception:
            incoming.accepted = False
            raise
        return created


def clean_filename(raw: bytes) -> str:
    """What a client calls a file, without folders and control characters. The end is kept, with the extension."""
    last = re.split(rb"[/\\]", raw)[-1].decode("utf-8", "replace")
    return re.sub(r"[\x00-\x1f\x7f]", "", last).strip()[-FILENAME_LENGTH:] or "resume"
