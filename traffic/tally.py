"""What a run has counted so far: journeys, and of each step how often, by which side, how long, and what failed."""

from array import array
from collections import Counter, deque
from dataclasses import dataclass, field

from traffic.failures import Failure

MAX_FAILURES = 100
"""How many are kept whole; all are counted."""

NOBODY = "-"
"""The side of an answer that does not tell, and of none."""


@dataclass(slots=True)
class StepFigures:
    """seconds: of each answer, by side. failed: journeys that ended here, by reason."""

    seconds: "dict[str, array[float]]" = field(default_factory=dict)
    failed: Counter[str] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        return sum(map(len, self.seconds.values()))


@dataclass(slots=True)
class Tally:
    """broken_off: journeys that were not finished because the run was stopped; lateness: how late each began."""

    begun: int = 0
    done: int = 0
    failed: int = 0
    not_begun: int = 0
    broken_off: int = 0
    requests: int = 0
    repeated: int = 0
    reconnects: int = 0
    moved_to_new: int = 0
    moved_to_legacy: int = 0
    steps: dict[str, StepFigures] = field(default_factory=dict)
    features: dict[str, Counter[str]] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    lateness: "array[float]" = field(default_factory=lambda: array("d"))
    jobs: "array[float]" = field(default_factory=lambda: array("d"))
    """From the start of each job to its success, in seconds."""

    @property
    def in_flight(self) -> int:
        return self.begun - self.done - self.failed - self.broken_off

    def step(self, name: str) -> StepFigures:
        return self.steps.setdefault(name, StepFigures())

    def answered(self, step: str, *, feature: str, side: str, seconds: float) -> None:
        """One answer, whatever it was."""
        self.requests += 1
        self.step(step).seconds.setdefault(side or NOBODY, array("d")).append(seconds)
        if feature and side:
            self.features.setdefault(feature, Counter())[side] += 1

    def unanswered(self, step: str) -> None:
        self.requests += 1
        self.step(step).seconds.setdefault(NOBODY, array("d"))

    def fail(self, failure: Failure) -> None:
        """One journey has ended badly."""
        self.failed += 1
        self.step(failure.step).failed[failure.reason] += 1
        if len(self.failures) < MAX_FAILURES:
            self.failures.append(failure)


@dataclass(slots=True)
class Window:
    """The last few looks at a tally, one a second, for what happens now: requests a second and the share on new."""

    seconds: int = 5
    _looks: deque[tuple[float, int, dict[str, Counter[str]]]] = field(default_factory=deque)

    def look(self, tally: Tally, now: float) -> None:
        self._looks.append((now, tally.requests, {name: Counter(sides) for name, sides in tally.features.items()}))
        while len(self._looks) > self.seconds + 1:
            self._looks.popleft()

    def rate(self) -> float:
        """Requests a second; 0 before two looks."""
        if len(self._looks) < 2:
            return 0.0
        (before, then, _), (now, total, _) = self._looks[0], self._looks[-1]
        return (total - then) / (now - before) if now > before else 0.0

    def shares(self) -> dict[str, float | None]:
        """Of each feature, how many percent of the answers came from new; None where there were none."""
        if not self._looks:
            return {}
        first, last = self._looks[0][2], self._looks[-1][2]
        if len(self._looks) == 1:
            first = {}
        return {name: share(sides - first.get(name, Counter())) for name, sides in sorted(last.items())}


def share(sides: Counter[str]) -> float | None:
    """Percent of new among legacy and new."""
    total = sides["legacy"] + sides["new"]
    return 100 * sides["new"] / total if total else None
