from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from legacy_backend.models.resume import Resume


class ResumeRepository:
    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def list_for_user(self, user_id: str, limit: int = 100) -> Sequence[Resume]:
        """Newest first."""
        newest = select(Resume).where(Resume.user_id == user_id).order_by(Resume.created_at.desc(), Resume.id)
        return (await self.db.scalars(newest.limit(limit))).all()
