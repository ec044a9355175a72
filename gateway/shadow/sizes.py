"""Routes whose replies are too large to be compared: after three in a row they are asked for now and then alone.

A reply that is cut off has cost its sender as much as one that is read, and it tells nothing.
"""

from collections.abc import Callable
from typing import Final

from gateway.model import ShadowOutcome
from gateway.rules.breaker import Breaker, BreakerLimits

LIMITS: Final = BreakerLimits(consecutive=3, failure_share=10_000, open_seconds=5.0, max_open_seconds=60.0, probes=1)

Ticket = tuple[Breaker, int]


class Sizes:
    """Of one worker: a breaker for each route, made when it is first asked about."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._routes: dict[tuple[str, str], Breaker] = {}

    def refuses(self, feature: str, route: str) -> bool:
        """Whether its replies were too large of late."""
        breaker = self._routes.get((feature, route))
        return breaker is not None and breaker.refuses(self._clock())

    def enter(self, feature: str, route: str) -> Ticket:
        """One is asked for that `refuses` has not refused."""
        breaker = self._routes.setdefault((feature, route), Breaker(LIMITS))
        return breaker, breaker.enter()

    def leave(self, ticket: Ticket, outcome: ShadowOutcome) -> None:
        """What became of it: too large, compared, or nothing that tells of its size."""
        compared = not outcome.is_dropped and outcome is not ShadowOutcome.FAILED
        fits = True if compared else False if outcome is ShadowOutcome.DROPPED_REPLY_TOO_LARGE else None
        breaker, number = ticket
        breaker.leave(number, fits, self._clock())
