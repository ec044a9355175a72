"""Jobs as users see them. Who runs them: job_runner."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError

from legacy_backend.core.config import SIDE
from legacy_backend.core.database import Database
from legacy_backend.core.security import now
from legacy_backend.models.job import FINAL_STATUSES, Job
from legacy_backend.models.job_event import JobEvent
from legacy_backend.repositories.job_event_repository import JobEventRepository
from legacy_backend.repositories.job_repository import JobRepository
from legacy_backend.repositories.resume_repository import ResumeRepository
from legacy_backend.services.errors import ConflictError, NotFoundError
from legacy_backend.services.ids import require_id
from legacy_backend.services.job_notifier import JobNotifier
from legacy_backend.services.resume_service import NO_RESUME

NO_JOB = "Job not found"
MAX_NEWS = 1000


@dataclass(frozen=True, slots=True)
class JobNews:
    """Events not heard of yet, and how it all ended: with a final status, "deleted", or None as long as it goes on."""

    events: Sequence[JobEvent]
    ending: str | None


class JobService:
    """`wake` is called when there is something to take from the queue."""

    def __init__(self, database: Database, notifier: JobNotifier, wake: Callable[[], None]) -> None:
        self.database = database
        self.notifier = notifier
        self.wake = wake

    async def create_job(self, user_id: str, resume_id: str, agent: str, job_text: str | None) -> Job:
        """Raises NotFoundError when the resume is not the user's."""
        require_id(resume_id, NO_RESUME)
        job = _new_job(user_id, resume_id, agent, job_text)
        try:
            async with self.database.transaction() as db:
                if await ResumeRepository(db).get_for_user(resume_id, user_id) is None:
                    raise NotFoundError(NO_RESUME)
                await JobRepository(db).create(job)
        except IntegrityError as error:  # deleted just now
            raise NotFoundError(NO_RESUME) from error
        self.wake()
        return job

    async def get_job(self, user_id: str, job_id: str) -> Job:
        """Raises NotFoundError."""
        require_id(job_id, NO_JOB)
        async with self.database.session() as db:
            job = await JobRepository(db).get_for_user(job_id, user_id)
        if job is None:
            raise NotFoundError(NO_JOB)
        return job

    async def list_jobs(self, user_id: str, limit: int, offset: int) -> tuple[Sequence[Job], int]:
        """A page, and how many there are."""
        async with self.database.session() as db:
            jobs = JobRepository(db)
            return await jobs.list_for_user(user_id, limit, offset), await jobs.count_for_user(user_id)

    async def cancel_job(self, user_id: str, job_id: str) -> Job:
        """Raises NotFoundError and ConflictError. Whoever runs it finds out, and drops it."""
        require_id(job_id, NO_JOB)
        async with self.database.transaction() as db:
            job = await JobRepository(db).cancel(job_id, user_id, now())
        return await self._changed(job, user_id, job_id, "Job has already ended")

    async def retry_job(self, user_id: str, job_id: str) -> Job:
        """Raises NotFoundError and ConflictError."""
        require_id(job_id, NO_JOB)
        async with self.database.transaction() as db:
            job = await JobRepository(db).retry(job_id, user_id, SIDE, now())
        job = await self._changed(job, user_id, job_id, "Only a failed or cancelled job can be retried")
        self.wake()
        return job

    async def get_news(self, job_id: str, after: int) -> JobNews:
        """Of a job that retries go on with, an ending that is followed by more is none."""
        async with self.database.session() as db:
            status = await JobRepository(db).get_status(job_id)
            events = await JobEventRepository(db).list_after(job_id, after, MAX_NEWS)
        if status is None:
            return JobNews(events, "deleted")
        if len(events) == MAX_NEWS:
            return JobNews(events, None)  # there may be more
        latest = events[-1].status if events else status
        return JobNews(events, latest if latest in FINAL_STATUSES else None)

    async def _changed(self, job: Job | None, user_id: str, job_id: str, refusal: str) -> Job:
        if job is None:
            await self.get_job(user_id, job_id)
            raise ConflictError(refusal)
        self.notifier.notify(job_id)
        return job


def _new_job(user_id: str, resume_id: str, agent: str, job_text: str | None) -> Job:
    at = now()
    return Job(
        user_id=user_id,
        resume_id=resume_id,
        agent=agent,
        job_text=job_text,
        status="queued",
        progress=0,
        attempt=1,
        interruptions=0,
        side=SIDE,
        queued_at=at,
        created_at=at,
    )
