"""Tells who follows a job that it has changed, so that what happens in this process is not waited for."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class JobNotifier:
    def __init__(self) -> None:
        self._followers: dict[str, set[asyncio.Event]] = {}
        self.closed = False

    @contextmanager
    def follow(self, job_id: str) -> Iterator[asyncio.Event]:
        """The event is set with each change; the follower clears it."""
        changed = asyncio.Event()
        followers = self._followers.setdefault(job_id, set())
        followers.add(changed)
        try:
            yield changed
        finally:
            followers.discard(changed)
            if not followers and self._followers.get(job_id) is followers:
                del self._followers[job_id]

    def notify(self, job_id: str) -> None:
        for changed in self._followers.get(job_id, ()):
            changed.set()

    def close(self) -> None:
        """The server shuts down: wakes all followers, who look at `closed`."""
        self.closed = True
        for job_id in self._followers:
            self.notify(job_id)
