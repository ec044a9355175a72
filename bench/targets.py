"""What we want to be true, as data, and what a run says about it."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.figures import Figures

FULL_MACHINE = 0.95
"""From so much of all cores on, the machine was the limit, and requests a second say nothing of the contestant."""

LATE_PART = 0.5
"""The part of a p99 that may be the load generator's own."""


@dataclass(frozen=True, slots=True)
class Number:
    """One number of a run. who: None for ours; percent: of all values instead of their median."""

    workload: str
    metric: str
    who: str | None = None
    percent: float | None = None

    def read(self, figures: Figures, ours: str) -> float | None:
        who = self.who or ours
        if self.percent is None:
            return figures.median(who, self.workload, self.metric)
        return figures.percentile(who, self.workload, self.metric, self.percent)


@dataclass(frozen=True, slots=True)
class Target:
    """`number`, as a multiple of `against` where there is one, is at most `limit`; with `least`, at least.

    doubt: what makes the number say nothing; it returns the reason.
    """

    text: str
    number: Number
    limit: float
    against: Number | None = None
    unit: str = "x"
    least: bool = False
    doubt: Callable[[Figures, str], str | None] | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """met: None where the run cannot tell, and `note` says why."""

    target: Target
    value: float
    met: bool | None
    note: str = ""

    @property
    def word(self) -> str:
        return {True: "met", False: "not met", None: "not told"}[self.met]

    @property
    def measured(self) -> str:
        return f"{self.value:.2f} {self.target.unit}"

    @property
    def wanted(self) -> str:
        return f"{'>=' if self.target.least else '<='} {self.target.limit:g} {self.target.unit}"


def evaluate(figures: Figures, ours: str) -> list[Verdict]:
    """All targets that the run has something to say about, in their order."""
    verdicts = [_verdict(target, figures, ours) for target in TARGETS]
    return [verdict for verdict in verdicts if verdict is not None]


def _verdict(target: Target, figures: Figures, ours: str) -> Verdict | None:
    value = target.number.read(figures, ours)
    if value is None:
        return None
    if target.against is not None:
        other = target.against.read(figures, ours)
        if not other:
            return None
        value /= other
    doubt = target.doubt(figures, ours) if target.doubt is not None else None
    if doubt is not None:
        return Verdict(target, value, None, doubt)
    return Verdict(target, value, value >= target.limit if target.least else value <= target.limit)


def late_itself(figures: Figures, ours: str) -> str | None:
    """Whether the load generator was so late that latencies tell of it more than of a contestant."""
    for who in (ours, "envoy"):
        late, p99 = (figures.median(who, "latency", metric) for metric in ("late_p99_ms", "p99_ms"))
        if late and p99 and late > LATE_PART * p99:
            return f"the load generator, which has no core for itself, was {late:.2g} ms late itself ({who}, p99)"
    return None


def no_room(figures: Figures, ours: str) -> str | None:
    """Whether two workers had a core each: what the upstreams and the load generator leave them."""
    machine = figures.median(ours, "workers-2", "machine") or 0.0
    one, two = (figures.median(ours, f"workers-{count}", "cpu_us") for count in (1, 2))
    if machine < FULL_MACHINE or not one or not two:
        return None
    return (
        f"upstreams and load generators took their part of all {os.cpu_count()} cores ({machine:.0%} in use); by CPU a "
        f"request, two workers with a core each do {2 * one / two:.2f} x"
    )


def _cpu(workload: str, peer: str, limit: float, metric: str = "cpu_us") -> Target:
    what = {"cpu_us": "CPU a request", "cpu_us_mib": "CPU a MiB"}[metric]
    return Target(
        f"{workload}: {what}, of {peer}'s", Number(workload, metric), limit, against=Number(workload, metric, who=peer)
    )


def _grown(what: str, kind: str, small: int, large: int) -> Target:
    return Target(
        f"{small:,} -> {large:,} {what}: CPU a request",
        Number(f"{kind}-{large}", "cpu_us"),
        1.1,
        against=Number(f"{kind}-{small}", "cpu_us"),
    )


TARGETS: Sequence[Target] = (
    _cpu("get", "envoy", 1.0),
    _cpu("get", "traefik", 0.7),
    _cpu("get", "caddy", 0.5),
    _cpu("get", "nginx", 2.0),
    _cpu("post", "envoy", 1.1),
    _cpu("headers", "envoy", 1.1),
    _cpu("down-1m", "nginx", 1.5, "cpu_us_mib"),
    _cpu("down-100m", "nginx", 1.5, "cpu_us_mib"),
    _cpu("up-10m", "nginx", 1.5, "cpu_us_mib"),
    Target(
        "p99 at half of its own capacity, of envoy's at half of its own",
        Number("latency", "p99_ms"),
        1.25,
        against=Number("latency", "p99_ms", who="envoy"),
        doubt=late_itself,
    ),
    _grown("routes", "routes", 1, 10_000),
    _grown("features", "features", 1, 500),
    _grown("connections", "connections", 32, 2000),
    Target(
        "two workers on two cores: requests a second, of one's",
        Number("workers-2", "rps"),
        1.8,
        against=Number("workers-1", "rps"),
        least=True,
        doubt=no_room,
    ),
    Target("memory of a worker at rest", Number("start", "rss_mib"), 90, unit="MiB"),
    Target("memory of an idle connection", Number("idle-5000", "kib_each"), 16, unit="KiB"),
    Target("flag change to first effect at full load, p99", Number("flag", "effect_ms", percent=99), 10, unit="ms"),
)
