"""One try at an upstream: let through by its guard, sent, counted, and judged. Called by `Proxy` alone."""

import time
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

from gateway.errors import UpstreamError, UpstreamErrorKind
from gateway.exchange import Exchange
from gateway.model import Outcome
from gateway.recorder import Recorder, outcome_of
from gateway.rules.blame import is_well, verdict_of
from gateway.upstream.api import DecisionChangedError, OutboundRequest, UpstreamGuard


class Answer(Protocol):
    """A reply's head, or a WebSocket that was opened."""

    @property
    def status(self) -> int: ...


A = TypeVar("A", bound=Answer)


class Attempts:
    """Each ends in exactly one of `complete`, `failed` and `abandon`; `make` has ended those that it raises for."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    async def make(
        self, exchange: Exchange, request: OutboundRequest, send: Callable[[OutboundRequest], Awaitable[A]]
    ) -> A:
        """What `send` returns of the upstream that was decided. Raises UpstreamError, DecisionChangedError and what
        `send` raises.
        """
        recorder = self._recorder
        recorder.attempt_begins(exchange)
        try:
            guard = exchange.guards[exchange.upstream]
            _refuse_what_legacy_may_take(exchange, guard)
            if guard.is_capped:
                await self._take_place(exchange, request, guard)
            self._enter(exchange, guard)
            response = await send(request)
        except DecisionChangedError:
            self.abandon(exchange)
            recorder.attempt_withdrawn(exchange)
            raise
        except UpstreamError as error:
            self.failed(exchange, error)
            raise
        exchange.first_byte_seconds = time.perf_counter() - exchange.attempt_started
        exchange.status = response.status
        self._judge_head(exchange)
        return response

    async def _take_place(self, exchange: Exchange, request: OutboundRequest, guard: UpstreamGuard) -> None:
        await guard.take_place(request.admit or _always)
        exchange.guard = guard
        exchange.attempt_started = time.perf_counter()  # the wait is no slowness of the upstream's
        _refuse_what_legacy_may_take(exchange, guard)

    def _enter(self, exchange: Exchange, guard: UpstreamGuard) -> None:
        exchange.ticket = guard.enter()
        exchange.guard = guard
        if exchange.attempts == 1:
            guard.earn_retry()

    def _judge_head(self, exchange: Exchange) -> None:
        """A failure counts at once. A probe's success too: the breaker need not wait for the end of a long body."""
        well = is_well(exchange.status)
        if not well or (exchange.guard is not None and exchange.guard.is_probing):
            self._judge(exchange, well)

    def opened(self, exchange: Exchange) -> None:
        """A WebSocket: the handshake was the request, and is over. Its verdict is in, its place is free for another,
        and the attempt goes on without them.
        """
        self._leave(exchange, success=True)

    def complete(self, exchange: Exchange) -> None:
        """The reply came whole."""
        self._leave(exchange, success=True)
        self._recorder.attempt_ends(exchange, outcome_of(exchange.status))

    def failed(self, exchange: Exchange, error: UpstreamError) -> None:
        """The upstream did not answer, or broke off."""
        self._leave(exchange, success=verdict_of(error, answered=exchange.first_byte_seconds is not None))
        self._recorder.attempt_ends(exchange, _OUTCOMES.get(error.kind, Outcome.TRUNCATED))
        self._recorder.upstream_error(exchange, error)

    def abandon(self, exchange: Exchange) -> None:
        """Nobody waits for it any more: the client left, or a kill came first. Always called once more at the end."""
        self._leave(exchange, success=None)

    def _leave(self, exchange: Exchange, *, success: bool | None) -> None:
        if exchange.guard is not None:
            self._judge(exchange, success)
            exchange.guard.give_place_back()
            exchange.guard = None

    def _judge(self, exchange: Exchange, success: bool | None) -> None:
        if exchange.guard is not None and exchange.ticket is not None:
            exchange.guard.judge(exchange.ticket, success)
            exchange.ticket = None


def _refuse_what_legacy_may_take(exchange: Exchange, guard: UpstreamGuard) -> None:
    if exchange.may_be_diverted and guard.is_down:
        raise DecisionChangedError


def _always() -> None:
    """For a request that nothing can overtake."""


_OUTCOMES: Final = {
    UpstreamErrorKind.NAME: Outcome.REFUSED,
    UpstreamErrorKind.REFUSED: Outcome.REFUSED,
    UpstreamErrorKind.TLS: Outcome.REFUSED,
    UpstreamErrorKind.FULL: Outcome.REFUSED,
    UpstreamErrorKind.EXHAUSTED: Outcome.REFUSED,
    UpstreamErrorKind.DOWN: Outcome.REFUSED,
    UpstreamErrorKind.POOL_TIMEOUT: Outcome.TIMEOUT,
    UpstreamErrorKind.CONNECT_TIMEOUT: Outcome.TIMEOUT,
    UpstreamErrorKind.FIRST_BYTE_TIMEOUT: Outcome.TIMEOUT,
    UpstreamErrorKind.IDLE_TIMEOUT: Outcome.TIMEOUT,
    UpstreamErrorKind.TOTAL_TIMEOUT: Outcome.TIMEOUT,
}
