"""What users do with jobs. Running them is `runner`'s."""

from collections.abc import Sequence

from sqlalchemy.exc import IntegrityError

from new_backend.features.ai_agents.changes import Changes
from new_backend.features.ai_agents.models import CANCELLED, FAILED, QUEUED, Job
from new_backend.features.ai_agents.repository import JobRepository, Story, open_still
from new_backend.features.ai_agents.schemas import StartJobRequest
from new_backend.features.upload.repository import ResumeRepository
from new_backend.features.upload.service import ResumeNotFoundError
from new_backend.infrastructure.clock import Now, utc_now
from new_backend.infrastructure.errors import ServiceError
from new_backend.infrastructure.fields import is_id
from new_backend.infrastructure.persistence.postgres.connection import Database

FRESHLY_QUEUED = {
    "status": QUEUED,
    "progress": 0,
    "step": None,
    "claim": None,
    "lease_until": None,
    "started_at": None,
}
"""What every job is that waits to be run, for the first time or again."""


class JobNotFoundError(ServiceError):
    status = 404
    detail = "Job not found"


class JobEndedError(ServiceError):
    status = 409
    detail = "Job has already ended"


class NotRetriableError(ServiceError):
    status = 409
    detail = "Only a failed or cancelled job can be retried"


class JobService:
    """`changes` is shared with the runner, which hears of new jobs by it."""

    def __init__(self, *, database: Database, changes: Changes, side: str, now: Now = utc_now) -> None:
        self._database = database
        self._changes = changes
        self._side = side
        self._now = now

    async def start(self, request: StartJobRequest, *, user_id: str) -> Job:
        """Raises ResumeNotFoundError, also when the resume is deleted at this very moment."""
        if not is_id(request.resume_id):
            raise ResumeNotFoundError
        now = self._now()
        job = Job(
            **FRESHLY_QUEUED,
            user_id=user_id,
            resume_id=request.resume_id,
            agent=request.agent,
            job_text=request.job_text,
            attempt=1,
            interruptions=0,
            side=self._side,
            queued_at=now,
            created_at=now,
        )
        try:
            async with self._database.write() as session:
                if await ResumeRepository(session).own(request.resume_id, user_id=user_id) is None:
                    raise ResumeNotFoundError
                await JobRepository(session).start(job)
        except IntegrityError as error:
            raise ResumeNotFoundError from error
        self._changes.queued()
        return job

    async def list(self, user_id: str, *, limit: int, offset: int) -> tuple[Sequence[Job], int]:
        """Newest first, and how many there are in all."""
        async with self._database.read() as session:
            return await JobRepository(session).page(Job.user_id == user_id, limit=limit, offset=offset)

    async def get(self, job_id: str, *, user_id: str) -> Job:
        """Raises JobNotFoundError, for somebody else's too."""
        async with self._database.read() as session:
            job = await JobRepository(session).own(job_id, user_id=user_id) if is_id(job_id) else None
        if job is None:
            raise JobNotFoundError
        return job

    async def cancel(self, job_id: str, *, user_id: str) -> Job:
        """At once and for good: who runs it finds out at its next change. Raises JobNotFoundError or JobEndedError."""
        await self.get(job_id, user_id=user_id)
        now = self._now()
        ended = {"status": CANCELLED, "step": None, "claim": None, "lease_until": None, "finished_at": now}
        async with self._database.write() as session:
            job = await JobRepository(session).change(job_id, open_still(), now=now, **ended)
        if job is None:
            raise await self._gone_or(job_id, JobEndedError(), user_id=user_id)
        self._changes.tell(job_id)
        return job

    async def retry(self, job_id: str, *, user_id: str) -> Job:
        """By this side, whichever ran it before. Raises JobNotFoundError, NotRetriableError."""
        await self.get(job_id, user_id=user_id)
        now = self._now()
        again = {
            **FRESHLY_QUEUED,
            "attempt": Job.attempt + 1,
            "interruptions": 0,
            "error": None,
            "result": None,
            "finished_at": None,
            "side": self._side,
            "queued_at": now,
        }
        async with self._database.write() as session:
            retriable = Job.status.in_((FAILED, CANCELLED))
            job = await JobRepository(session).change(job_id, retriable, now=now, **again)
        if job is None:
            raise await self._gone_or(job_id, NotRetriableError(), user_id=user_id)
        self._changes.tell(job_id)
        self._changes.queued()
        return job

    async def story(self, job_id: str, *, after: int, limit: int) -> Story | None:
        """For a follower, whose right to it was checked when it began."""
        async with self._database.read() as session:
            return await JobRepository(session).story(job_id, after=after, limit=limit)

    async def _gone_or(self, job_id: str, refusal: ServiceError, *, user_id: str) -> ServiceError:
        """A change that met nothing: the job is not what it must be, or was deleted since it was looked up."""
        try:
            await self.get(job_id, user_id=user_id)
        except JobNotFoundError as error:
            return error
        return refusal
