"""How many bytes a second shadow traffic may move: a bucket that fills with time, and may go into debt for a reply that
is being read. While it is in debt, no shadow is sent.
"""

from collections.abc import Callable


class Throughput:
    """For one worker. limit: bytes a second, and the most that is saved up."""

    def __init__(self, limit: int, clock: Callable[[], float]) -> None:
        self.limit = limit
        self._clock = clock
        self._left = float(limit)
        self._looked = clock()

    def spend(self, size: int) -> None:
        """Bytes that went either way."""
        self._left -= size

    @property
    def is_spent(self) -> bool:
        """Whether more was moved than there was room for."""
        now = self._clock()
        self._left = min(float(self.limit), self._left + (now - self._looked) * self.limit)
        self._looked = now
        return self._left < 0
