"""Whether new is slower than legacy: pure, on pairs of times that were taken one right after the other.

What else the machine does falls on both of a pair. Three things make new slower, each beyond chance: all steps
together, each by its median; the pair in the middle, which tells of many small delays beside a few long steps whose
times vary more than that; and any one step that is slower in every round.

The first two have confidence intervals, from drawing each step's pairs with replacement (a bootstrap), and must show in
each step's fastest time as well: a service that is slow itself has no quick moment, one on a busy machine has some.
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

Pairs = Sequence[tuple[float, float]]
"""Seconds of one step: legacy's and new's, one pair for each round."""


@dataclass(frozen=True, slots=True)
class Limits:
    """percent: how much slower new may be; by_seconds: what a request may take longer whatever that is in percent, for
    two milliseconds instead of one are the machine's.
    """

    percent: float = 10.0
    by_seconds: float = 0.002


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
    """How much longer new takes: percent (less than nothing: shorter), and seconds a request.

    fastest_percent, fastest_seconds: the same by each step's fastest time on either side.
    """

    percent: Interval
    seconds: Interval
    fastest_percent: float
    fastest_seconds: float

    def is_beyond(self, limits: Limits) -> bool:
        """For certain."""
        sure = self.percent.low > limits.percent and self.seconds.low > limits.by_seconds
        return sure and self._is_steady(limits)

    def may_be_beyond(self, limits: Limits) -> bool:
        """As it looks, certain or not."""
        seems = self.percent.value > limits.percent and self.seconds.value > limits.by_seconds
        return seems and self._is_steady(limits)

    def _is_steady(self, limits: Limits) -> bool:
        return self.fastest_percent > limits.percent and self.fastest_seconds > limits.by_seconds


@dataclass(frozen=True, slots=True)
class Timing:
    """total: of all timed steps together. typical: of the pair in the middle. rounds: of most steps."""

    total: Excess
    typical: Excess
    rounds: int
    steps: int
    slow_steps: tuple[Slow, ...]
    limits: Limits

    @property
    def is_slower(self) -> bool:
        return self._is_slower_in_all or bool(self.slow_steps)

    @property
    def is_unsure(self) -> bool:
        """Whether more rounds may yet tell: that new is slower, or that one slow step was chance."""
        every = (self.total, self.typical)
        seems = bool(self.slow_steps) or any(excess.may_be_beyond(self.limits) for excess in every)
        return seems and not self._is_slower_in_all

    @property
    def _is_slower_in_all(self) -> bool:
        return any(excess.is_beyond(self.limits) for excess in (self.total, self.typical))


def measure(steps: Mapping[str, Pairs], limits: Limits, *, seed: int = SEED) -> Timing | None:
    """None where there is too little to go by. A step that was not timed often enough is left out."""
    timed = {name: pairs for name, pairs in steps.items() if len(pairs) >= MIN_ROUNDS}
    if not timed:
        return None
    chance = random.Random(seed)  # noqa: S311 - draws of a statistic, which the same seed must repeat
    draws = [_look([chance.choices(pairs, k=len(pairs)) for pairs in timed.values()]) for _ in range(DRAWS)]
    found = _look(list(timed.values()))
    intervals = [_interval(found[each], sorted(draw[each] for draw in draws)) for each in range(len(found))]
    fastest = _look([[(min(old for old, _ in pairs), min(new for _, new in pairs))] for pairs in timed.values()])
    return Timing(
        total=Excess(intervals[0], intervals[1], fastest[0], fastest[1]),
        typical=Excess(intervals[2], intervals[3], fastest[2], fastest[3]),
        rounds=max(map(len, timed.values())),
        steps=len(timed),
        slow_steps=tuple(_slow_steps(timed, limits)),
        limits=limits,
    )


def _look(steps: Sequence[Pairs]) -> tuple[float, float, float, float]:
    """Percent and seconds a request of all steps together, percent and seconds of the pair in the middle."""
    old_sum = sum(median([old for old, _ in pairs]) for pairs in steps)
    new_sum = sum(median([new for _, new in pairs]) for pairs in steps)
    every = [pair for pairs in steps for pair in pairs]
    return (
        (new_sum / old_sum - 1) * 100,
        (new_sum - old_sum) / len(steps),
        (median([new / old for old, new in every]) - 1) * 100,
        median([new - old for old, new in every]),
    )


def _interval(value: float, drawn: Sequence[float]) -> Interval:
    cut = int(len(drawn) * (1 - CONFIDENCE) / 2)
    return Interval(value, drawn[cut], drawn[-1 - cut])


def _slow_steps(steps: Mapping[str, Pairs], limits: Limits) -> list[Slow]:
    """No step is called slow by chance: its fastest time on new must be beyond what legacy's slowest allows."""
    found = []
    for name, pairs in steps.items():
        bound = max(old for old, _ in pairs) * (1 + limits.percent / 100)
        slow = Slow(name, median([old for old, _ in pairs]), median([new for _, new in pairs]))
        if min(new for _, new in pairs) > bound and slow.new - slow.legacy > limits.by_seconds:
            found.append(slow)
    return found
