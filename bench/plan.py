"""What a run consists of: heats, each of them measurements of one kind that are made one after the other."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench import workloads
from bench.contestants.base import Contestant
from bench.contestants.ours import Ours
from bench.figures import Figures
from bench.flags import flag_changes

GROUPS = (
    *("start", "get", "post", "headers", "down-1m", "down-100m", "up-10m", "latency"),
    *("connections", "idle", "routes", "features", "flag", "workers"),
)
"""What --workloads takes, in the order in which they are run."""

CONNECTIONS = (1, 32, 256, 2000)
IDLE = 5000
ROUTES = (1, 100, 10_000)
FEATURES = (1, 500)
WORKERS = (1, 2)
COMPARED = ("nginx", "envoy")
"""Peers that are measured with many connections too."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How much of it. changes: of a flag, in a round."""

    rounds: int = 5
    seconds: float = 3.0
    changes: int = 60


@dataclass(frozen=True, slots=True)
class Entry:
    """One measurement of a round, and under which name its numbers are kept.

    fresh: it needs a contestant that has done nothing yet, and gets one for itself.
    """

    who: str
    workload: str
    contestant: Contestant
    measure: workloads.Measure
    fresh: bool = False


Heat = tuple[Entry, ...]


def heats(field: Sequence[Contestant], groups: Sequence[str], pace: Pace, figures: Figures) -> list[Heat]:
    """In order. figures: what has been measured when an entry's turn comes."""
    return [_heat(group, field, pace, figures) for group in GROUPS if group in groups]


def _heat(group: str, field: Sequence[Contestant], pace: Pace, figures: Figures) -> Heat:
    ours = [each for each in field if isinstance(each, Ours)]
    if group in workloads.REQUESTS:
        return _same(field, group, workloads.requests(group, seconds=pace.seconds))
    if group in workloads.BULKS:
        return _same(field, group, workloads.bulk(group, seconds=pace.seconds))
    if group == "start":
        return _same(field, group, workloads.at_rest)
    if group == "latency":
        return tuple(_latency(each, pace, figures) for each in field)
    few = [*ours, *(each for each in field if each.name in COMPARED)]
    if group == "connections":
        return tuple(entry for count in CONNECTIONS for entry in _connected(few, count, pace))
    if group == "idle":
        return _same(few, f"idle-{IDLE}", workloads.idle(IDLE), fresh=True)
    if group == "flag":
        return _same(ours, group, flag_changes(pace.changes))
    return tuple(entry for each in ours for entry in _grown(group, each, pace))


def _same(field: Sequence[Contestant], workload: str, measure: workloads.Measure, *, fresh: bool = False) -> Heat:
    return tuple(Entry(each.name, workload, each, measure, fresh) for each in field)


def _latency(each: Contestant, pace: Pace, figures: Figures) -> Entry:
    def capacity() -> float | None:
        return figures.median(each.name, "get", "rps")

    return Entry(each.name, "latency", each, workloads.latency(rate=capacity, seconds=pace.seconds))


def _connected(field: Sequence[Contestant], count: int, pace: Pace) -> Heat:
    measure = workloads.requests("get", connections=count, seconds=pace.seconds)
    return _same(field, f"connections-{count}", measure)


def _grown(group: str, ours: Ours, pace: Pace) -> list[Entry]:
    """The gateway with more and more of something; their numbers stand under its own name."""
    measure = workloads.requests("get", seconds=pace.seconds)
    if group == "routes":
        return [Entry(ours.name, f"routes-{count}", replace(ours, routes=count), measure) for count in ROUTES]
    if group == "features":
        routes = max(FEATURES)  # so many for each of them: what differs is the features alone
        return [
            Entry(ours.name, f"features-{count}", replace(ours, routes=routes, features=count), measure)
            for count in FEATURES
        ]
    return [Entry(ours.name, f"workers-{count}", replace(ours, workers=count), measure) for count in WORKERS]
