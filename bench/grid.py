"""A workload's numbers as rows of texts, for the terminal and for the file."""

from dataclasses import dataclass

from bench.figures import Figures
from bench.units import METRICS, number, ratio

PERCENTS = (50.0, 99.0, 100.0)


@dataclass(frozen=True, slots=True)
class Grid:
    """titles: of the columns, the first of which names the contestant."""

    workload: str
    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def grids(figures: Figures, ours: str, *, aside: bool) -> list[Grid]:
    """All workloads. aside: with the circumstances."""
    return [_grid(figures, workload, ours, aside=aside) for workload in figures.workloads()]


def _grid(figures: Figures, workload: str, ours: str, *, aside: bool) -> Grid:
    present = figures.metrics(workload)
    if "effect_ms" in present:
        return _percentiles(figures, workload)
    metrics = [name for name, metric in METRICS.items() if name in present and (aside or not metric.aside)]
    who = figures.who(workload)
    compared = [name for name in metrics if METRICS[name].compared]
    titles = [""]
    for name in metrics:
        titles += [METRICS[name].title, *(["min..max", f"of {ours}"] if name in compared else [])]
    rows = [(each, *_cells(figures, each, workload, metrics, ours)) for each in who]
    return _without_empty_columns(Grid(workload, tuple(titles), tuple(rows)))


def _cells(figures: Figures, who: str, workload: str, metrics: list[str], ours: str) -> list[str]:
    cells = []
    for name in metrics:
        spread = figures.spread(who, workload, name)
        cells.append(number(spread.median) if spread is not None else "")
        if METRICS[name].compared:
            several = spread is not None and spread.count > 1
            times = ratio(figures, who, workload, name, ours)
            cells.append(f"{number(spread.low)}..{number(spread.high)}" if spread is not None and several else "")
            cells.append(f"{times:.2f}x" if times is not None else "")
    return cells


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


def _without_empty_columns(grid: Grid) -> Grid:
    kept = [place for place in range(len(grid.titles)) if place == 0 or any(row[place] for row in grid.rows)]
    return Grid(
        grid.workload,
        tuple(grid.titles[place] for place in kept),
        tuple(tuple(row[place] for place in kept) for row in grid.rows),
    )
