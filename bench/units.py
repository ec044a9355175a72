"""The names of what is counted, as people read them."""

from dataclasses import dataclass

from bench.figures import Figures


@dataclass(frozen=True, slots=True)
class Metric:
    """compared: whether its ratio to ours is told; less is better then."""

    title: str
    compared: bool = False


METRICS = {
    "cpu_us": Metric("CPU, us a request", compared=True),
    "worker_us": Metric("workers alone, us"),
    "rps": Metric("requests/s"),
    "cpu_us_mib": Metric("CPU, us a MiB", compared=True),
    "mib_s": Metric("MiB/s"),
    "share": Metric("% on new"),
    "busy": Metric("cores it used"),
    "machine": Metric("of all cores in use"),
    "p50_ms": Metric("p50, ms", compared=True),
    "p99_ms": Metric("p99, ms", compared=True),
    "p999_ms": Metric("p99.9, ms", compared=True),
    "late_p99_ms": Metric("sent late by, p99, ms"),
    "rate": Metric("asked, requests/s"),
    "kib_each": Metric("KiB a connection", compared=True),
    "start_ms": Metric("first answer after, ms", compared=True),
    "rss_mib": Metric("resident, a process, MiB"),
    "tree_mib": Metric("memory of all, MiB", compared=True),
    "effect_ms": Metric("change to effect, ms"),
}


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
