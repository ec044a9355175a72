"""Which target takes a request: the less busy of two drawn at random (the power of two choices)."""

from collections.abc import Callable, Sequence


def draw_two(count: int, first: float, second: float) -> tuple[int, int]:
    """Two different places of `count`, which is 2 at least. first, second: random, 0 up to but not 1."""
    one = int(first * count)
    other = int(second * (count - 1))
    return one, other + (other >= one)


def less_busy(load: Callable[[int], int], one: int, other: int) -> int:
    """Of two targets; the first drawn where they are equal."""
    return other if load(other) < load(one) else one


def taking_part(shares: Sequence[float], lot: float) -> list[int]:
    """The targets among which this request is drawn. lot: random, 0 up to but not 1.

    A target with a part of a full share takes part in that part of all draws; where nobody would, all that have any
    share do.
    """
    return [place for place, share in enumerate(shares) if share > lot] or [
        place for place, share in enumerate(shares) if share > 0
    ]
