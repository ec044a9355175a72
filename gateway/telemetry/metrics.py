"""What one worker counts: `RequestMetrics`, updated once per finished request. What each counts: docs/metrics.md.

Every (feature, side, ...) is resolved to its counter once and kept; after that an update is one dict lookup and one
store. Counts are made on the event loop's thread only. Values live in the slot's files when
`counterfile.use_slot_files` was called before, else in memory (one process under any ASGI server, tests).
"""

import math
import time
from bisect import bisect_left
from functools import partial
from typing import Final, Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram, values
from prometheus_client.utils import floatToGoString

from gateway.errors import UpstreamErrorKind
from gateway.model import Cohort, Outcome, Reason, Refusal, Side
from gateway.telemetry import catalogue
from gateway.telemetry.catalogue import Definition
from gateway.telemetry.counterkeys import Series


class Cell(Protocol):
    """One value, as prometheus_client and `counterfile` keep them."""

    def inc(self, amount: float) -> None: ...


class _FastCounter(Counter):
    """A counter whose children give their value away, to be counted without the checks of `inc` (that labels are set,
    that 1 is not negative).
    """

    def cell(self) -> Cell:
        return self._value  # type: ignore[no-any-return]


_BOUNDS: Final = tuple(map(floatToGoString, (*catalogue.BUCKETS, math.inf)))


class _FastHistogram(Histogram):
    """The same for the values of a histogram. Where they live in files, all of a child are made in one piece, for the
    first request of a feature makes two.
    """

    def _metric_init(self) -> None:
        in_one_piece = getattr(values.ValueClass, "histogram", None)
        if in_one_piece is None:
            super()._metric_init()
            return
        self._created = time.time()
        series = Series(self._name, self._documentation, tuple(self._labelnames), tuple(self._labelvalues))
        self._sum, *self._buckets = in_one_piece(series, _BOUNDS)

    def observations(self) -> "_Observations":
        return _Observations(self._sum, self._upper_bounds, self._buckets)


class _Observations:
    """One series of a histogram: finds the bucket by bisection, where `observe` walks through the bounds."""

    __slots__ = ("_bounds", "_buckets", "_sum")

    def __init__(self, total: Cell, bounds: list[float], buckets: list[Cell]) -> None:
        self._sum = total
        self._bounds = bounds
        self._buckets = buckets

    def add(self, seconds: float) -> None:
        self._sum.inc(seconds)
        self._buckets[bisect_left(self._bounds, seconds)].inc(1.0)


class _Timed:
    """What is counted, and how long it took: from the first time on that it took any."""

    __slots__ = ("_count", "_durations", "_series")

    def __init__(self, count: Cell, series: _FastHistogram, *labels: str) -> None:
        self._count = count
        self._series = partial(series.labels, *labels)
        self._durations: _Observations | None = None

    def add(self, seconds: float | None) -> None:
        self._count.inc(1.0)
        if seconds is not None:
            if self._durations is None:
                self._durations = self._series().observations()
            self._durations.add(seconds)


