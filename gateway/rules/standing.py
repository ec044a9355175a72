"""How one target (URL) of an upstream stands: whether requests are sent to it, and how many of them.

Rules, with the transitions in `TRANSITIONS`:

1.  Serving, it takes its full share. `consecutive` failures in a row eject it, unless it is the last that is left:
    what requests say never takes the last target away (for that there is the breaker), only health checks do.
2.  Ejected, it gets nothing for `wait` seconds: `seconds` at first, twice as long each time again, at most
    `max_seconds`. Then it returns.
3.  Returning, its share grows from a tenth to the whole in `slow_start` seconds. One failure ejects it again; at the
    end of that time it serves, and its ejections are forgotten.
4.  `unhealthy_after` failed health checks in a row make it unhealthy, however it stood; `healthy_after` good ones in a
    row let it return. Requests say nothing about an unhealthy target.

Time and limits are arguments; nothing here waits.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.rules.backoff import backoff

FIRST_SHARE: Final = 0.1


class Standing(StrEnum):
    SERVING = "serving"
    EJECTED = "ejected"
    RETURNING = "returning"
    UNHEALTHY = "unhealthy"


class Event(StrEnum):
    FAILED_OFTEN = "failed often"
    WAITED = "waited"
    FAILED = "failed"
    WARMED = "warmed"
    CHECKS_FAIL = "checks fail"
    CHECKS_PASS = "checks pass"  # noqa: S105 - no password


TRANSITIONS: dict[tuple[Standing, Event], Standing] = {
    (Standing.SERVING, Event.FAILED_OFTEN): Standing.EJECTED,
    (Standing.EJECTED, Event.WAITED): Standing.RETURNING,
    (Standing.RETURNING, Event.FAILED): Standing.EJECTED,
    (Standing.RETURNING, Event.WARMED): Standing.SERVING,
    (Standing.SERVING, Event.CHECKS_FAIL): Standing.UNHEALTHY,
    (Standing.EJECTED, Event.CHECKS_FAIL): Standing.UNHEALTHY,
    (Standing.RETURNING, Event.CHECKS_FAIL): Standing.UNHEALTHY,
    (Standing.UNHEALTHY, Event.CHECKS_PASS): Standing.RETURNING,
}
"""All there are: what is not here does not happen."""


@dataclass(frozen=True, slots=True)
class StandingLimits:
    """Seconds are of the caller's clock."""

    consecutive: int = 5
    seconds: float = 5.0
    max_seconds: float = 60.0
    slow_start: float = 10.0
    unhealthy_after: int = 3
    healthy_after: int = 2


class TargetStanding:
    """One target in one worker."""

    __slots__ = ("_checks_in_a_row", "_ejections", "_failures", "_limits", "_since", "state")

    def __init__(self, limits: StandingLimits) -> None:
        self._limits = limits
        self.state = Standing.SERVING
        self._since = 0.0
        self._failures = 0
        self._ejections = 0
        self._checks_in_a_row = 0

    @property
    def wait(self) -> float:
        """How long it is ejected this time."""
        return backoff(self._limits.seconds, self._limits.max_seconds, self._ejections)

    def share(self, now: float) -> float:
        """What it takes of a full share: 0 to 1. Time moves it on."""
        if self.state is Standing.EJECTED and now >= self._since + self.wait:
            self._move(Event.WAITED, now)
        if self.state is Standing.RETURNING and now >= self._since + self._limits.slow_start:
            self._move(Event.WARMED, now)
            self._ejections = 0
        if self.state is Standing.SERVING:
            return 1.0
        if self.state is Standing.RETURNING:
            return FIRST_SHARE + (1 - FIRST_SHARE) * (now - self._since) / self._limits.slow_start
        return 0.0

    def succeeded(self) -> None:
        """A request went well."""
        self._failures = 0

    def failed(self, now: float, *, last: bool) -> None:
        """A request went wrong. last: no other target is left."""
        self._failures += 1
        if last:
            return
        if self.state is Standing.RETURNING:
            self._eject(Event.FAILED, now)
        elif self.state is Standing.SERVING and self._failures >= self._limits.consecutive:
            self._eject(Event.FAILED_OFTEN, now)

    def checked(self, well: bool, now: float) -> None:
        """A health check has ended."""
        if well is (self.state is not Standing.UNHEALTHY):
            self._checks_in_a_row = 0
            return
        self._checks_in_a_row += 1
        if well and self._checks_in_a_row >= self._limits.healthy_after:
            self._move(Event.CHECKS_PASS, now)
        elif not well and self._checks_in_a_row >= self._limits.unhealthy_after:
            self._move(Event.CHECKS_FAIL, now)

    def _eject(self, event: Event, now: float) -> None:
        self._ejections += 1
        self._move(event, now)

    def _move(self, event: Event, now: float) -> None:
        self.state = TRANSITIONS[self.state, event]
        self._since = now
        self._failures = 0
        self._checks_in_a_row = 0
