"""What happens to jobs in this process, told at once to those who would otherwise find out at their next look."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Changes:
    def __init__(self) -> None:
        self._watched: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._there_is_work = asyncio.Event()
        self.closed = False
        """Nobody should watch any more: the server shuts down."""

    def tell(self, job_id: str) -> None:
        """Called after the change was committed."""
        for event in self._watched.get(job_id, ()):
            event.set()

    def queued(self) -> None:
        """Called after a job was committed that can be run, and by a worker that takes one: there may be more."""
        self._there_is_work.set()

    async def wait_for_work(self, *, seconds: float) -> None:
        """Returns when a job was queued here since the last call returned, or after that time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._there_is_work.wait()
        self._there_is_work.clear()

    def close(self) -> None:
        """Called when the server begins to shut down, and waits for those who watch to leave."""
        self.closed = True
        for events in self._watched.values():
            for event in events:
                event.set()

    @contextmanager
    def watching(self, job_id: str) -> Iterator[asyncio.Event]:
        """Set whenever something happened; the watcher clears it before it looks."""
        event = asyncio.Event()
        self._watched[job_id].add(event)
        try:
            yield event
        finally:
            self._watched[job_id].discard(event)
            if not self._watched[job_id]:
                del self._watched[job_id]
