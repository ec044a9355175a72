from datetime import datetime
from typing import Literal

from sqlalchemy import ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from legacy_backend.models.base import Base, UTCDateTime, new_id

JobStatus = Literal["queued", "running", "succeeded", "failed", "cancelled"]

FINAL_STATUSES = frozenset({"succeeded", "failed", "cancelled"})


class Job(Base):
    """One analysis. `claim` and `lease_until` belong to whoever runs it; `side` is who shall take it from the queue."""

    __tablename__ = "ai_jobs"
    __table_args__ = (
        Index("ix_ai_jobs_user_id_created_at", "user_id", "created_at"),
        Index("ix_ai_jobs_status_queued_at", "status", "queued_at"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    resume_id: Mapped[str] = mapped_column(ForeignKey("resumes.id", ondelete="CASCADE"), index=True)
    agent: Mapped[str] = mapped_column(String(40))
    job_text: Mapped[str | None] = mapped_column(Text)
    status: Mapped[JobStatus] = mapped_column(String(10))
    progress: Mapped[int] = mapped_column(Integer)
    step: Mapped[str | None] = mapped_column(String(40))
    attempt: Mapped[int] = mapped_column(Integer)
    interruptions: Mapped[int] = mapped_column(Integer)
    error: Mapped[str | None] = mapped_column(String(500))
    result: Mapped[str | None] = mapped_column(Text)
    side: Mapped[str] = mapped_column(String(10))
    claim: Mapped[str | None] = mapped_column(String(36))
    lease_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    queued_at: Mapped[datetime] = mapped_column(UTCDateTime)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
