"""What is done with one claimed job: its steps, and a change of the job after each."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import BinaryIO

import structlog

from new_backend.ai_agents.interface import AiError, AiService, Task
from new_backend.features.ai_agents.changes import Changes
from new_backend.features.ai_agents.models import FAILED, SUCCEEDED, Job
from new_backend.features.ai_agents.repository import JobRepository, claimed
from new_backend.features.upload.models import Resume
from new_backend.features.upload.repository import ResumeRepository
from new_backend.infrastructure.clock import Now, utc_now
from new_backend.infrastructure.persistence.postgres.connection import UNAVAILABLE, Database
from new_backend.infrastructure.persistence.redis.cache import Cache
from new_backend.infrastructure.storage.interface import FileMissingError, Storage
from new_backend.infrastructure.threads import LongWork
from resumekit.agents import AGENTS
from resumekit.extract import UnreadableFileError, text_of

LEASE = timedelta(seconds=30)
RENEW_SECONDS = 5.0
"""A step may take longer than a lease is long."""

TEXT_TTL_SECONDS = 24 * 3600
_MAX_ERROR = 500
_MISSING = "The file cannot be read: it is missing"

_log = structlog.get_logger()


class DroppedError(Exception):
    """The job is no longer ours: it was cancelled, deleted or taken over."""


class Texts:
    """The text of resumes: out of the cache, or out of the file."""

    def __init__(self, storage: Storage, cache: Cache, threads: LongWork) -> None:
        self._storage = storage
        self._cache = cache
        self._threads = threads

    async def of(self, resume: Resume) -> str:
        """Raises AiError when the file cannot be read."""
        key = f"text:{resume.sha256}:{resume.content_type}"
        text = await self._cache.get(key)
        if text is None:
            text = await self._read(resume)
            await self._cache.set(key, text, ttl_seconds=TEXT_TTL_SECONDS)
        return text

    async def _read(self, resume: Resume) -> str:
        if resume.storage_key is None:
            raise AiError(_MISSING)
        try:
            stored = await self._storage.open(resume.storage_key)
            return await self._threads.run(partial(_text_and_close, stored.file, resume.content_type))
        except FileMissingError as error:
            raise AiError(_MISSING) from error
        except UnreadableFileError as error:
            raise AiError(f"The file cannot be read: {error}") from error
        except OSError as error:
            raise AiError("The file cannot be read: the storage has failed") from error


class JobWork:
    def __init__(
        self,
        *,
        database: Database,
        changes: Changes,
        ai: AiService,
        texts: Texts,
        step_seconds: float,
        now: Now = utc_now,
    ) -> None:
        self._database = database
        self._changes = changes
        self._ai = ai
        self._texts = texts
        self._step_seconds = step_seconds
        self._now = now

    def steps(self, job: Job) -> tuple[str, ...]:
        return self._ai.steps(AGENTS[job.agent])

    async def do(self, job: Job) -> None:
        """All steps, and success or failure. Raises DroppedError, or what a database raises that is away: then the
        lease runs out, and somebody does it again."""
        try:
            await self._keep_while(job, self._do_steps(job))
        except AiError as error:
            await self._fail(job, str(error))
        except DroppedError:
            raise
        except UNAVAILABLE:
            raise
        except Exception:  # noqa: BLE001  # a strange file or answer ends its job, with words for the user
            _log.exception("a job failed", job=job.id)
            await self._fail(job, "The analysis failed")

    async def _do_steps(self, job: Job) -> None:
        steps = self.steps(job)
        text = await self._extract(job)
        task = self._ai.begin(AGENTS[job.agent], text=text, job_text=job.job_text, today=self._now().date())
        for done, step in enumerate(steps[1:], start=1):
            await self._change(job, progress=100 * done // len(steps), step=step, lease_until=self._now() + LEASE)
            await self._step(task, step)
        await self._end(job, status=SUCCEEDED, progress=100, result=task.result().model_dump_json())

    async def _extract(self, job: Job) -> str:
        await asyncio.sleep(self._step_seconds)
        async with self._database.read() as session:
            resume = await ResumeRepository(session).get(job.resume_id)
        if resume is None:
            raise DroppedError
        return await self._texts.of(resume)

    async def _step(self, task: Task, step: str) -> None:
        await asyncio.sleep(self._step_seconds)
        await task.do(step)

    async def _fail(self, job: Job, words: str) -> None:
        await self._end(job, status=FAILED, error=words[:_MAX_ERROR])

    async def _end(self, job: Job, **values: object) -> None:
        await self._change(job, step=None, claim=None, lease_until=None, finished_at=self._now(), **values)

    async def _change(self, job: Job, **values: object) -> None:
        """Raises DroppedError when the job is no longer this claim's."""
        async with self._database.write() as session:
            changed = await JobRepository(session).change(job.id, *claimed(job.claim), now=self._now(), **values)
        if changed is None:
            raise DroppedError
        self._changes.tell(job.id)

    async def _keep_while(self, job: Job, steps: Coroutine[None, None, None]) -> None:
        """Renews the lease while the steps are done, and gives them up with DroppedError when the job is lost."""
        doing = asyncio.create_task(steps, name=f"job-{job.id}")
        try:
            while not (await asyncio.wait({doing}, timeout=RENEW_SECONDS))[0]:
                await self._renew(job)
            await doing
        finally:
            if not doing.done():
                doing.cancel()
                await asyncio.wait({doing})

    async def _renew(self, job: Job) -> None:
        """A database that is away for a moment is no reason to give up: the lease is longer than that."""
        with suppress(*UNAVAILABLE):
            async with self._database.write() as session:
                until = self._now() + LEASE
                if not await JobRepository(session).renew(job.id, str(job.claim), until=until):
                    raise DroppedError


def _text_and_close(file: BinaryIO, kind: str) -> str:
    with file:
        return text_of(file, kind=kind)
