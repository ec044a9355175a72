"""Numbers of many rounds: percentiles, medians, how far they spread, and the store that the reports read."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The smallest value that at least so many percent are not above (nearest rank); of sorted values, one or more."""
    rank = math.ceil(round(percent * len(ordered) / 100, 6))
    return ordered[max(rank, 1) - 1]


@dataclass(frozen=True, slots=True)
class Spread:
    """What the rounds say together."""

    median: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        """Of one value or more."""
        ordered = sorted(values)
        return cls(statistics.median(ordered), ordered[0], ordered[-1], len(ordered))


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Whose number it is, of which workload, and what it counts: `envoy`, `get`, `cpu_us`."""

    who: str
    workload: str
    metric: str


@dataclass(slots=True)
class Figures:
    """All that was measured, by key, in the order of the rounds, and what failed."""

    values: dict[Key, list[float]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def add(self, who: str, workload: str, metrics: Mapping[str, float | Sequence[float]]) -> None:
        """One round's numbers by metric; several of one metric where a round gives several."""
        for metric, value in metrics.items():
            values = self.values.setdefault(Key(who, workload, metric), [])
            values.extend(value if isinstance(value, Sequence) else (value,))

    def fail(self, who: str, workload: str, why: str) -> None:
        self.failures.append(f"{who}: {workload}: {why}")

    def spread(self, who: str, workload: str, metric: str) -> Spread | None:
        """None where nothing was measured."""
        values = self.values.get(Key(who, workload, metric))
        return Spread.of(values) if values else None

    def median(self, who: str, workload: str, metric: str) -> float | None:
        found = self.spread(who, workload, metric)
        return found.median if found is not None else None

    def percentile(self, who: str, workload: str, metric: str, percent: float) -> float | None:
        """Over all values; None where nothing was measured."""
        values = self.values.get(Key(who, workload, metric))
        return percentile(sorted(values), percent) if values else None

    def foreign(self) -> float:
        """The share of all cores that programs used which have no part in this: the median of all measurements."""
        shares = [value for key, values in self.values.items() if key.metric == "foreign" for value in values]
        return statistics.median(shares) if shares else 0.0

    def who(self, workload: str) -> list[str]:
        """Everybody with a number of a workload, in the order in which they came."""
        return list(dict.fromkeys(key.who for key in self.values if key.workload == workload))

    def workloads(self) -> list[str]:
        return list(dict.fromkeys(key.workload for key in self.values))

    def metrics(self, workload: str) -> list[str]:
        return list(dict.fromkeys(key.metric for key in self.values if key.workload == workload))
