from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from legacy_backend.models.job_event import JobEvent


class JobEventRepository:
    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def list_after(self, job_id: str, seq: int, limit: int) -> Sequence[JobEvent]:
        """Oldest first."""
        later = select(JobEvent).where(JobEvent.job_id == job_id, JobEvent.seq > seq).order_by(JobEvent.seq)
        return (await self.db.scalars(later.limit(limit))).all()
