"""Gauges that the control process computes from what live workers report, as a custom collector.

Not prometheus_client's multiprocess gauges: theirs live in files that outlive a dead worker, or stay wrong until
somebody marks it dead. What a worker holds is gone here as soon as it no longer answers.

How several workers become one number (docs/metrics.md says it to operators): the store is up when it is for all; the
last sync is the oldest; requests in flight are added up; a feature's percents are the largest and its enabled is 1
where any worker still holds so, for that is what can reach new. gateway_flag_divergence says how far workers differ.
"""

import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from prometheus_client import generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.telemetry import catalogue
from gateway.telemetry.catalogue import Definition


class HeldFlag(NamedTuple):
    """What a worker decides a feature by. enabled: False while a kill is in force, or the flags were never read.
    shadow: of the requests that may be shadowed, in basis points.
    """

    basis_points: int
    enabled: bool
    shadow: int = 0

    @property
    def in_force(self) -> int:
        """What of the split really goes to new, in basis points."""
        return self.basis_points if self.enabled else 0


class HeldUpstream(NamedTuple):
    """How a worker stands with an upstream. breaker_open: it asks it not at all, or only to try it. targets: whether it
    sends requests to each URL.
    """

    breaker_open: bool = False
    queued: int = 0
    targets: Mapping[str, bool] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """One worker, as it answered last. up: False for one that does not answer; nothing else of it counts then.

    in_flight: by (feature, side). flag_store_up: None where no Redis is configured. flag_last_sync: unix time, None for
    never. certificates: until when each is valid that is in force, by its file.
    """

    slot: str
    pid: int
    up: bool
    tasks: int = 0
    in_flight: Mapping[tuple[str, str], int] = field(default_factory=dict)
    flag_store_up: bool | None = None
    flag_last_sync: float | None = None
    features: Mapping[str, HeldFlag] = field(default_factory=dict)
    upstreams: Mapping[str, HeldUpstream] = field(default_factory=dict)
    certificates: Mapping[str, float] = field(default_factory=dict)


class _Live(NamedTuple):
    reports: tuple[WorkerReport, ...] = ()
    leaving: tuple[Mapping[tuple[str, str], int], ...] = ()
    reloads: Mapping[str, int] = MappingProxyType({})
    deaths: Mapping[str, tuple[int, int]] = MappingProxyType({})
    damaged_files: int = 0


class LiveCollector(Collector):
    """Owned by control: `update` whenever workers have answered, `text` at a scrape. `update` swaps whole, so a scrape
    in another thread sees one state."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._state = _Live()

    def update(
        self,
        reports: Iterable[WorkerReport],
        *,
        leaving: Iterable[Mapping[tuple[str, str], int]] = (),
        reloads: Mapping[str, int] | None = None,
        deaths: Mapping[str, tuple[int, int]] | None = None,
        damaged_files: int = 0,
    ) -> None:
        """reports: every slot's, those that are down too. leaving: requests in flight of workers that have a successor.
        reloads: edits of routes.yaml so far, by result. deaths: of each process, those that died and those that hung.
        """
        self._state = _Live(tuple(reports), tuple(leaving), dict(reloads or {}), dict(deaths or {}), damaged_files)

    def text(self) -> bytes:
        """The text format 0.0.4: the part of `/metrics` beside the workers' counters."""
        return generate_latest(self)

    def collect(self) -> Iterator[Metric]:
        """For prometheus_client, also in a registry."""
        reports, leaving, reloads, deaths, damaged_files = self._state
        live = [report for report in reports if report.up]
        build = _gauge(catalogue.BUILD_INFO)
        build.add_metric((self._version, platform.python_version()), 1)
        yield build
        workers = _gauge(catalogue.WORKERS)
        workers.add_metric(("up",), len(live))
        workers.add_metric(("down",), len(reports) - len(live))
        yield workers
        tasks = _gauge(catalogue.TASKS)
        for report in live:
            tasks.add_metric((report.slot,), report.tasks)
        yield tasks
        yield from _store(live)
        yield from _flags(live)
        yield _in_flight([*(report.in_flight for report in live), *leaving])
        yield from _upstreams(live)
        yield _certificates(live)
        reloaded = CounterMetricFamily(
            catalogue.CONFIG_RELOADS.name, catalogue.CONFIG_RELOADS.help, labels=catalogue.CONFIG_RELOADS.labels
        )
        for result, number in sorted(reloads.items()):
            reloaded.add_metric((result,), number)
        yield reloaded
        yield _deaths(deaths)
        damaged = _gauge(catalogue.SCRAPE_DAMAGED)
        damaged.add_metric((), damaged_files)
        yield damaged