class RequestMetrics:
    """The worker's counters. `seconds` is None for upgrades and streams, which stay out of durations."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = CollectorRegistry() if registry is None else registry
        self._requests = self.counter(catalogue.REQUESTS)
        self._request_duration = self.histogram(catalogue.REQUEST_DURATION)
        self._attempts = self.counter(catalogue.ATTEMPTS)
        self._attempt_duration = self.histogram(catalogue.ATTEMPT_DURATION)
        self._decisions = self.counter(catalogue.DECISIONS)
        self._retries = self.counter(catalogue.RETRIES)
        self._fallbacks = self.counter(catalogue.FALLBACKS)
        self._upstream_errors = self.counter(catalogue.UPSTREAM_ERRORS)
        self._connections_refused = self.counter(catalogue.CONNECTIONS_REFUSED)
        self._handshakes = self.counter(catalogue.TLS_HANDSHAKES)
        self._certificate_reloads = self.counter(catalogue.CERTIFICATE_RELOADS)

        self.in_flight: dict[tuple[str, Side], int] = {}
        """Requests being served now; control adds up the workers' and shows them as gateway_requests_in_flight."""

        self._decided: dict[tuple[str, Side, Reason], Cell] = {}
        self._tried: dict[tuple[str, Side, Cohort, Outcome], _Timed] = {}
        self._ended: dict[tuple[str, Side, int], _Timed] = {}

    def decision(self, feature: str, side: Side, reason: Reason) -> None:
        """Once for each decision; a retry or a fallback decides again and counts again."""
        key = (feature, side, reason)
        count = self._decided.get(key)
        if count is None:
            count = self._decided[key] = self._decisions.labels(feature, side.value, reason.value).cell()
        count.inc(1.0)

    def attempt(self, feature: str, side: Side, cohort: Cohort, outcome: Outcome, seconds: float | None) -> None:
        """Once for each try at an upstream, with the side it was assigned; `seconds` to the first byte of the reply,
        or None when none came (and for upgrades and streams)."""
        key = (feature, side, cohort, outcome)
        tried = self._tried.get(key)
        if tried is None:
            labels = (feature, side.value, cohort.value)
            count = self._attempts.labels(*labels, outcome.value).cell()
            tried = self._tried[key] = _Timed(count, self._attempt_duration, *labels)
        tried.add(seconds)

    def request(self, feature: str, side: Side, status: int, seconds: float | None) -> None:
        """Once for each request of a client, with the side that answered; 499 for a client that left."""
        key = (feature, side, status)
        ended = self._ended.get(key)
        if ended is None:
            # Three digits are all that HTTP has room for; an upstream must not be able to make series at will.
            label = str(status) if 100 <= status <= 599 else "other"
            count = self._requests.labels(feature, side.value, label).cell()
            ended = self._ended[key] = _Timed(count, self._request_duration, feature, side.value)
        ended.add(seconds)

    def upstream_error(self, upstream: str, kind: UpstreamErrorKind) -> None:
        """Once for each failed try at an upstream, beside its attempt."""
        self._upstream_errors.labels(upstream, kind.value).inc()

    def fallback(self, feature: str, cause: str) -> None:
        """Once for each request that legacy answers for new. cause: an `UpstreamErrorKind`, or the status of new."""
        self._fallbacks.labels(feature, cause).inc()

    def retry(self, upstream: str, *, made: bool) -> None:
        """Once for each attempt that might be made again."""
        self._retries.labels(upstream, "made" if made else "refused").inc()

    def connection_refused(self, why: Refusal) -> None:
        """Once for each client's connection that ended before a request could be read."""
        self._connections_refused.labels(why.value).inc()

    def handshake(self, version: str) -> None:
        """Once for each complete TLS handshake: `TLSv1.3`."""
        self._handshakes.labels(version).inc()

    def certificate_reload(self, *, accepted: bool) -> None:
        """Once for each change of a certificate's files."""
        self._certificate_reloads.labels("accepted" if accepted else "refused").inc()

    def enter(self, feature: str, side: Side) -> None:
        """A request begins to be served; `leave` must follow with the same arguments."""
        key = (feature, side)
        self.in_flight[key] = self.in_flight.get(key, 0) + 1

    def leave(self, feature: str, side: Side) -> None:
        self.in_flight[feature, side] -= 1

    def counter(self, definition: Definition) -> _FastCounter:
        """Of this registry, with its children's cells to be had."""
        return _FastCounter(definition.name, definition.help, definition.labels, registry=self.registry)

    def histogram(self, definition: Definition) -> _FastHistogram:
        """Of this registry, with the buckets of all."""
        return _FastHistogram(
            definition.name, definition.help, definition.labels, registry=self.registry, buckets=catalogue.BUCKETS
        )
