"""What one worker counts of shadow traffic. What each counts: docs/metrics.md."""

from gateway.model import ShadowOutcome, Side
from gateway.telemetry import catalogue
from gateway.telemetry.metrics import Cell, RequestMetrics


class ShadowMetrics:
    """Beside `RequestMetrics`, in its registry."""

    def __init__(self, metrics: RequestMetrics) -> None:
        self._outcomes = metrics.counter(catalogue.SHADOW_REQUESTS)
        self._mismatches = metrics.counter(catalogue.MISMATCHES)
        self._durations = metrics.histogram(catalogue.SHADOW_DURATION)
        self._counted: dict[tuple[str, ShadowOutcome], Cell] = {}

    def outcome(self, feature: str, outcome: ShadowOutcome) -> None:
        """Once for each copy."""
        cell = self._counted.get((feature, outcome))
        if cell is None:
            cell = self._counted[feature, outcome] = self._outcomes.labels(feature, outcome.value).cell()
        cell.inc(1.0)

    def mismatch(self, feature: str, kind: str) -> None:
        """Once for each kind of difference of a copy that is a mismatch: status, header, body."""
        self._mismatches.labels(feature, kind).inc()

    def took(self, feature: str, side: Side, seconds: float) -> None:
        """Once for each reply to a shadow, with the side that gave it."""
        self._durations.labels(feature, side.value).observe(seconds)
