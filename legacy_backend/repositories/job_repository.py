from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from legacy_backend.core.security import now
from legacy_backend.models.job import FINAL_STATUSES, Job
from legacy_backend.models.job_event import JobEvent

QUEUED_AGAIN: dict[str, Any] = {
    "status": "queued",
    "progress": 0,
    "step": None,
    "claim": None,
    "lease_until": None,
    "started_at": None,
}
"""What a job is when it goes back to the queue, whoever puts it there."""


class JobRepository:
    """Each change is conditional on what the job was: None when somebody else was first, or when it is gone."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def create(self, job: Job) -> Job:
        """Raises IntegrityError when the resume is gone."""
        self.db.add(job)
        await self.db.flush()
        await self._append_event(job)
        return job

    async def get_for_user(self, job_id: str, user_id: str) -> Job | None:
        return await self.db.scalar(select(Job).where(Job.id == job_id, Job.user_id == user_id))

    async def list_for_user(self, user_id: str, limit: int, offset: int) -> Sequence[Job]:
        """Newest first."""
        newest = select(Job).where(Job.user_id == user_id).order_by(Job.created_at.desc(), Job.id)
        return (await self.db.scalars(newest.limit(limit).offset(offset))).all()

    async def count_for_user(self, user_id: str) -> int:
        return await self.db.scalar(select(func.count()).where(Job.user_id == user_id)) or 0

    async def get_status(self, job_id: str) -> str | None:
        return await self.db.scalar(select(Job.status).where(Job.id == job_id))

    async def cancel(self, job_id: str, user_id: str, at: datetime) -> Job | None:
        return await self._change(
            Job.id == job_id,
            Job.user_id == user_id,
            Job.status.not_in(FINAL_STATUSES),
            status="cancelled",
            step=None,
            claim=None,
            lease_until=None,
            finished_at=at,
        )

    async def retry(self, job_id: str, user_id: str, side: str, at: datetime) -> Job | None:
        again = {**QUEUED_AGAIN, "error": None, "result": None, "finished_at": None}
        return await self._change(
            Job.id == job_id,
            Job.user_id == user_id,
            Job.status.in_(("failed", "cancelled")),
            **again,
            attempt=Job.attempt + 1,
            interruptions=0,
            side=side,
            queued_at=at,
        )

    async def list_waiting(self, side: str, abandoned_before: datetime, limit: int) -> Sequence[str]:
        """Ids, oldest first: the side's own, and those of the other side that nobody has claimed for too long."""
        takeable = (Job.side == side) | (Job.queued_at <= abandoned_before)
        waiting = select(Job.id).where(Job.status == "queued", takeable).order_by(Job.queued_at, Job.id)
        return (await self.db.scalars(waiting.limit(limit))).all()

    async def claim(
        self, job_id: str, *, side: str, claim: str, first_step: str, at: datetime, until: datetime
    ) -> Job | None:
        return await self._change(
            Job.id == job_id,
            Job.status == "queued",
            status="running",
            progress=0,
            step=first_step,
            side=side,
            claim=claim,
            lease_until=until,
            started_at=at,
        )

    async def advance(self, claim: str, *, progress: int, step: str | None, until: datetime) -> Job | None:
        return await self._change(*_held(claim), progress=progress, step=step, lease_until=until)

    async def succeed(self, claim: str, result: str, at: datetime) -> Job | None:
        return await self._end(*_held(claim), status="succeeded", progress=100, result=result, finished_at=at)

    async def fail(self, claim: str, error: str, at: datetime) -> Job | None:
        return await self._end(*_held(claim), status="failed", error=error, finished_at=at)

    async def release(self, claim: str, at: datetime) -> Job | None:
        """Back to the queue, without counting it as an interruption."""
        return await self._change(*_held(claim), **QUEUED_AGAIN, queued_at=at)

    async def renew(self, claims: Sequence[str], until: datetime) -> Sequence[str]:
        """Those of the claims that still hold. No change of the job, so no event."""
        held = update(Job).where(Job.claim.in_(claims), Job.status == "running").values(lease_until=until)
        return [claim for claim in await self.db.scalars(held.returning(Job.claim)) if claim is not None]

    async def list_expired(self, at: datetime) -> Sequence[Job]:
        return (await self.db.scalars(select(Job).where(Job.status == "running", Job.lease_until <= at))).all()

    async def requeue_expired(self, job: Job, *, side: str, at: datetime) -> Job | None:
        return await self._change(
            *_expired(job, at), **QUEUED_AGAIN, interruptions=job.interruptions + 1, side=side, queued_at=at
        )

    async def fail_expired(self, job: Job, error: str, at: datetime) -> Job | None:
        return await self._end(
            *_expired(job, at), status="failed", error=error, interruptions=job.interruptions + 1, finished_at=at
        )

    async def _end(self, *where: ColumnElement[bool], **values: Any) -> Job | None:
        return await self._change(*where, **values, step=None, claim=None, lease_until=None)

    async def _change(self, *where: ColumnElement[bool], **values: Any) -> Job | None:
        """The row is locked from here to the end of the transaction, so nobody else counts events of this job."""
        changed = update(Job).where(*where).values(**values).returning(Job)
        fresh = {"synchronize_session": False, "populate_existing": True}
        job = await self.db.scalar(changed.execution_options(**fresh))
        if job is not None:
            await self._append_event(job)
        return job

    async def _append_event(self, job: Job) -> None:
        last = select(func.coalesce(func.max(JobEvent.seq), 0)).where(JobEvent.job_id == job.id)
        event = {"status": job.status, "progress": job.progress, "step": job.step, "attempt": job.attempt}
        next_seq = last.scalar_subquery() + 1
        await self.db.execute(insert(JobEvent).values(job_id=job.id, seq=next_seq, created_at=now(), **event))


def _held(claim: str) -> tuple[ColumnElement[bool], ...]:
    return Job.claim == claim, Job.status == "running"


def _expired(job: Job, at: datetime) -> tuple[ColumnElement[bool], ...]:
    return Job.id == job.id, Job.status == "running", Job.claim == job.claim, Job.lease_until <= at
