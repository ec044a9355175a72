"""The queries of the feature."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import case, delete, select, update

from new_backend.features.resume_review.models import Comment, Review
from new_backend.infrastructure.persistence.postgres.base import BaseRepository


class ReviewRepository(BaseRepository[Review]):
    model = Review

    async def own(self, review_id: str, *, user_id: str) -> Review | None:
        """None for somebody else's, exactly as for none."""
        return await self._session.scalar(select(Review).where(Review.id == review_id, Review.user_id == user_id))

    async def of_job(self, job_id: str) -> Review | None:
        return await self._session.scalar(select(Review).where(Review.job_id == job_id))

    async def touch_own(self, review_id: str, *, user_id: str, now: datetime) -> bool:
        """Sets `updated_at`, which never goes back: of two changes at once either may be committed first. Keeps the
        review there until the transaction ends. False when there is none."""
        later = case((Review.updated_at < now, now), else_=Review.updated_at)
        query = update(Review).where(Review.id == review_id, Review.user_id == user_id).values(updated_at=later)
        return await self._session.scalar(query.returning(Review.id)) is not None

    async def remove_own(self, review_id: str, *, user_id: str) -> bool:
        query = delete(Review).where(Review.id == review_id, Review.user_id == user_id)
        return await self._session.scalar(query.returning(Review.id)) is not None


class CommentRepository(BaseRepository[Comment]):
    model = Comment

    async def of_review(self, review_id: str) -> Sequence[Comment]:
        """Oldest first."""
        query = select(Comment).where(Comment.review_id == review_id).order_by(Comment.created_at, Comment.id)
        return (await self._session.scalars(query)).all()

    async def remove(self, comment_id: str, *, review_id: str) -> bool:
        query = delete(Comment).where(Comment.id == comment_id, Comment.review_id == review_id)
        return await self._session.scalar(query.returning(Comment.id)) is not None
