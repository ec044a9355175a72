"""The queries of the feature. Every change of a job is a compare-and-set that also writes its event."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, update

from new_backend.features.ai_agents.models import ENDED, QUEUED, RUNNING, Job, JobEvent
from new_backend.infrastructure.persistence.postgres.base import BaseRepository
from resumekit.agents import AGENTS

_EXPIRED_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Story:
    """What a follower has not seen yet. `ended` is the final status once there is nothing after it."""

    events: Sequence[JobEvent]
    ended: str | None


class JobRepository(BaseRepository[Job]):
    model = Job

    async def own(self, job_id: str, *, user_id: str) -> Job | None:
        """None for somebody else's, exactly as for none."""
        return await self._session.scalar(select(Job).where(Job.id == job_id, Job.user_id == user_id))

    async def start(self, job: Job) -> Job:
        """Adds a new job, and the first event."""
        await self.add(job)
        await self._record(job, seq=1, now=job.created_at)
        return job

    async def change(self, job_id: str, *still: ColumnElement[bool], now: datetime, **values: object) -> Job | None:
        """Sets the values where the job still is what it was; None when it is not, or is gone.

        The update holds the row until the transaction ends, so events are numbered one after the other.
        """
        query = update(Job).where(Job.id == job_id, *still).values(**values).returning(Job)
        job = await self._session.scalar(query, execution_options={"populate_existing": True})
        if job is not None:
            last = await self._session.scalar(select(func.max(JobEvent.seq)).where(JobEvent.job_id == job_id))
            await self._record(job, seq=(last or 0) + 1, now=now)
        return job

    async def renew(self, job_id: str, claim: str, *, until: datetime) -> bool:
        """Keeps a lease from running out; no event. False when the job is no longer that claim's."""
        query = update(Job).where(Job.id == job_id, *claimed(claim)).values(lease_until=until)
        return await self._session.scalar(query.returning(Job.id)) is not None

    async def next_for(self, side: str, *, others_since: datetime) -> Job | None:
        """The job that has waited longest: of this side, or of the other if it was queued at that time or before.
        None of an agent that the other side may know and this one does not."""
        ours = or_(Job.side == side, Job.queued_at <= others_since)
        query = select(Job).where(Job.status == QUEUED, ours, Job.agent.in_(AGENTS))
        return await self._session.scalar(query.order_by(Job.queued_at, Job.id).limit(1))

    async def expired(self, *, now: datetime) -> Sequence[tuple[str, str | None, int]]:
        """Id, claim and interruptions of jobs whose runner has not renewed its lease."""
        query = select(Job.id, Job.claim, Job.interruptions).where(Job.status == RUNNING, Job.lease_until < now)
        rows = await self._session.execute(query.order_by(Job.lease_until).limit(_EXPIRED_AT_ONCE))
        return [(row[0], row[1], row[2]) for row in rows]

    async def story(self, job_id: str, *, after: int, limit: int) -> Story | None:
        """The next events and whether that is the end, of one moment, hence one statement. None: the job is gone."""
        query = (
            select(Job.status, JobEvent)
            .outerjoin(JobEvent, and_(JobEvent.job_id == Job.id, JobEvent.seq > after))
            .where(Job.id == job_id)
            .order_by(JobEvent.seq)
            .limit(limit)
        )
        rows = (await self._session.execute(query)).all()
        if not rows:
            return None
        status = rows[0][0]
        events = [row[1] for row in rows if row[1] is not None]
        return Story(events=events, ended=status if status in ENDED and len(events) < limit else None)

    async def _record(self, job: Job, *, seq: int, now: datetime) -> None:
        shown: dict[str, Any] = {name: getattr(job, name) for name in ("status", "progress", "step", "attempt")}
        self._session.add(JobEvent(job_id=job.id, seq=seq, created_at=now, **shown))
        await self._session.flush()


def claimed(claim: str | None) -> tuple[ColumnElement[bool], ...]:
    """The condition of every change by the one who runs the job."""
    return Job.status == RUNNING, Job.claim == claim


def open_still() -> ColumnElement[bool]:
    return Job.status.in_((QUEUED, RUNNING))
