"""What stands before one upstream in this worker: who is let through, and what is learnt from it."""

from collections.abc import Callable
from math import ceil

import structlog

from gateway.config.schema import Upstream
from gateway.errors import UpstreamError, UpstreamErrorKind
from gateway.rules.breaker import Breaker, BreakerLimits, State
from gateway.rules.budget import RetryBudget
from gateway.upstream.api import UpstreamClient
from gateway.upstream.cap import Cap
from gateway.upstream.failures import upstream_error

log = structlog.get_logger("upstream")


class Guard:
    """Made by `Upstreams` with its client, used by `Attempts` for each try. `clock`: any that only goes forward."""

    __slots__ = ("_clock", "breaker", "budget", "cap", "client", "name")

    def __init__(self, name: str, spec: Upstream, client: UpstreamClient, clock: Callable[[], float]) -> None:
        self.name = name
        self.client = client
        self.breaker = Breaker(breaker_limits(spec)) if spec.breaker.enabled else None
        self.budget = RetryBudget(spec.retry_basis_points)
        self.cap = None
        if spec.max_in_flight is not None:
            self.cap = Cap(places=spec.max_in_flight, queue=spec.queue, seconds=spec.queue_timeout_seconds)
        self._clock = clock

    @property
    def is_down(self) -> bool:
        """Whether a request would be refused now, because the upstream is known not to answer."""
        if self.client.is_down:
            return True
        breaker = self.breaker
        return breaker is not None and breaker.state is not State.CLOSED and breaker.refuses(self._clock())

    @property
    def is_capped(self) -> bool:
        return self.cap is not None

    async def take_place(self, admit: Callable[[], None]) -> None:
        if self.cap is not None:
            if self.is_down:
                raise self._down()
            await self.cap.enter(admit)

    def give_place_back(self) -> None:
        if self.cap is not None:
            self.cap.leave()

    def ask_again(self) -> None:
        if self.cap is not None:
            self.cap.ask_again()

    def enter(self) -> int:
        if self.is_down:
            raise self._down()
        return self.breaker.enter() if self.breaker is not None else 0

    def earn_retry(self) -> None:
        self.budget.earn()

    def may_retry(self) -> bool:
        return self.budget.spend(self._clock())

    def judge(self, ticket: int, success: bool | None) -> None:
        breaker = self.breaker
        if breaker is None:
            return
        before = breaker.state
        breaker.leave(ticket, success, self._clock())
        if breaker.state is not before:
            self._tell(breaker)

    @property
    def is_probing(self) -> bool:
        """Whether what is let through now are the probes of a breaker that is half-open."""
        return self.breaker is not None and self.breaker.state is not State.CLOSED

    def why_down(self) -> str | None:
        """For people; None while requests are let through."""
        if not self.is_down:
            return None
        if self.client.is_down:
            return "no target passes its health checks"
        return f"its breaker is {self.breaker_state.replace('_', '-')}"

    @property
    def queued(self) -> int:
        """Requests that wait for a place."""
        return self.cap.queued if self.cap is not None else 0

    @property
    def breaker_state(self) -> str:
        """`closed`, `open`, `half_open`, or `off`."""
        return "off" if self.breaker is None else self.breaker.state.value

    def _down(self) -> UpstreamError:
        error = upstream_error(UpstreamErrorKind.DOWN, sent=False)
        if self.breaker is not None:
            error.retry_after = max(1, ceil(self.breaker.remaining(self._clock())))
        return error

    def _tell(self, breaker: Breaker) -> None:
        if breaker.state is State.OPEN:
            log.error("an upstream fails and is not asked for a while", upstream=self.name, seconds=breaker.wait)
        elif breaker.state is State.CLOSED:
            log.info("an upstream answers again", upstream=self.name)


def breaker_limits(spec: Upstream) -> BreakerLimits:
    """From routes.yaml's words to the rule's."""
    breaker = spec.breaker
    return BreakerLimits(
        consecutive=breaker.consecutive_failures,
        failure_share=breaker.failure_basis_points,
        minimum=breaker.minimum_requests,
        window=breaker.window_seconds,
        open_seconds=breaker.open_seconds,
        max_open_seconds=breaker.max_open_seconds,
        probes=breaker.probes,
    )
