"""Reviews, and the comments on them."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from new_backend.infrastructure.persistence.postgres.base import Entity, UtcDateTime


class Review(Entity):
    __tablename__ = "reviews"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    resume_id: Mapped[str] = mapped_column(ForeignKey("resumes.id", ondelete="CASCADE"), index=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("ai_jobs.id", ondelete="CASCADE"), unique=True)
    title: Mapped[str] = mapped_column(String(200))
    score: Mapped[int]
    summary: Mapped[str] = mapped_column(Text)
    criteria: Mapped[str] = mapped_column(Text)
    """JSON, as resumekit made it."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)

    __table_args__ = (Index("ix_reviews_user_id_created_at", "user_id", "created_at"),)


class Comment(Entity):
    __tablename__ = "review_comments"

    review_id: Mapped[str] = mapped_column(ForeignKey("reviews.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    section: Mapped[str | None] = mapped_column(String(100))
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
