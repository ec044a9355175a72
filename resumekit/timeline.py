"""What periods come to: how many months in all, and where there are gaps. Pure numbers; `periods` reads them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from resumekit.periods import Span
from resumekit.results import MAX_ITEMS, Gap, Period

SHORTEST_GAP = 3
"""Months. A shorter one is a notice period, or a holiday."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """The part of a result that is about time."""

    periods: list[Period]
    experience_months: int
    gaps: list[Gap]


def timeline_of(spans: Sequence[Span], *, experience: Sequence[Span]) -> Timeline:
    """Of all periods, and of those of work, which alone are counted and have gaps."""
    return Timeline(periods_of(spans), months_in(experience), gaps_between(experience))


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same months without overlaps: those that overlap or meet become one, the earliest first."""
    whole: list[Span] = []
    for span in sorted(spans):
        if whole and span.first <= whole[-1].last + 1:
            last = whole[-1]
            whole[-1] = Span(last.first, max(last.last, span.last), last.running or span.running)
        else:
            whole.append(span)
    return whole


def months_in(spans: Iterable[Span]) -> int:
    """How many months, overlaps counted once."""
    return sum(span.months for span in merged(spans))


def gaps_between(spans: Iterable[Span]) -> list[Gap]:
    """Of SHORTEST_GAP months or more, the latest first; before the first period and after the last there is none."""
    gaps = [
        Gap(start=written(before.last + 1), end=written(after.first - 1), months=after.first - before.last - 1)
        for before, after in pairwise(merged(spans))
        if after.first - before.last - 1 >= SHORTEST_GAP
    ]
    return gaps[::-1][:MAX_ITEMS]


def periods_of(spans: Sequence[Span]) -> list[Period]:
    """As they are told: the latest first, at most MAX_ITEMS."""
    latest = sorted(spans, key=lambda span: (span.running, span.last, span.first), reverse=True)
    return [
        Period(start=written(span.first), end=None if span.running else written(span.last), months=span.months)
        for span in latest[:MAX_ITEMS]
    ]


def written(month: int) -> str:
    """YYYY-MM."""
    return f"{month // 12:04}-{month % 12 + 1:02}"
