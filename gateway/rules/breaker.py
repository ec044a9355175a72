"""The breaker of one upstream in one worker: it stops asking a service that fails, and asks again a little at a time.

Rules, with the transitions in `TRANSITIONS`:

1.  Closed, every request passes. `consecutive` failures in a row trip it, and so does a share of failures of at least
    `failure_share` among at least `minimum` verdicts of the last `window` seconds. The window is two halves, of which
    the older is forgotten at once.
2.  Open, nothing passes for `wait` seconds: `open_seconds` at first, twice as long each time that it opens again
    without having closed, `max_open_seconds` at most. Then it is half-open.
3.  Half-open, at most `probes` requests are under way at once. As many successes close it; one failure opens it.
4.  A request that ends without a verdict (its client left, a kill came first) says nothing and gives its place back.
5.  A verdict counts only in the state that its request was let through in: what began before the breaker opened says
    nothing about how things are since.

Time and limits are arguments; nothing here waits.
"""

from dataclasses import dataclass
from enum import StrEnum

from gateway.rules.backoff import backoff


class State(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Event(StrEnum):
    TRIPPED = "tripped"  # too many failures
    WAITED = "waited"  # the wait is over
    PROVED = "proved"  # enough probes went well
    FAILED = "failed"  # a probe went wrong


TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.CLOSED, Event.TRIPPED): State.OPEN,
    (State.OPEN, Event.WAITED): State.HALF_OPEN,
    (State.HALF_OPEN, Event.PROVED): State.CLOSED,
    (State.HALF_OPEN, Event.FAILED): State.OPEN,
}
"""All there are: what is not here does not happen."""


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    """`failure_share` in basis points. Seconds are of the caller's clock."""

    consecutive: int = 5
    failure_share: int = 5000
    minimum: int = 20
    window: float = 10.0
    open_seconds: float = 5.0
    max_open_seconds: float = 60.0
    probes: int = 3


class Breaker:
    """Asked by `Guard` before a request (`refuses`, `enter`) and told of its end (`leave`)."""

    __slots__ = (
        "_before",
        "_changed",
        "_failed",
        "_failed_before",
        "_half_began",
        "_in_a_row",
        "_limits",
        "_opened_in_a_row",
        "_seen",
        "_under_way",
        "era",
        "state",
    )

    def __init__(self, limits: BreakerLimits) -> None:
        self._limits = limits
        self.state = State.CLOSED
        self.era = 0
        """Counts the transitions: the ticket of a request that is let through."""
        self._changed = 0.0
        self._opened_in_a_row = 0
        self._under_way = 0
        self._in_a_row = 0
        self._seen = self._failed = 0
        self._before = self._failed_before = 0
        self._half_began = 0.0

    @property
    def wait(self) -> float:
        """How long it stays open this time."""
        return backoff(self._limits.open_seconds, self._limits.max_open_seconds, self._opened_in_a_row)

    def remaining(self, now: float) -> float:
        """Seconds until anything passes again; 0 where something may."""
        return max(0.0, self._changed + self.wait - now) if self.state is State.OPEN else 0.0

    def refuses(self, now: float) -> bool:
        """Whether a request would not be let through now."""
        if self.state is State.CLOSED:
            return False
        if self.state is State.OPEN:
            if now < self._changed + self.wait:
                return True
            self._move(Event.WAITED, now)
        return self._under_way >= self._limits.probes

    def enter(self) -> int:
        """Lets a request through that `refuses` has just not refused; its ticket, for `leave`."""
        if self.state is not State.CLOSED:
            self._under_way += 1
        return self.era

    def leave(self, ticket: int, success: bool | None, now: float) -> None:
        """The request of this ticket has ended, once: well, badly, or (None) without telling anything."""
        if ticket != self.era:
            return
        if self.state is State.CLOSED:
            if success is not None:
                self._count(success, now)
            return
        self._under_way -= 1
        if success:
            self._in_a_row += 1
            if self._in_a_row >= self._limits.probes:
                self._move(Event.PROVED, now)
        elif success is False:
            self._move(Event.FAILED, now)

    def _count(self, success: bool, now: float) -> None:
        if now - self._half_began >= self._limits.window / 2:
            self._turn_over(now)
        self._seen += 1
        if success:
            self._in_a_row = 0
            return
        self._in_a_row += 1
        self._failed += 1
        if self._in_a_row >= self._limits.consecutive or self._fails_too_often():
            self._move(Event.TRIPPED, now)

    def _fails_too_often(self) -> bool:
        seen, failed = self._seen + self._before, self._failed + self._failed_before
        return seen >= self._limits.minimum and failed * 10_000 >= self._limits.failure_share * seen

    def _turn_over(self, now: float) -> None:
        """The current half becomes the one before; both are forgotten where nothing came for a whole window."""
        stale = now - self._half_began >= self._limits.window
        self._before, self._failed_before = (0, 0) if stale else (self._seen, self._failed)
        self._seen = self._failed = 0
        self._half_began = now

    def _move(self, event: Event, now: float) -> None:
        self.state = TRANSITIONS[self.state, event]
        self.era += 1
        self._changed = now
        self._under_way = 0
        if self.state is State.OPEN:
            self._opened_in_a_row += 1
        elif self.state is State.CLOSED:
            self._opened_in_a_row = 0
        self._forget()

    def _forget(self) -> None:
        self._in_a_row = 0
        self._seen = self._failed = 0
        self._before = self._failed_before = 0
        self._half_began = self._changed
