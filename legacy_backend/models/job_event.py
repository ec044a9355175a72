from datetime import datetime

from sqlalchemy import ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from legacy_backend.models.base import Base, UTCDateTime
from legacy_backend.models.job import JobStatus


class JobEvent(Base):
    """What a job was after each change; `seq` counts from 1, without holes."""

    __tablename__ = "ai_job_events"

    job_id: Mapped[str] = mapped_column(ForeignKey("ai_jobs.id", ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    status: Mapped[JobStatus] = mapped_column(String(10))
    progress: Mapped[int] = mapped_column(Integer)
    step: Mapped[str | None] = mapped_column(String(40))
    attempt: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
