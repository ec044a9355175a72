"""The names of what is counted, as people read them."""

from dataclasses import dataclass

from bench.figures import Figures


@dataclass(frozen=True, slots=True)
class Metric:
    """compared: less is better, and the ratio to ours is told. main: so is the spread, on the terminal too.

    aside: a circumstance, for the files alone.
    """

    title: str
    compared: bool = False
    main: bool = False
    aside: bool = False


METRICS = {
    "cpu_us": Metric("CPU us/request", compared=True, main=True),
    "worker_us": Metric("its workers, us"),
    "cpu_us_mib": Metric("CPU us/MiB", compared=True, main=True),
    "rps": Metric("requests/s"),
    "mib_s": Metric("MiB/s"),
    "p50_ms": Metric("p50 ms", compared=True),
    "p99_ms": Metric("p99 ms", compared=True, main=True),
    "p999_ms": Metric("p99.9 ms", compared=True),
    "rate": Metric("asked/s"),
    "late_p99_ms": Metric("sent late, p99 ms", aside=True),
    "kib_each": Metric("KiB/connection", compared=True, main=True),
    "start_ms": Metric("first answer, ms", compared=True, main=True),
    "rss_mib": Metric("largest process, MiB"),
    "tree_mib": Metric("all processes, MiB", compared=True),
    "effect_ms": Metric("to the first request"),
    "answer_ms": Metric("to its answer"),
    "share": Metric("% on new"),
    "busy": Metric("cores it used", aside=True),
    "machine": Metric("share of all cores in use", aside=True),
    "foreign": Metric("share of all cores, others", aside=True),
}
"""In the order of columns."""


def number(value: float) -> str:
    """With three digits that count."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def ratio(figures: Figures, who: str, workload: str, metric: str, ours: str) -> float | None:
    """To ours; None for ourselves, and for what is not compared."""
    mine = figures.median(ours, workload, metric)
    other = figures.median(who, workload, metric)
    if who == ours or not METRICS[metric].compared or not mine or other is None:
        return None
    return other / mine
