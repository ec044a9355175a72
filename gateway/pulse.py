"""Signs of life: each process of a gateway writes the time into its place of a page that the supervisor reads.

A process whose event loop is blocked, or that was stopped, writes none: it lives, and serves nobody. No socket could
tell that to a supervisor that speaks no HTTP; and a first sign says that a process is ready.
"""

import asyncio
import mmap
import os
import sys
import time
from pathlib import Path

BEAT_SECONDS = 0.5


def _page(path: Path, places: int) -> "memoryview[int]":  # quoted: no subscript at run time in 3.11
    with path.open("a+b") as file:
        file.truncate(8 * places)
        if sys.platform == "linux":  # a store into a page that a full disk cannot hold is fatal
            os.posix_fallocate(file.fileno(), 0, 8 * places)
        return memoryview(mmap.mmap(file.fileno(), 8 * places)).cast("q")


class Pulse:
    """A process's own. It beats while the loop runs, from the first `start` until the process ends."""

    def __init__(self, path: Path, *, places: int, mine: int) -> None:
        self._times = _page(path, places)
        self._mine = mine

    def start(self) -> None:
        """Called in the loop, when the process is ready."""
        self._times[self._mine] = time.monotonic_ns()
        asyncio.get_running_loop().call_later(BEAT_SECONDS, self.start)


class Pulses:
    """All of them, as the supervisor reads them."""

    def __init__(self, path: Path, *, places: int) -> None:
        self._times = _page(path, places)

    def clear(self, place: int) -> None:
        """Before a process is started in it."""
        self._times[place] = 0

    def last(self, place: int) -> int:
        """Some number that changes with each sign; 0 before the first."""
        return self._times[place]
