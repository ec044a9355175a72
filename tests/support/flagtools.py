"""What tests of flags share: a watcher that runs beside the test, and waiting for conditions with a deadline."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import structlog

from gateway.flags.watcher import FlagWatcher, SnapshotStore
from gateway.model import BasisPoints
from gateway.rules.flagmodel import Configured, Event, FeatureFlags, Known

DEADLINE_SECONDS = 10.0


async def until(condition: Callable[[], bool], *, seconds: float = DEADLINE_SECONDS, what: str = "") -> None:
    """Polls until the condition holds; fails at the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what or condition}"
        await asyncio.sleep(0.002)


class Watched:
    """A watcher and all that it told."""

    def __init__(self, watcher: FlagWatcher, events: list[Event], changes: list[float]) -> None:
        self.watcher = watcher
        self.events = events
        self.changes = changes

    @property
    def auth(self) -> FeatureFlags | None:
        return self.watcher.known.features.get("auth") if self.watcher.known else None

    @property
    def percent(self) -> float | None:
        """What Redis put in force for `auth`, in percent."""
        return None if self.auth is None or self.auth.percent is None else self.auth.percent / 100

    async def until_percent(self, percent: float | None) -> None:
        await until(lambda: self.auth is not None and self.percent == percent, what=f"{percent} %, is {self.auth}")

    async def until_up(self) -> None:
        await until(lambda: self.watcher.up, what="up")

    async def until_down(self) -> None:
        await until(lambda: not self.watcher.up, what="down")

    async def until_back(self, before: float | None) -> None:
        """Until there was a whole session after the time of a reading."""
        await until(lambda: self.watcher.up and (self.watcher.last_sync or 0) > (before or 0), what="back")


def sockets_looked_at() -> int:
    """How many the running loop waits for; 0 for a loop that does not tell."""
    selector = getattr(asyncio.get_running_loop(), "_selector", None)
    return len(selector.get_map()) if selector is not None else 0


async def goodbyes(before: int = 1) -> None:
    """A connection through TLS is closed when the peer has answered. A test's loop that ends first leaves it open."""
    deadline = time.monotonic() + 2
    while sockets_looked_at() > before and time.monotonic() < deadline:  # noqa: ASYNC110  # no event tells of it
        await asyncio.sleep(0.002)  # a poll of a condition, with a deadline


@asynccontextmanager
async def watching(
    url: str,
    *,
    namespace: str = "gateway",
    features: Mapping[str, int] | None = None,
    snapshot: SnapshotStore | None = None,
    **more: Any,
) -> AsyncIterator[Watched]:
    """Runs a watcher of `auth` (fallback 0 %), or of other features and their fallbacks in basis points."""
    events: list[Event] = []
    changes: list[float] = []

    def on_change(_known: Known, told: tuple[Event, ...]) -> None:
        events.extend(told)
        changes.append(time.perf_counter())

    watcher = FlagWatcher(
        url=url,
        namespace=namespace,
        features={name: Configured(BasisPoints(points)) for name, points in (features or {"auth": 0}).items()},
        on_change=on_change,
        logger=structlog.get_logger("test"),
        snapshot=snapshot,
        **more,
    )
    before = sockets_looked_at()
    task = asyncio.get_running_loop().create_task(watcher.run(), name="watcher")
    try:
        yield Watched(watcher, events, changes)
    finally:
        task.cancel()
        await asyncio.wait((task,))
        await goodbyes(before)
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error
