"""The last five minutes of each feature and side, from samples of the workers' counters: what `gateway status` shows.

Pure: `now` is an argument. Control feeds it every few seconds; memory is bounded by the number of series and of
samples kept (about thirty), however often it is fed.
"""

from array import array
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.model import Cohort, Outcome, Side
from gateway.telemetry import catalogue
from gateway.telemetry.scrape import Totals

SECONDS = 300.0
SAMPLES = 30

_ERRORS = frozenset({Outcome.SERVER_ERROR, Outcome.TIMEOUT, Outcome.REFUSED, Outcome.TRUNCATED})
_Key = tuple[str, ...]
"""A metric's name and its label values."""


@dataclass(frozen=True, slots=True)
class CohortView:
    """Attempts of one side. errors: 5xx, timeout, refused, truncated. gone: clients that left before the end; many on
    one side are what a hung backend looks like. samples: how many durations the quantiles (seconds to the first byte)
    rest on. A rate or quantile of nothing is None."""

    attempts: int
    errors: int
    gone: int
    samples: int
    p50: float | None
    p95: float | None
    p99: float | None

    @property
    def error_rate(self) -> float | None:
        return self.errors / self.attempts if self.attempts else None


@dataclass(frozen=True, slots=True)
class SideView:
    """requests: clients' requests that this side answered. split: attempts that a key's bucket assigned, the fair
    comparison of the sides; all: every attempt."""

    requests: int
    split: CohortView
    all: CohortView


@dataclass(frozen=True, slots=True)
class FeatureView:
    """sides: by the side's name. p95_ratio: new over legacy in the split cohort, None while one of them has no p95."""

    sides: dict[str, SideView]
    p95_ratio: float | None
    p95_ratio_all: float | None


@dataclass(frozen=True, slots=True)
class WindowView:
    """seconds: the true length, less than five minutes after a start and up to a sample's distance more later."""

    seconds: float
    features: dict[str, FeatureView]


class _Sample(NamedTuple):
    at: float
    values: "array[float]"


@dataclass(slots=True)
class Window:
    """Fed by one thread at a time. Values that fall are counters that began anew: they count from 0, as in Prometheus'
    `increase`."""

    seconds: float = SECONDS
    _places: dict[_Key, tuple[int, int]] = field(default_factory=dict)
    _length: int = 0
    _raw: "array[float]" = field(default_factory=lambda: array("d"))
    _samples: deque[_Sample] = field(default_factory=deque)

    def feed(self, now: float, totals: Totals) -> None:
        """now: seconds of any clock that only goes forward."""
        raw = self._flatten(totals)
        risen = array("d", bytes(8 * self._length))
        if self._samples:
            before, last = self._raw, self._samples[-1].values
            before.extend([0.0] * (self._length - len(before)))
            base = last + array("d", bytes(8 * (self._length - len(last))))
            risen = array(
                "d",
                [b + (new - old if new >= old else new) for b, new, old in zip(base, raw, before, strict=True)],
            )
        self._raw = raw
        if len(self._samples) >= 2 and self._samples[-1].at - self._samples[-2].at < self.seconds / SAMPLES:
            self._samples.pop()  # too near to be the start of a window one day; it only was the newest
        self._samples.append(_Sample(now, risen))
        while len(self._samples) > 2 and self._samples[1].at <= now - self.seconds:
            self._samples.popleft()

    def view(self) -> WindowView:
        """As of the last sample."""
        if not self._samples:
            return WindowView(0.0, {})
        rise = _Rise(self._places, self._samples[0].values, self._samples[-1].values)
        seconds = self._samples[-1].at - self._samples[0].at
        return WindowView(seconds, rise.features())

    def _flatten(self, totals: Totals) -> "array[float]":
        found: list[tuple[int, tuple[float, ...]]] = []
        for key, values in _relevant(totals):
            place = self._places.get(key)
            if place is None:
                place = self._places[key] = (self._length, len(values))
                self._length += len(values)
            found.append((place[0], values))
        raw = array("d", bytes(8 * self._length))
        for start, values in found:
            raw[start : start + len(values)] = array("d", values)
        return raw


