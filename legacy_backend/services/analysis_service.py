"""Does the steps of a job that has been claimed, and tells how it ended."""

import asyncio
from asyncio import get_running_loop
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import structlog

from legacy_backend.core.database import DATABASE_ERRORS, Database
from legacy_backend.core.storage import FileStorage
from legacy_backend.models.job import Job
from legacy_backend.models.resume import Resume
from legacy_backend.repositories.resume_repository import ResumeRepository
from legacy_backend.services.ai_providers import AIProvider, Result
from legacy_backend.services.errors import AnalysisError
from legacy_backend.services.job_claims import JobClaims, LostClaimError
from resumekit.agents import AGENTS
from resumekit.extract import UnreadableFileError, text_of

logger = structlog.get_logger()

_LEFT_TO_THE_LEASE: tuple[type[Exception], ...] = (LostClaimError, *DATABASE_ERRORS)


class AnalysisService:
    def __init__(
        self,
        database: Database,
        storage: FileStorage,
        *,
        provider: AIProvider,
        claims: JobClaims,
        pool: ThreadPoolExecutor,
        step_seconds: float,
    ) -> None:
        self.database = database
        self.storage = storage
        self.provider = provider
        self.claims = claims
        self.pool = pool
        self.step_seconds = step_seconds

    async def run(self, job: Job, claim: str, step_begins: Callable[[], None]) -> None:
        """Until the job has succeeded or failed. Raises LostClaimError, and what the database raises."""
        try:
            result = await self._analyse(job, claim, step_begins)
        except _LEFT_TO_THE_LEASE:
            raise
        except AnalysisError as error:
            await self.claims.fail(claim, str(error))
        except Exception:
            logger.exception("job failed", job=job.id)
            await self.claims.fail(claim, "The analysis failed")
        else:
            await self.claims.succeed(claim, result.model_dump_json())

    async def _analyse(self, job: Job, claim: str, step_begins: Callable[[], None]) -> Result:
        agent = AGENTS[job.agent]
        steps = self.provider.steps(agent)

        async def begin() -> None:
            step_begins()
            await asyncio.sleep(self.step_seconds)

        await begin()
        work = self.provider.begin(agent, await self._extract(job), job.job_text)
        for done, step in enumerate(steps[1:], start=1):
            await self.claims.advance(claim, done * 100 // len(steps), step)
            await begin()
            await work.do(step)
        return work.result()  # the end of the last step is told with the success

    async def _extract(self, job: Job) -> str:
        async with self.database.session() as db:
            resume = await ResumeRepository(db).get(job.resume_id)
        if resume is None:
            raise LostClaimError
        return await get_running_loop().run_in_executor(self.pool, self._read, resume)

    def _read(self, resume: Resume) -> str:
        """In a thread. Raises AnalysisError."""
        try:
            found = self.storage.open_now(resume.storage_key) if resume.storage_key else None
            if found is None:
                raise AnalysisError("The file cannot be read: it is missing")
            with found[0] as file:
                return text_of(file, kind=resume.content_type)
        except UnreadableFileError as error:
            raise AnalysisError(f"The file cannot be read: {error}") from error
        except OSError as error:
            raise AnalysisError("The file cannot be read: the storage has failed") from error
