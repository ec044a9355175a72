"""Whether new is slower than legacy: pure, on times that were taken in turns.

Each round plays both sides one after the other, so that what else the machine does falls on both. What is compared is
the sum of each step's median; its confidence interval comes from drawing rounds with replacement (a paired bootstrap).
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
class Timing:
    """Of all timed steps. percent: how much slower new is (less than nothing: faster), low and high: where that lies
    with a confidence of 95 %. seconds: how much longer a request takes, seconds_low: at least.
    """

    percent: float
    low: float
    high: float
    seconds: float
    seconds_low: float
    rounds: int
    steps: int
    slow_steps: tuple[Slow, ...]
    limits: Limits

    @property
    def is_slower_in_all(self) -> bool:
        return self.low > self.limits.percent and self.seconds_low > self.limits.by_seconds

    @property
    def is_slower(self) -> bool:
        return self.is_slower_in_all or bool(self.slow_steps)


def measure(legacy: Times, new: Times, limits: Limits, *, seed: int = SEED) -> Timing | None:
    """None where there is too little to go by. Steps that one side lacks in any round are left out."""
    rounds = max((len(times) for times in legacy.values()), default=0)
    names = [name for name, times in legacy.items() if len(times) == rounds == len(new.get(name, ()))]
    if rounds < MIN_ROUNDS or not names:
        return None
    old_times, new_times = [legacy[name] for name in names], [new[name] for name in names]
    every = range(rounds)
    chance = random.Random(seed)  # noqa: S311 - draws of a statistic, which the same seed must repeat
    draws = [_total(old_times, new_times, chance.choices(every, k=rounds)) for _ in range(DRAWS)]
    ratios = sorted(new_sum / old_sum for old_sum, new_sum in draws)
    longer = sorted(new_sum - old_sum for old_sum, new_sum in draws)
    old_sum, new_sum = _total(old_times, new_times, every)
    cut = int(DRAWS * (1 - CONFIDENCE) / 2)
    return Timing(
        percent=_percent(new_sum / old_sum),
        low=_percent(ratios[cut]),
        high=_percent(ratios[-1 - cut]),
        seconds=(new_sum - old_sum) / len(names),
        seconds_low=longer[cut] / len(names),
        rounds=rounds,
        steps=len(names),
        slow_steps=tuple(_slow_steps(names, old_times, new_times, limits)),
        limits=limits,
    )


def _total(
    legacy: Sequence[Sequence[float]], new: Sequence[Sequence[float]], rounds: Sequence[int]
) -> tuple[float, float]:
    """The sums of all steps' medians over some rounds."""
    return (
        sum(median([times[each] for each in rounds]) for times in legacy),
        sum(median([times[each] for each in rounds]) for times in new),
    )


def _percent(ratio: float) -> float:
    return (ratio - 1) * 100


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
