"""A workload's numbers as rows of texts, for the terminal and for the file."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.figures import Figures
from bench.units import METRICS, number, ratio

PERCENTS = (50.0, 99.0, 100.0)
SPREAD = "min..max"


@dataclass(frozen=True, slots=True)
class Grid:
    """titles: of the columns, the first of which names the contestant."""

    workload: str
    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def grids(figures: Figures, ours: str, *, whole: bool) -> list[Grid]:
    """All workloads. whole: with the circumstances, and how far everything spreads."""
    return [_grid(figures, workload, ours, whole=whole) for workload in figures.workloads()]


def _grid(figures: Figures, workload: str, ours: str, *, whole: bool) -> Grid:
    present = figures.metrics(workload)
    if "effect_ms" in present:
        return _percentiles(figures, workload)
    who = figures.who(workload)
    columns: list[tuple[str, list[str]]] = [("", who)]
    for name, metric in METRICS.items():
        if name in present and (whole or not metric.aside):
            columns.append((metric.title, [_median(figures, each, workload, name) for each in who]))
            if metric.main or (whole and metric.compared):
                columns.append((SPREAD, [_spread(figures, each, workload, name) for each in who]))
            if metric.compared:
                columns.append((f"of {ours}", [_ratio(figures, each, workload, name, ours=ours) for each in who]))
    return _of_columns(workload, [column for column in columns if any(column[1])])


def _of_columns(workload: str, columns: Sequence[tuple[str, list[str]]]) -> Grid:
    titles, cells = zip(*columns, strict=True)
    return Grid(workload, titles, tuple(zip(*cells, strict=True)))


def _median(figures: Figures, who: str, workload: str, metric: str) -> str:
    found = figures.median(who, workload, metric)
    return number(found) if found is not None else ""


def _spread(figures: Figures, who: str, workload: str, metric: str) -> str:
    found = figures.spread(who, workload, metric)
    return f"{number(found.low)}..{number(found.high)}" if found is not None and found.count > 1 else ""


def _ratio(figures: Figures, who: str, workload: str, metric: str, *, ours: str) -> str:
    times = ratio(figures, who, workload, metric, ours)
    return f"{times:.2f}x" if times is not None else ""


def _percentiles(figures: Figures, workload: str) -> Grid:
    """Of changes, which are many in each round."""
    rows = []
    for who in figures.who(workload):
        for metric in figures.metrics(workload):
            spread = figures.spread(who, workload, metric)
            found = [figures.percentile(who, workload, metric, percent) or 0.0 for percent in PERCENTS]
            count = str(spread.count if spread is not None else 0)
            rows.append((f"{who}, {METRICS[metric].title}", count, *map(number, found)))
    return Grid(workload, ("", "changes", "p50 ms", "p99 ms", "max ms"), tuple(rows))
