"""What is measured: each function takes a contestant that runs and returns its numbers by name.

`cpu_us` is CPU time of the whole process tree for a request, `cpu_us_mib` for a MiB of payload; `worker_us` that of the
gateway's workers alone. `busy` is the CPU of the tree over the time, in cores. `machine` is the share of all cores that
was in use: near 1, the machine was the limit and not the contestant. `foreign` is the part of it that was neither the
tree's nor the upstreams' nor the load generators': what else the machine did meanwhile.
"""

import os
import re
from collections.abc import Callable, Mapping, Sequence

from bench.figures import percentile
from bench.measure import WARM_UP_SECONDS, Load, Result
from bench.processes import pss_kib, role, rss_kib, tree
from bench.stage import Running, Stage
from bench.wire import WORKS

WORKER = re.compile(r"w\d+")
LATENCY_CONNECTIONS = 128
CAPACITY_SECONDS = 1.0
Metrics = Mapping[str, float | Sequence[float]]
Measure = Callable[[Stage, Running], Metrics]

REQUESTS = ("get", "post", "headers")
CONNECTIONS = 32
BULKS = {"down-1m": 8, "down-100m": 2, "up-10m": 4}
"""How many connections at once."""


def requests(work: str, *, connections: int = CONNECTIONS, seconds: float) -> Measure:
    """Small requests as fast as they are answered."""

    def measure(stage: Stage, running: Running) -> Metrics:
        result = _loaded(stage, running, work, connections, seconds)
        return {
            "cpu_us": 1e6 * result.tree_cpu / result.replies,
            "rps": result.replies / result.seconds,
            **_workers(result),
            **_circumstances(result),
        }

    return measure


def bulk(work: str, *, seconds: float) -> Measure:
    """Large bodies as fast as they are moved."""

    def measure(stage: Stage, running: Running) -> Metrics:
        result = _loaded(stage, running, work, BULKS[work], seconds)
        mib = result.replies * WORKS[work].mib_each
        return {
            "cpu_us_mib": 1e6 * result.tree_cpu / mib,
            "mib_s": mib / result.seconds,
            **_circumstances(result),
        }

    return measure


def latency(*, rate: Callable[[], float | None], seconds: float) -> Measure:
    """At half of what it can do, counted from when each request was due.

    rate: its capacity as measured so far; without one, it is measured first.
    """

    def measure(stage: Stage, running: Running) -> Metrics:
        half = (rate() or _capacity(stage, running)) / 2
        with Load(stage, running, work="get", connections=LATENCY_CONNECTIONS) as load:
            load.open_loop(half, min(WARM_UP_SECONDS, seconds))
            result = load.open_loop(half, seconds)
        percents = {"p50_ms": 50.0, "p99_ms": 99.0, "p999_ms": 99.9}
        return {
            **{name: percentile(result.latencies, percent) / 1000 for name, percent in percents.items()},
            "late_p99_ms": percentile(result.lateness, 99) / 1000,
            "rate": half,
            "cpu_us": 1e6 * result.tree_cpu / result.replies,
            **_circumstances(result),
        }

    return measure


def idle(connections: int) -> Measure:
    """What so many connections cost in memory that have asked once and are silent."""

    def measure(stage: Stage, running: Running) -> Metrics:
        with Load(stage, running, work="get", connections=CONNECTIONS) as load:
            load.closed(WARM_UP_SECONDS)
            load.once()
            before = sum(map(rss_kib, serving(running)))
        with Load(stage, running, work="get", connections=connections) as load:
            load.once()
            after = sum(map(rss_kib, serving(running)))
        return {"kib_each": (after - before) / (connections - CONNECTIONS)}

    return measure


def at_rest(_stage: Stage, running: Running) -> Metrics:
    """Of one that has just started: how long that took, and its memory. Whoever serves is the gateway's workers."""
    workers = serving(running)
    return {
        "start_ms": 1000 * running.start_seconds,
        "rss_mib": max(map(rss_kib, workers)) / 1024,
        "tree_mib": pss_kib(tree(running.pid)) / 1024,
    }


def serving(running: Running) -> list[int]:
    """The processes that carry traffic: the gateway's workers, the whole tree of others."""
    family = tree(running.pid)
    return [pid for pid in family if WORKER.fullmatch(role(pid))] or family


def _loaded(stage: Stage, running: Running, work: str, connections: int, seconds: float) -> Result:
    with Load(stage, running, work=work, connections=connections) as load:
        load.closed(min(WARM_UP_SECONDS, seconds))
        return load.closed(seconds)


def _capacity(stage: Stage, running: Running) -> float:
    result = _loaded(stage, running, "get", CONNECTIONS, CAPACITY_SECONDS)
    return result.replies / result.seconds


def _workers(result: Result) -> dict[str, float]:
    workers = sum(seconds for name, seconds in result.cpu.items() if WORKER.fullmatch(name))
    return {"worker_us": 1e6 * workers / result.replies} if workers else {}


def _circumstances(result: Result) -> dict[str, float]:
    own = (result.tree_cpu + result.helpers_cpu) / result.seconds
    return {
        "share": result.share,
        "busy": result.tree_cpu / result.seconds,
        "machine": result.machine,
        "foreign": max(0.0, result.machine - own / (os.cpu_count() or 1)),
    }
