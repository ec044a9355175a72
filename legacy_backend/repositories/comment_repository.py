from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from legacy_backend.models.comment import Comment


class CommentRepository:
    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def create(self, comment: Comment) -> Comment:
        self.db.add(comment)
        await self.db.flush()
        return comment

    async def list_for_review(self, review_id: str) -> Sequence[Comment]:
        """Oldest first."""
        oldest = select(Comment).where(Comment.review_id == review_id).order_by(Comment.created_at, Comment.id)
        return (await self.db.scalars(oldest)).all()

    async def delete(self, comment_id: str, review_id: str) -> bool:
        """False when the review has no such comment."""
        own = delete(Comment).where(Comment.id == comment_id, Comment.review_id == review_id)
        return await self.db.scalar(own.returning(Comment.id)) is not None