def _store(live: list[WorkerReport]) -> Iterator[Metric]:
    configured = [report for report in live if report.flag_store_up is not None]
    if not configured:
        return
    up = _gauge(catalogue.FLAG_STORE_UP)
    up.add_metric((), min(bool(report.flag_store_up) for report in configured))
    yield up
    synced = _gauge(catalogue.FLAG_LAST_SYNC)
    synced.add_metric((), min(report.flag_last_sync or 0.0 for report in configured))
    yield synced


def _flags(live: list[WorkerReport]) -> Iterator[Metric]:
    percent, shadow, enabled, divergence = map(
        _gauge, (catalogue.FLAG_PERCENT, catalogue.SHADOW_PERCENT, catalogue.FLAG_ENABLED, catalogue.FLAG_DIVERGENCE)
    )
    for feature in sorted({feature for report in live for feature in report.features}):
        held = [report.features[feature] for report in live if feature in report.features]
        shares = [flag.in_force for flag in held]
        percent.add_metric((feature,), max(flag.basis_points for flag in held) / 100)
        shadow.add_metric((feature,), max(flag.shadow for flag in held) / 100)
        enabled.add_metric((feature,), max(flag.enabled for flag in held))
        divergence.add_metric((feature,), (max(shares) - min(shares)) / 100)
    yield from (percent, shadow, enabled, divergence)


def _deaths(deaths: Mapping[str, tuple[int, int]]) -> Metric:
    counted = CounterMetricFamily(
        catalogue.PROCESS_DEATHS.name, catalogue.PROCESS_DEATHS.help, labels=catalogue.PROCESS_DEATHS.labels
    )
    for process, numbers in sorted(deaths.items()):
        for how, number in zip(("died", "hung"), numbers, strict=True):
            counted.add_metric((process, how), number)
    return counted


def _in_flight(numbers: list[Mapping[tuple[str, str], int]]) -> Metric:
    total: dict[tuple[str, str], int] = {}
    for worker in numbers:
        for key, number in worker.items():
            total[key] = total.get(key, 0) + number
    gauge = _gauge(catalogue.IN_FLIGHT)
    for (feature, side), number in sorted(total.items()):
        gauge.add_metric((feature, str(side)), number)
    return gauge


def _upstreams(live: list[WorkerReport]) -> Iterator[Metric]:
    opened, target_up, queued = (
        _gauge(each) for each in (catalogue.BREAKER_OPEN, catalogue.TARGET_UP, catalogue.QUEUED)
    )
    for name in sorted({name for report in live for name in report.upstreams}):
        held = [report.upstreams[name] for report in live if name in report.upstreams]
        opened.add_metric((name,), sum(upstream.breaker_open for upstream in held))
        queued.add_metric((name,), sum(upstream.queued for upstream in held))
        for url in dict.fromkeys(url for upstream in held for url in upstream.targets):
            target_up.add_metric((name, url), all(upstream.targets.get(url, True) for upstream in held))
    yield from (opened, target_up, queued)


def _certificates(live: list[WorkerReport]) -> Metric:
    gauge = _gauge(catalogue.CERTIFICATE_NOT_AFTER)
    for file in sorted({file for report in live for file in report.certificates}):
        gauge.add_metric((file,), min(report.certificates[file] for report in live if file in report.certificates))
    return gauge


def _gauge(definition: Definition) -> GaugeMetricFamily:
    return GaugeMetricFamily(definition.name, definition.help, labels=definition.labels)
