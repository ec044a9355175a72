"""Which processes live and give no sign of it."""

from collections.abc import Iterable
from typing import Protocol

from gateway.serve.child import Child

LONGEST_LOOK_SECONDS = 1.0
"""What counts between two looks at most: where all of us were stopped, or the machine was, nobody has been silent."""

START_SECONDS = 30.0
"""Before its first sign a process may take so long at least, whatever the limit is."""


class Signs(Protocol):
    """`Pulses`."""

    def last(self, place: int) -> int:
        """Changes with each sign; 0 before the first."""
        ...


class Vigil:
    """limit_seconds: after so long without a sign a process hangs; 0 for never."""

    def __init__(self, signs: Signs, limit_seconds: float) -> None:
        self._signs = signs
        self._limit = limit_seconds
        self._looked = 0.0
        self._seen: dict[int, tuple[int, int, float]] = {}

    def look(self, children: Iterable[Child], now: float) -> list[tuple[Child, float]]:
        """Those that hang, with the seconds of their silence. Called at every turn of the supervisor's loop."""
        passed = min(now - self._looked, LONGEST_LOOK_SECONDS)
        self._looked = now
        silent = []
        for child in children:
            if child.place is None or not child.running:
                continue
            sign = self._signs.last(child.place)
            pid, last, seconds = self._seen.get(child.place, (0, 0, 0.0))
            seconds = seconds + passed if (pid, last) == (child.pid, sign) else 0.0
            self._seen[child.place] = (child.pid, sign, seconds)
            if self._limit and seconds > (self._limit if sign else max(self._limit, START_SECONDS)):
                silent.append((child, seconds))
        return silent
