from collections.abc import Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from legacy_backend.models.resume import Resume


class ResumeRepository:
    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def create(self, resume: Resume) -> Resume:
        self.db.add(resume)
        await self.db.flush()
        return resume

    async def get(self, resume_id: str) -> Resume | None:
        """Anybody's: for the analysis."""
        return await self.db.get(Resume, resume_id)

    async def get_for_user(self, resume_id: str, user_id: str) -> Resume | None:
        return await self.db.scalar(select(Resume).where(Resume.id == resume_id, Resume.user_id == user_id))

    async def list_for_user(self, user_id: str, limit: int, offset: int) -> Sequence[Resume]:
        """Newest first."""
        newest = select(Resume).where(Resume.user_id == user_id).order_by(Resume.created_at.desc(), Resume.id)
        return (await self.db.scalars(newest.limit(limit).offset(offset))).all()

    async def count_for_user(self, user_id: str) -> int:
        return await self.db.scalar(select(func.count()).where(Resume.user_id == user_id)) or 0

    async def delete_for_user(self, resume_id: str, user_id: str) -> Resume | None:
        """Jobs, reviews and comments go with it. The row that was, or None."""
        own = delete(Resume).where(Resume.id == resume_id, Resume.user_id == user_id).returning(Resume)
        return await self.db.scalar(own.execution_options(synchronize_session=False))
