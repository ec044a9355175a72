from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import case, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from legacy_backend.models.review import Review


class ReviewRepository:
    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def create(self, review: Review) -> Review:
        """Raises IntegrityError when the job has a review already, or is gone."""
        self.db.add(review)
        await self.db.flush()
        return review

    async def get_for_user(self, review_id: str, user_id: str) -> Review | None:
        return await self.db.scalar(select(Review).where(Review.id == review_id, Review.user_id == user_id))

    async def exists_for_job(self, job_id: str) -> bool:
        return await self.db.scalar(select(Review.id).where(Review.job_id == job_id)) is not None

    async def list_for_user(self, user_id: str, limit: int, offset: int) -> Sequence[Review]:
        """Newest first."""
        newest = select(Review).where(Review.user_id == user_id).order_by(Review.created_at.desc(), Review.id)
        return (await self.db.scalars(newest.limit(limit).offset(offset))).all()

    async def count_for_user(self, user_id: str) -> int:
        return await self.db.scalar(select(func.count()).where(Review.user_id == user_id)) or 0

    async def touch(self, review_id: str, user_id: str, at: datetime) -> bool:
        """False when the user has no such review. It cannot go away before the end of the transaction.

        Of two at once the later one counts, whichever comes first.
        """
        own = update(Review).where(Review.id == review_id, Review.user_id == user_id)
        later = case((Review.updated_at < at, at), else_=Review.updated_at)
        return await self.db.scalar(own.values(updated_at=later).returning(Review.id)) is not None

    async def delete_for_user(self, review_id: str, user_id: str) -> bool:
        """Its comments go with it. False when the user has no such review."""
        own = delete(Review).where(Review.id == review_id, Review.user_id == user_id)
        return await self.db.scalar(own.returning(Review.id)) is not None
