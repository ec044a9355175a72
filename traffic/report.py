"""What a run has to tell at its end: the figures of each step by side, as a table's rows and as JSON."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from traffic.mover import Moved
from traffic.tally import StepFigures, Tally, share


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run that has ended. cpu_seconds: our own; not_put_back: a flag is not what it was; signal: that stopped it."""

    tally: Tally
    options: Mapping[str, object]
    seconds: float
    cpu_seconds: float
    moved: Sequence[Moved] = ()
    put_back: bool = True
    signal: int = 0

    @property
    def status(self) -> int:
        """The exit status. A load that was not applied proves nothing, and neither does one that was stopped."""
        tally = self.tally
        if tally.failed or not self.put_back or (not tally.done and not self.signal):
            return 1
        if self.signal:
            return 128 + self.signal
        return 3 if tally.not_begun else 0

    @property
    def verdict(self) -> str:
        """One line."""
        tally = self.tally
        said = [f"{tally.done} of {tally.begun} journeys done, {tally.failed} failed"]
        if tally.broken_off:
            said.append(f"{tally.broken_off} broken off by the stop")
        if tally.not_begun:
            said.append(f"{tally.not_begun} NOT BEGUN: too many were under way")
        if not self.put_back:
            said.append("FLAGS NOT PUT BACK")
        return "; ".join(said)

    def json(self) -> dict[str, Any]:
        tally = self.tally
        return {
            "verdict": self.verdict,
            "status": self.status,
            "options": dict(self.options),
            "seconds": round(self.seconds, 3),
            "journeys": {
                "begun": tally.begun,
                "done": tally.done,
                "failed": tally.failed,
                "not_begun": tally.not_begun,
                "broken_off": tally.broken_off,
                "kinds": dict(tally.kinds),
            },
            "requests": {
                "count": tally.requests,
                "repeated": tally.repeated,
                "reconnects": tally.reconnects,
                "cpu_ms_each": _rounded(1000 * self.cpu_seconds / tally.requests if tally.requests else 0.0),
            },
            "lateness_ms": {"p99": _ms(percentile(tally.lateness, 99)), "max": _ms(percentile(tally.lateness, 100))},
            "jobs_seconds": {f"p{each}": _rounded(percentile(tally.jobs, each)) for each in (50, 95, 99)},
            "features": {name: _feature(sides) for name, sides in sorted(tally.features.items())},
            "users_moved": {"to_new": tally.moved_to_new, "to_legacy": tally.moved_to_legacy},
            "steps": {name: _step(figures) for name, figures in tally.steps.items()},
            "failures": [asdict(failure) for failure in tally.failures],
            "flags": [_moved(moved) for moved in self.moved],
        }


def percentile(values: Sequence[float], percent: int) -> float | None:
    """By the nearest rank; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def rows(tally: Tally) -> list[list[str]]:
    """A row of each step, in the order in which they were first made: count, failed, share on new, and milliseconds."""
    return [_row(name, figures) for name, figures in tally.steps.items()]


def failures_by_reason(tally: Tally) -> list[tuple[int, str, str]]:
    """How often, step and reason, the most frequent first."""
    found = [(count, name, why) for name, each in tally.steps.items() for why, count in each.failed.items()]
    return sorted(found, key=lambda entry: -entry[0])


def _row(name: str, figures: StepFigures) -> list[str]:
    new, legacy = figures.seconds.get("new", ()), figures.seconds.get("legacy", ())
    all_told = len(new) + len(legacy)
    unknown = figures.seconds.get("-", ())
    return [
        name,
        str(figures.count),
        str(sum(figures.failed.values()) or ""),
        f"{100 * len(new) / all_told:.0f} %" if all_told else "",
        _three(legacy if all_told else unknown),
        _three(new),
    ]


def _three(values: Sequence[float]) -> str:
    if not values:
        return ""
    return " ".join(f"{1000 * (percentile(values, each) or 0):5.0f}" for each in (50, 95, 99))


def _step(figures: StepFigures) -> dict[str, Any]:
    return {
        "count": figures.count,
        "failed": dict(figures.failed),
        "sides": {
            side: {
                "count": len(seconds),
                **{f"p{each}_ms": _ms(percentile(seconds, each)) for each in (50, 95, 99)},
            }
            for side, seconds in sorted(figures.seconds.items())
        },
    }


def _feature(sides: Counter[str]) -> dict[str, Any]:
    return {
        "legacy": sides["legacy"],
        "new": sides["new"],
        "new_percent": _rounded(share(sides)),
    }


def _moved(moved: Moved) -> dict[str, Any]:
    return {
        "feature": moved.feature,
        "before": {"percent": moved.before.percent, "source": moved.before.source},
        "last_percent": moved.percent,
        "changes": moved.changes,
        "skipped": moved.skipped,
        "unconfirmed": moved.unconfirmed,
        "put_back": moved.put_back,
        "taken_over": moved.taken_over,
        "notes": moved.notes,
    }


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(1000 * seconds, 1)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
