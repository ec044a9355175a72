"""Which percent a feature has when, while a run lasts. Pure: dice and the moment are arguments."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from random import Random


@dataclass(frozen=True, slots=True)
class Ramp:
    """From one percent to another, a change every so many seconds. shuffle: any percent between them, in no order."""

    first: Decimal
    last: Decimal
    every: float
    shuffle: bool = False

    @classmethod
    def parse(cls, text: str, *, every: float, shuffle: bool) -> "Ramp":
        """`1:100`. Raises ValueError in words."""
        parts = text.split(":")
        if len(parts) != 2:
            raise ValueError(f"{text!r} is no ramp; write it like 1:100")
        first, last = map(_percent, parts)
        return cls(first, last, every, shuffle)

    def percents(self, seconds: float, chance: Random) -> Sequence[str]:
        """All of a run: the first at its start, the last one step before its end, to be in force for a while."""
        count = max(1, int(round(seconds / self.every, 6)))
        if self.shuffle:
            low, high = sorted((int(self.first * 100), int(self.last * 100)))
            return [in_words(Decimal(chance.randint(low, high)) / 100) for _ in range(count)]
        steps = max(1, count - 1)
        return [in_words(self.first + (self.last - self.first) * number / steps) for number in range(count)]


def in_words(percent: Decimal) -> str:
    """With at most two decimals, as flags are written."""
    text = f"{percent:.2f}"
    return text.rstrip("0").rstrip(".")


def _percent(text: str) -> Decimal:
    try:
        percent = Decimal(text)
    except ArithmeticError:
        percent = Decimal("NaN")
    if not (percent.is_finite() and 0 <= percent <= 100 and percent == round(percent, 2)):
        raise ValueError(f"{text!r} is no percent from 0 to 100 with at most two decimals")
    return percent
