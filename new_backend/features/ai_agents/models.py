"""Jobs, and what happened to each."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from new_backend.infrastructure.persistence.postgres.base import Base, Entity, UtcDateTime

QUEUED = "queued"
RUNNING = "running"
SUCCEEDED = "succeeded"
FAILED = "failed"
CANCELLED = "cancelled"
ENDED = frozenset({SUCCEEDED, FAILED, CANCELLED})


class Job(Entity):
    """Both sides run jobs of this table. Whoever changes one says in the same statement what it must still be."""

    __tablename__ = "ai_jobs"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    resume_id: Mapped[str] = mapped_column(ForeignKey("resumes.id", ondelete="CASCADE"), index=True)
    agent: Mapped[str] = mapped_column(String(40))
    job_text: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(10))
    progress: Mapped[int]
    step: Mapped[str | None] = mapped_column(String(40))
    attempt: Mapped[int]
    interruptions: Mapped[int]
    error: Mapped[str | None] = mapped_column(String(500))
    result: Mapped[str | None] = mapped_column(Text)
    side: Mapped[str] = mapped_column(String(10))
    """Which runs it, unless that one does not come to it."""
    claim: Mapped[str | None] = mapped_column(String(36))
    """Of the one runner whose changes still count."""
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    queued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (
        Index("ix_ai_jobs_user_id_created_at", "user_id", "created_at"),
        Index("ix_ai_jobs_status_queued_at", "status", "queued_at"),
    )


class JobEvent(Base):
    """The job as it was after one change. `seq` is from 1, without holes."""

    __tablename__ = "ai_job_events"

    job_id: Mapped[str] = mapped_column(ForeignKey("ai_jobs.id", ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    status: Mapped[str] = mapped_column(String(10))
    progress: Mapped[int]
    step: Mapped[str | None] = mapped_column(String(40))
    attempt: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
