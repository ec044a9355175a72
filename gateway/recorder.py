"""What remains of a request: its metrics and at most one log line, from one finished `Exchange`."""

import time
from typing import Final

import structlog

from gateway.config.schema import Log
from gateway.errors import ErrorSource, GatewayError, UpstreamError
from gateway.exchange import Exchange
from gateway.model import NO_FEATURE, Outcome, Refusal, Side
from gateway.rules.sample import is_logged
from gateway.telemetry.logs import RequestLine, request_line
from gateway.telemetry.metrics import RequestMetrics

SAID_AGAIN_SECONDS: Final = 10.0
"""Strangers can make refusals at will: of each cause one line in so many seconds."""

log = structlog.get_logger("proxy")


class Recorder:
    """Called by `Proxy` alone, on the event loop's thread."""

    def __init__(self, metrics: RequestMetrics) -> None:
        self.metrics = metrics
        self._said: dict[Refusal, float] = {}

    def decided(self, exchange: Exchange) -> None:
        """A side was chosen: the request counts among those in flight on it."""
        decision = exchange.decision
        if decision is None:
            return
        self.metrics.decision(decision.feature, decision.side, decision.reason)
        self._leave(exchange)
        exchange.admitted = (decision.feature, decision.side)
        self.metrics.enter(decision.feature, decision.side)

    def attempt_begins(self, exchange: Exchange) -> None:
        """One try at an upstream."""
        exchange.attempts += 1
        exchange.attempt_open = True
        exchange.first_byte_seconds = None
        exchange.attempt_started = time.perf_counter()

    def attempt_withdrawn(self, exchange: Exchange) -> None:
        """Nothing was sent, for a kill came first: it counts for nobody."""
        exchange.attempts -= 1
        exchange.attempt_open = False

    def attempt_ends(self, exchange: Exchange, outcome: Outcome) -> None:
        """It ended; exactly once per try. Streams stay out of durations."""
        if not exchange.attempt_open:
            return
        exchange.attempt_open = False
        seconds = None if exchange.streaming else exchange.first_byte_seconds
        self.metrics.attempt(exchange.feature, exchange.side, exchange.cohort, outcome, seconds)

    def retry(self, exchange: Exchange, *, made: bool) -> None:
        """An attempt may be made again; whether the budget allowed it."""
        self.metrics.retry(exchange.upstream, made=made)

    def fell_back(self, exchange: Exchange, cause: str) -> None:
        """New could not answer, and legacy is asked."""
        self.metrics.fallback(exchange.feature, cause)
        self.decided(exchange)

    def upstream_error(self, exchange: Exchange, error: UpstreamError) -> None:
        """What happened at the upstream, by its name."""
        if exchange.decision is not None:
            self.metrics.upstream_error(exchange.decision.upstream, error.kind)

    def fault(self, exchange: Exchange, error: BaseException) -> None:
        """A fault of ours: the whole traceback, with the request id."""
        log.error("the gateway failed to serve a request", request_id=exchange.request_id.decode(), exc_info=error)

    def finished(self, exchange: Exchange) -> None:
        """The last word on a request."""
        if exchange.attempt_open:
            self.attempt_ends(exchange, _outcome_of_unfinished(exchange))
        self._leave(exchange)
        seconds = time.perf_counter() - exchange.started
        status = 499 if exchange.gone else exchange.status
        self.metrics.request(exchange.feature, exchange.side, status, None if exchange.streaming else seconds)
        self._log(exchange, status, seconds)

    def refused(
        self, error: GatewayError, *, request_id: bytes, method: bytes, path: bytes, seconds: float, policy: Log
    ) -> None:
        """What the edge answered before it was a request: it counts as one that nobody served."""
        self.metrics.request(NO_FEATURE, Side.NOBODY, error.status, seconds)
        if is_logged(error.status, request_id, policy):
            line = RequestLine(
                NO_FEATURE, Side.NOBODY, None, error.status, seconds, request_id, method, path, error=error.detail
            )
            request_line(log, line, policy)

    def connection_refused(self, why: Refusal, problem: str, *, address: str) -> None:
        """What ended before it could be a request: counted, and of each cause a line now and then."""
        self.metrics.connection_refused(why)
        now = time.monotonic()
        if now >= self._said.get(why, 0.0):
            self._said[why] = now + SAID_AGAIN_SECONDS
            log.warning("connections refused", cause=why.value, problem=problem, client=address)

    def _leave(self, exchange: Exchange) -> None:
        if exchange.admitted is not None:
            self.metrics.leave(*exchange.admitted)
            exchange.admitted = None

    def _log(self, exchange: Exchange, status: int, seconds: float) -> None:
        policy = exchange.plan.log
        cut = exchange.error is not None and exchange.response_started and exchange.status != exchange.error.status
        cut = cut and not exchange.gone
        if not is_logged(status, exchange.request_id, policy, cut=cut):
            return
        line = RequestLine(
            feature=exchange.feature,
            side=exchange.side,
            reason=exchange.reason,
            status=status,
            seconds=seconds,
            request_id=exchange.request_id,
            method=exchange.method,
            path=exchange.raw_path,
            upstream=exchange.decision.upstream if exchange.decision is not None else None,
            error=exchange.error.detail if exchange.error is not None else None,
            cut=cut,
        )
        request_line(log, line, policy)


def outcome_of(status: int) -> Outcome:
    """Of a reply that came whole."""
    if status < 400:
        return Outcome.OK
    return Outcome.CLIENT_ERROR if status < 500 else Outcome.SERVER_ERROR


def _outcome_of_unfinished(exchange: Exchange) -> Outcome:
    """Of an attempt that the upstream did not end. What we cut ourselves after its head is not held against it."""
    if exchange.gone or (exchange.error is not None and exchange.error.source is ErrorSource.CLIENT):
        return Outcome.CLIENT_GONE
    if exchange.first_byte_seconds is not None:
        return outcome_of(exchange.status)
    return Outcome.TIMEOUT if exchange.cut else Outcome.TRUNCATED
