"""How numbers and lists are put in words. A leaf, for remarks and suggestions."""

from collections.abc import Sequence


def count_of(number: int, noun: str) -> str:
    """`1 word`, `2,000 words`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def duration(months: int) -> str:
    """`7 months`, `1 year`, `5 years and 3 months`."""
    years, rest = divmod(months, 12)
    parts = [count_of(years, "year")] * (years > 0) + [count_of(rest, "month")] * (rest > 0 or years == 0)
    return " and ".join(parts)


def listed(items: Sequence[str], *, last: str) -> str:
    """`a`, `a and b`, `a, b and c`; `last` is the word before the last one."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"
