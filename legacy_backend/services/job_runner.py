"""Runs jobs in the background, two at a time: takes them from the queue, has them done, gives them back at shutdown.

Two loops: one takes what waits, when it is woken and once a second; the other looks once a second for runners that are
gone, and keeps the claims of this process alive. A claim is noted here before it is made and until its job has ended,
so that a shutdown at any moment gives back all that is ours.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog

from legacy_backend.core.database import DATABASE_ERRORS, driver_message
from legacy_backend.core.tasks import TaskOwner
from legacy_backend.models.base import new_id
from legacy_backend.models.job import Job
from legacy_backend.services.ai_providers import EXTRACT
from legacy_backend.services.analysis_service import AnalysisService
from legacy_backend.services.job_claims import JobClaims, LostClaimError

SLOTS = 2
LOOK_SECONDS = 1
STEP_LIMIT_SECONDS = 180
"""A step that takes longer hangs: its job is left to the lease, and so counts as interrupted."""

logger = structlog.get_logger()


@dataclass(slots=True, eq=False)
class _Running:
    claim: str = field(default_factory=new_id)
    task: asyncio.Task[None] | None = None
    step_began: float = field(default_factory=time.monotonic)

    def step_begins(self) -> None:
        self.step_began = time.monotonic()

    def hangs(self) -> bool:
        return time.monotonic() - self.step_began > STEP_LIMIT_SECONDS


class JobRunner:
    def __init__(self, claims: JobClaims, analyses: AnalysisService) -> None:
        self.claims = claims
        self.analyses = analyses
        self._tasks = TaskOwner()
        self._running: set[_Running] = set()
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """There may be something to take."""
        self._woken.set()

    @asynccontextmanager
    async def started(self) -> AsyncIterator[None]:
        """Entered in the lifespan. When it is left, nothing runs in the background any more."""
        self._tasks.start(_forever(self._take_waiting, self._woken), "jobs: take")
        self._tasks.start(_forever(self._watch, asyncio.Event()), "jobs: watch")
        try:
            yield
        finally:
            await self._tasks.stop()
            with _database_may_be_away():
                for running in list(self._running):
                    await self.claims.release(running.claim)

    async def _take_waiting(self) -> None:
        free = SLOTS - len(self._running)
        if free > 0:
            for job_id in await self.claims.list_waiting(free):
                await self._take(job_id)

    async def _take(self, job_id: str) -> None:
        running = _Running()
        self._running.add(running)
        try:
            job = await self.claims.take(job_id, running.claim, EXTRACT)
        except Exception:
            self._running.discard(running)
            raise
        if job is None:
            self._running.discard(running)
        else:
            running.task = self._tasks.start(self._run(job, running), f"job {job.id}")
            running.task.add_done_callback(lambda task: self._ended(running, task))

    async def _run(self, job: Job, running: _Running) -> None:
        with _database_may_be_away():
            try:
                await self.analyses.run(job, running.claim, running.step_begins)
            except LostClaimError:
                logger.info("job dropped", job=job.id)

    def _ended(self, running: _Running, task: asyncio.Task[None]) -> None:
        """The claim of one that was cancelled is left to who cancelled it."""
        if not task.cancelled():
            self._running.discard(running)
            self.wake()

    async def _watch(self) -> None:
        at_work = [running for running in self._running if running.task is not None]
        healthy = [running.claim for running in at_work if not running.hangs()]
        held = await self.claims.renew(healthy)
        for running in at_work:
            if running.claim not in held:
                self._drop(running)
        if await self.claims.interrupt_expired():
            self.wake()

    def _drop(self, running: _Running) -> None:
        """Its job was cancelled, deleted or taken over; or it hangs."""
        if running in self._running and running.task is not None:
            self._running.discard(running)
            running.task.cancel()
            self.wake()


async def _forever(look: Callable[[], Awaitable[None]], woken: asyncio.Event) -> None:
    """Looks when woken, and once a second; whatever goes wrong, the next look comes."""
    while True:
        woken.clear()
        with _database_may_be_away():
            try:
                await look()
            except DATABASE_ERRORS:
                raise
            except Exception:
                logger.exception("jobs: a look failed")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await woken.wait()


@contextlib.contextmanager
def _database_may_be_away() -> Iterator[None]:
    """Then jobs are left to their leases."""
    try:
        yield
    except DATABASE_ERRORS as error:
        logger.error("jobs: database unavailable", error=type(error).__name__, reason=driver_message(error))
