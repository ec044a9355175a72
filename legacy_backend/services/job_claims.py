"""What the runner says to the database about jobs: each change a transaction, conditional on the claim."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from legacy_backend.core.config import SIDE
from legacy_backend.core.database import Database
from legacy_backend.core.security import now
from legacy_backend.models.job import Job
from legacy_backend.repositories.job_repository import JobRepository
from legacy_backend.services.job_notifier import JobNotifier

LEASE = timedelta(seconds=30)
ABANDONED_AFTER = timedelta(seconds=10)
MAX_INTERRUPTIONS = 3
ERROR_LENGTH = 500


class LostClaimError(Exception):
    """The job was cancelled, deleted or taken over: whoever works on it drops it."""


class JobClaims:
    def __init__(self, database: Database, notifier: JobNotifier) -> None:
        self.database = database
        self.notifier = notifier

    async def list_waiting(self, limit: int) -> Sequence[str]:
        async with self.database.session() as db:
            return await JobRepository(db).list_waiting(SIDE, now() - ABANDONED_AFTER, limit)

    async def take(self, job_id: str, claim: str, first_step: str) -> Job | None:
        """None when somebody else was first."""
        at = now()
        return await self._change(
            lambda jobs: jobs.claim(job_id, side=SIDE, claim=claim, first_step=first_step, at=at, until=at + LEASE)
        )

    async def advance(self, claim: str, progress: int, step: str | None) -> None:
        """Raises LostClaimError, as do `succeed` and `fail`."""
        until = now() + LEASE
        await self._change_held(lambda jobs: jobs.advance(claim, progress=progress, step=step, until=until))

    async def succeed(self, claim: str, result: str) -> None:
        await self._change_held(lambda jobs: jobs.succeed(claim, result, now()))

    async def fail(self, claim: str, error: str) -> None:
        await self._change_held(lambda jobs: jobs.fail(claim, error[:ERROR_LENGTH], now()))

    async def release(self, claim: str) -> None:
        """Back to the queue, for whoever takes it next. Nothing happens when the claim holds no longer."""
        await self._change(lambda jobs: jobs.release(claim, now()))

    async def renew(self, claims: Sequence[str]) -> set[str]:
        """Those that still hold."""
        if not claims:
            return set()
        async with self.database.transaction() as db:
            return set(await JobRepository(db).renew(claims, now() + LEASE))

    async def interrupt_expired(self) -> bool:
        """Jobs whose runner is gone, of either side, go back to the queue or fail. Whether one can be taken now."""
        async with self.database.session() as db:
            expired = await JobRepository(db).list_expired(now())
        changed = [await self._interrupt(job) for job in expired]
        return any(job is not None and job.status == "queued" for job in changed)

    async def _interrupt(self, job: Job) -> Job | None:
        at = now()
        if job.interruptions + 1 >= MAX_INTERRUPTIONS:
            return await self._change(lambda jobs: jobs.fail_expired(job, "The analysis was interrupted", at))
        return await self._change(lambda jobs: jobs.requeue_expired(job, side=SIDE, at=at))

    async def _change_held(self, change: Callable[[JobRepository], Awaitable[Job | None]]) -> None:
        if await self._change(change) is None:
            raise LostClaimError

    async def _change(self, change: Callable[[JobRepository], Awaitable[Job | None]]) -> Job | None:
        async with self.database.transaction() as db:
            job = await change(JobRepository(db))
        if job is not None:
            self.notifier.notify(job.id)
        return job
