"""Runs jobs: this side's at once, and those that the other side has left lying.

    queued    -> running    a worker claims it: only who holds the claim may change it from here on
    running   -> running    a step is done; the lease is renewed
    running   -> succeeded  all steps are done
    running   -> failed     a step says why
    running   -> queued     this process shuts down (not counted), or the lease ran out (an interruption)
    running   -> failed     the third interruption

A change that meets nothing means that the job was cancelled, deleted or taken over: it is dropped without a word.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import NoReturn
from uuid import uuid4

import structlog

from new_backend.features.ai_agents.changes import Changes
from new_backend.features.ai_agents.models import FAILED, QUEUED, RUNNING, Job
from new_backend.features.ai_agents.repository import JobRepository, claimed
from new_backend.features.ai_agents.service import FRESHLY_QUEUED
from new_backend.features.ai_agents.work import LEASE, DroppedError, JobWork
from new_backend.infrastructure.clock import Now, utc_now
from new_backend.infrastructure.outage import Outage
from new_backend.infrastructure.persistence.postgres.connection import UNAVAILABLE, Database

AT_A_TIME = 2
LOOK_SECONDS = 1.0
OTHERS_AFTER = timedelta(seconds=10)
MAX_INTERRUPTIONS = 3
_PUT_BACK_SECONDS = 2.0

_log = structlog.get_logger()


class Runner:
    """One per process. Everything it starts ends with `running`."""

    def __init__(self, *, database: Database, changes: Changes, work: JobWork, side: str, now: Now = utc_now) -> None:
        self._database = database
        self._changes = changes
        self._work = work
        self._side = side
        self._now = now
        self._outage = Outage("the database of jobs")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """For the lifespan. At its end every job that is running here is queued again."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._work_on(), name=f"jobs-{number}") for number in range(AT_A_TIME)]
            tasks.append(group.create_task(self._watch_leases(), name="jobs-leases"))
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()

    async def look(self) -> None:
        """Queues what has lost its runner. Called once a second, by either side."""
        now = self._now()
        async with self._database.read() as session:
            expired = await JobRepository(session).expired(now=now)
        for job_id, claim, interruptions in expired:
            await self._interrupted(job_id, claim, interruptions + 1)

    async def claim(self) -> Job | None:
        """The next job, which is this process's from here on; None when there is none."""
        now = self._now()
        async with self._database.read() as session:
            waiting = await JobRepository(session).next_for(self._side, others_since=now - OTHERS_AFTER)
        if waiting is None:
            return None
        claim = {"status": RUNNING, "step": self._work.steps(waiting)[0], "claim": str(uuid4()), "started_at": now}
        async with self._database.write() as session:
            jobs = JobRepository(session)
            job = await jobs.change(waiting.id, Job.status == QUEUED, now=now, lease_until=now + LEASE, **claim)
        if job is None:
            self._changes.queued()  # somebody was quicker; there may be others
        else:
            self._changes.tell(job.id)
        return job

    async def run(self, job: Job) -> None:
        """One claimed job to its end, or to where it is taken away. A cancelled run puts the job back."""
        try:
            await self._work.do(job)
        except DroppedError:
            return
        except asyncio.CancelledError:
            await self._put_back(job)
            raise

    async def _work_on(self) -> NoReturn:
        while True:
            try:
                job = await self.claim()
                self._outage.worked()
                if job is not None:
                    self._changes.queued()  # there may be more, for the other worker
                    await self.run(job)
                    continue
            except UNAVAILABLE as error:
                self._outage.failed(error)
            except Exception:  # noqa: BLE001  # a fault of ours in one job must not end the work on all others
                _log.exception("the runner of jobs stumbled")
            await self._changes.wait_for_work(seconds=LOOK_SECONDS)

    async def _watch_leases(self) -> NoReturn:
        while True:
            try:
                await self.look()
            except UNAVAILABLE as error:
                self._outage.failed(error)
            except Exception:  # noqa: BLE001  # the same
                _log.exception("the watch of leases stumbled")
            await asyncio.sleep(LOOK_SECONDS)

    async def _interrupted(self, job_id: str, claim: str | None, interruptions: int) -> None:
        now = self._now()
        values: dict[str, object] = {**FRESHLY_QUEUED, "queued_at": now, "side": self._side}
        if interruptions >= MAX_INTERRUPTIONS:
            ended = {"step": None, "claim": None, "lease_until": None, "finished_at": now}
            values = {**ended, "status": FAILED, "error": "The analysis was interrupted"}
        async with self._database.write() as session:
            still = (*claimed(claim), Job.lease_until < now)
            job = await JobRepository(session).change(job_id, *still, now=now, interruptions=interruptions, **values)
        if job is not None:
            _log.warning("a job was interrupted", job=job_id, interruptions=interruptions)
            self._changes.tell(job_id)
            self._changes.queued()

    async def _put_back(self, job: Job) -> None:
        """Without counting: nothing went wrong. If the database does not take it, the lease will run out."""
        now = self._now()
        try:
            async with asyncio.timeout(_PUT_BACK_SECONDS), self._database.write() as session:
                jobs = JobRepository(session)
                await jobs.change(job.id, *claimed(job.claim), now=now, **FRESHLY_QUEUED, queued_at=now)
        except UNAVAILABLE as error:  # an OSError is among them, and so TimeoutError
            self._outage.failed(error)
