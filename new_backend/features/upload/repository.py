"""The queries of the feature."""

from sqlalchemy import delete, select

from new_backend.features.upload.models import Resume
from new_backend.infrastructure.persistence.postgres.base import BaseRepository


class ResumeRepository(BaseRepository[Resume]):
    model = Resume

    async def own(self, resume_id: str, *, user_id: str) -> Resume | None:
        """None for somebody else's, exactly as for none."""
        return await self._session.scalar(select(Resume).where(Resume.id == resume_id, Resume.user_id == user_id))

    async def remove_own(self, resume_id: str, *, user_id: str) -> Resume | None:
        """The row as it was, for one of any number of callers; jobs, reviews and comments go with it."""
        query = delete(Resume).where(Resume.id == resume_id, Resume.user_id == user_id).returning(Resume)
        return await self._session.scalar(query)
