"""How many requests may be sent to an upstream a second time: a share of all, so that a failing one is not buried.

Each request earns a part of a retry, a retry costs one. What is saved up is bounded, and once a second one is free, so
that a gateway with little traffic is not without any. A share of nothing allows none at all.
"""

from typing import Final

WHOLE: Final = 10_000
MOST_SAVED: Final = 100 * WHOLE
FREE_EVERY_SECONDS: Final = 1.0


class RetryBudget:
    """Of one upstream in one worker. share: in basis points of requests."""

    __slots__ = ("_free_at", "_saved", "_share")

    def __init__(self, share: int) -> None:
        self._share = share
        self._saved = 0
        self._free_at = float("-inf")

    def earn(self) -> None:
        """A request is sent for the first time."""
        if self._saved < MOST_SAVED:
            self._saved += self._share

    def spend(self, now: float) -> bool:
        """Whether one may be sent again; if so, it is paid for."""
        if self._saved >= WHOLE:
            self._saved -= WHOLE
            return True
        if self._share and now - self._free_at >= FREE_EVERY_SECONDS:
            self._free_at = now
            return True
        return False
