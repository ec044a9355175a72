"""Whether new is slower than legacy: pure, on times that were taken in turns.

Each round plays both sides one after the other, so that what else the machine does falls on both, and each step counts
by its median. Three things make new slower, each beyond chance: the sum of all steps; the step in the middle, which
tells of many small delays beside a few long steps whose times vary more than that; and any one step that is slower in
every round. The first two have confidence intervals, from drawing rounds with replacement (a paired bootstrap).
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

DRAWS = 1000
CONFIDENCE = 0.95
MIN_ROUNDS = 5
"""Of fewer rounds no interval can be told."""
SEED = 7

Times = Mapping[str, Sequence[float]]
"""Seconds by step, one for each round, in the order of rounds."""


@dataclass(frozen=True, slots=True)
class Limits:
    """percent: how much slower new may be; by_seconds: what a request may take longer whatever that is in percent, for
    two milliseconds instead of one are the machine's.
    """

    percent: float = 10.0
    by_seconds: float = 0.003


@dataclass(frozen=True, slots=True)
class Slow:
    """One step that is slower in every round than legacy in any."""

    name: str
    legacy: float
    new: float

    @property
    def percent(self) -> float:
        return (self.new / self.legacy - 1) * 100


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure, and where it lies with a confidence of 95 %."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Excess:
    """How much longer new takes: percent (less than nothing: shorter), and seconds a request."""

    percent: Interval
    seconds: Interval

    def is_beyond(self, limits: Limits) -> bool:
        """For certain."""
        return self.percent.low > limits.percent and self.seconds.low > limits.by_seconds


@dataclass(frozen=True, slots=True)
class Timing:
    """total: of all timed steps together. typical: of the step in the middle."""

    total: Excess
    typical: Excess
    rounds: int
    steps: int
    slow_steps: tuple[Slow, ...]
    limits: Limits

    @property
    def is_slower(self) -> bool:
        every = (self.total, self.typical)
        return any(excess.is_beyond(self.limits) for excess in every) or bool(self.slow_steps)


def measure(legacy: Times, new: Times, limits: Limits, *, seed: int = SEED) -> Timing | None:
    """None where there is too little to go by. Steps that one side lacks in any round are left out."""
    rounds = max((len(times) for times in legacy.values()), default=0)
    names = [name for name, times in legacy.items() if len(times) == rounds == len(new.get(name, ()))]
    if rounds < MIN_ROUNDS or not names:
        return None
    old_times, new_times = [legacy[name] for name in names], [new[name] for name in names]
    chance = random.Random(seed)  # noqa: S311 - draws of a statistic, which the same seed must repeat
    draws = [_look(old_times, new_times, chance.choices(range(rounds), k=rounds)) for _ in range(DRAWS)]
    found = _look(old_times, new_times, range(rounds))
    total_percent, total_seconds, middle_percent, middle_seconds = (
        _interval(found[each], sorted(draw[each] for draw in draws)) for each in range(4)
    )
    return Timing(
        total=Excess(total_percent, total_seconds),
        typical=Excess(middle_percent, middle_seconds),
        rounds=rounds,
        steps=len(names),
        slow_steps=tuple(_slow_steps(names, old_times, new_times, limits)),
        limits=limits,
    )


def _look(
    legacy: Sequence[Sequence[float]], new: Sequence[Sequence[float]], rounds: Sequence[int]
) -> tuple[float, ...]:
    """(percent and seconds a request of all steps, percent and seconds of the one in the middle) over some rounds."""
    pairs = [
        (median([old_times[each] for each in rounds]), median([new_times[each] for each in rounds]))
        for old_times, new_times in zip(legacy, new, strict=True)
    ]
    old_sum, new_sum = sum(old for old, _ in pairs), sum(new for _, new in pairs)
    return (
        (new_sum / old_sum - 1) * 100,
        (new_sum - old_sum) / len(pairs),
        (median(new / old for old, new in pairs) - 1) * 100,
        median(new - old for old, new in pairs),
    )


def _interval(value: float, drawn: Sequence[float]) -> Interval:
    cut = int(len(drawn) * (1 - CONFIDENCE) / 2)
    return Interval(value, drawn[cut], drawn[-1 - cut])


def _slow_steps(
    names: Sequence[str], legacy: Sequence[Sequence[float]], new: Sequence[Sequence[float]], limits: Limits
) -> list[Slow]:
    """No step is called slow by chance: its fastest time on new must be beyond what legacy's slowest allows."""
    found = []
    for name, old_times, new_times in zip(names, legacy, new, strict=True):
        bound = max(old_times) * (1 + limits.percent / 100)
        slow = Slow(name, median(old_times), median(new_times))
        if min(new_times) > bound and slow.new - slow.legacy > limits.by_seconds:
            found.append(slow)
    return found
