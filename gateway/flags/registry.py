"""What every worker of every machine holds, in Redis, so that whoever kills a feature can wait until it is in force.

A worker reports by `report` (which only remembers) and runs `run` beside its requests: a change is written at once, a
beat every two seconds. Beats are a hash of their own, so that the reports, which may be long, are written only when
they change. All times are the Redis server's, in unix seconds: clocks of machines need not agree.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import orjson
import structlog

from gateway.flags.client import client_for
from gateway.flags.errors import STORE_ERRORS, in_words
from gateway.flags.keys import Keys
from gateway.flags.stored import store_errors

BEAT_SECONDS = 2.0
RETRY_SECONDS = 0.5
LIVE_SECONDS = 10.0
"""A worker whose last beat is older is not waited for."""
FORGOTTEN_SECONDS = 3600.0

log = structlog.get_logger("flags")


@dataclass(frozen=True, slots=True)
class HeldFlag:
    """One feature as a worker holds it. rev: whose values are in force; 0 while what Redis says is held."""

    killed: bool
    basis_points: int
    rev: int


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """What one worker said last. age_seconds: since its last beat."""

    worker: str
    at: float
    age_seconds: float
    config_sha: str
    features: Mapping[str, HeldFlag]

    @property
    def live(self) -> bool:
        return self.age_seconds <= LIVE_SECONDS


class WorkerRegistry:
    """worker: `host:slot:pid`; empty for a process that only reads."""

    def __init__(self, *, url: str, namespace: str, worker: str = "") -> None:
        self._redis = client_for(url)
        keys = Keys(namespace)
        self._reports, self._beats = keys.workers, keys.beats
        self._worker = worker
        self._report: bytes | None = None
        self._changed, self._unsent = asyncio.Event(), True
        self.problem: str | None = None

    async def aclose(self) -> None:
        await self._redis.aclose()

    def report(self, *, features: Mapping[str, HeldFlag], config_sha: str) -> None:
        """Remembers what this worker holds from now on; never blocks and never raises."""
        held = {name: [flag.killed, flag.basis_points, flag.rev] for name, flag in features.items()}
        report = orjson.dumps({"config_sha": config_sha, "features": held})
        if report != self._report:
            self._report = report
            self._changed.set()

    async def run(self) -> None:
        """Runs until it is cancelled; to be a task of the worker's owner. A failure is told once and tried again."""
        while True:
            try:
                await self._beat()
            except STORE_ERRORS as error:
                self._tell(in_words(error))
                await asyncio.sleep(RETRY_SECONDS)
                continue
            self.problem = None
            try:
                async with asyncio.timeout(BEAT_SECONDS):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def remove(self, worker: str) -> None:
        """Forgets a worker that has ended. Raises FlagStoreError."""
        with store_errors():
            async with self._redis.pipeline() as pipe:
                pipe.hdel(self._reports, worker)
                pipe.hdel(self._beats, worker)
                await pipe.execute()

    async def read(self) -> list[WorkerReport]:
        """Every worker heard within the last hour, by name; older ones are forgotten. Raises FlagStoreError."""
        with store_errors():
            async with self._redis.pipeline() as pipe:
                pipe.time()
                pipe.hgetall(self._reports)
                pipe.hgetall(self._beats)
                (seconds, micros), reports, beats = await pipe.execute()
            now = seconds + micros / 1e6
            read = {worker: _report_of(worker, text, beats.get(worker), now) for worker, text in reports.items()}
            gone = [worker for worker in {**reports, **beats} if _forgotten(read.get(worker))]
            if gone:
                await self._redis.hdel(self._reports, *gone)
                await self._redis.hdel(self._beats, *gone)
        kept = (report for report in read.values() if report is not None and not _forgotten(report))
        return sorted(kept, key=lambda report: report.worker)

    async def _beat(self) -> None:
        while self._report is None:
            await self._changed.wait()
            self._changed.clear()
        changed, report = self._changed.is_set() or self._unsent, self._report
        self._changed.clear()
        self._unsent = True
        seconds, micros = await self._redis.time()
        missing = not await self._redis.hexists(self._reports, self._worker)
        async with self._redis.pipeline() as pipe:
            if changed or missing:
                pipe.hset(self._reports, self._worker, report)
            pipe.hset(self._beats, self._worker, f"{seconds + micros / 1e6:.3f}")
            await pipe.execute()
        self._unsent = False

    def _tell(self, problem: str) -> None:
        if problem != self.problem:
            log.warning("worker registry: cannot report what this worker holds", problem=problem)
        self.problem = problem


def not_in_force(reports: list[WorkerReport], feature: str) -> list[str]:
    """The live workers that do not report the kill of a feature."""
    return [
        report.worker
        for report in reports
        if report.live and not ((held := report.features.get(feature)) and held.killed)
    ]


def _report_of(worker: bytes, text: bytes, beat: bytes | None, now: float) -> WorkerReport | None:
    """None for what is no report of ours."""
    try:
        report = orjson.loads(text)
        at = float(beat or b"0")
        features = {name: HeldFlag(killed, points, rev) for name, (killed, points, rev) in report["features"].items()}
        return WorkerReport(worker.decode("utf-8", "replace"), at, max(0.0, now - at), report["config_sha"], features)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _forgotten(report: WorkerReport | None) -> bool:
    return report is None or report.age_seconds > FORGOTTEN_SECONDS