def _relevant(totals: Totals) -> Iterator[tuple[_Key, tuple[float, ...]]]:
    for definition in (catalogue.REQUESTS, catalogue.ATTEMPTS):
        for labels, value in totals.counters.get(definition.name, {}).items():
            yield (definition.name, *labels), (value,)
    name = catalogue.ATTEMPT_DURATION.name
    for labels, total in totals.histograms.get(name, {}).items():
        yield (name, *labels), total.buckets


@dataclass(slots=True)
class _Tally:
    """One side of one feature, being added up. Pairs are (split, all)."""

    requests: float = 0
    attempts: list[float] = field(default_factory=lambda: [0.0, 0.0])
    errors: list[float] = field(default_factory=lambda: [0.0, 0.0])
    gone: list[float] = field(default_factory=lambda: [0.0, 0.0])
    buckets: list[list[float]] = field(default_factory=lambda: [_empty(), _empty()])

    def attempt(self, cohort: str, outcome: str, number: float) -> None:
        for which in (0, 1) if cohort == Cohort.SPLIT else (1,):
            self.attempts[which] += number
            if outcome in _ERRORS:
                self.errors[which] += number
            elif outcome == Outcome.CLIENT_GONE:
                self.gone[which] += number

    def durations(self, cohort: str, rise: list[float]) -> None:
        for which in (0, 1) if cohort == Cohort.SPLIT else (1,):
            self.buckets[which] = [a + b for a, b in zip(self.buckets[which], rise, strict=True)]

    def view(self) -> SideView:
        return SideView(round(self.requests), self._cohort(0), self._cohort(1))

    def _cohort(self, which: int) -> CohortView:
        buckets = self.buckets[which]
        return CohortView(
            attempts=round(self.attempts[which]),
            errors=round(self.errors[which]),
            gone=round(self.gone[which]),
            samples=round(sum(buckets)),
            p50=quantile(0.5, buckets),
            p95=quantile(0.95, buckets),
            p99=quantile(0.99, buckets),
        )


@dataclass(frozen=True, slots=True)
class _Rise:
    """By how much each series rose between two samples; the earlier may know fewer series."""

    places: dict[_Key, tuple[int, int]]
    first: "array[float]"
    last: "array[float]"

    def features(self) -> dict[str, FeatureView]:
        tallies: dict[str, dict[str, _Tally]] = {}
        for (name, feature, side, *rest), place in self.places.items():
            tally = tallies.setdefault(feature, {}).setdefault(side, _Tally())
            rise = self._rise(*place)
            if name == catalogue.REQUESTS.name:
                tally.requests += rise[0]
            elif name == catalogue.ATTEMPTS.name:
                tally.attempt(rest[0], rest[1], rise[0])
            else:
                tally.durations(rest[0], rise)
        return {feature: _feature(sides) for feature, sides in sorted(tallies.items())}

    def _rise(self, start: int, length: int) -> list[float]:
        last = self.last[start : start + length]
        first = self.first[start : start + length]
        return [b - (first[i] if i < len(first) else 0.0) for i, b in enumerate(last)]


def _feature(tallies: dict[str, _Tally]) -> FeatureView:
    sides = {side: tally.view() for side, tally in sorted(tallies.items())}
    new, legacy = sides.get(Side.NEW), sides.get(Side.LEGACY)
    if new is None or legacy is None:
        return FeatureView(sides, None, None)
    return FeatureView(sides, _ratio(new.split.p95, legacy.split.p95), _ratio(new.all.p95, legacy.all.p95))


def _ratio(new: float | None, legacy: float | None) -> float | None:
    return new / legacy if new is not None and legacy else None


def _empty() -> list[float]:
    return [0.0] * (len(catalogue.BUCKETS) + 1)


def quantile(q: float, buckets: list[float]) -> float | None:
    """As Prometheus' `histogram_quantile`: linear within the bucket, from 0 in the first; above every bound, the last
    bound. buckets: how many fell into each, not cumulative, the last above every bound. None without any."""
    rank = q * sum(buckets)
    if rank <= 0:
        return None
    below = 0.0
    lower = 0.0
    for upper, number in zip(catalogue.BUCKETS, buckets, strict=False):
        if number and below + number >= rank:
            return lower + (upper - lower) * (rank - below) / number
        below += number
        lower = upper
    return catalogue.BUCKETS[-1]
