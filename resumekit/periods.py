"""Periods of time as people write them: `2019 - 2021`, `Mar 2019 - present`, `03/2019-06/2021`, `2019-03 to 2021-06`,
`since 2020`; in English and German. `timeline` reckons with what is found.

Months are counted from the year 0, so that they are numbers; both ends of a period belong to it. A year without a month
begins in January and ends in December. An end that has not come yet is taken as "until now".
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import chain

_MONTHS = {
    "jan": "january januar jänner", "feb": "february februar", "mar": "march märz mär mrz", "apr": "april",
    "may": "mai", "jun": "june juni", "jul": "july juli", "aug": "august", "sep": "sept september",
    "oct": "october oktober okt", "nov": "november", "dec": "december dezember dez",
}  # fmt: skip
_MONTH_OF = {
    name: number for number, (short, others) in enumerate(_MONTHS.items(), start=1) for name in (short, *others.split())
}
_NAME = "|".join(sorted(_MONTH_OF, key=len, reverse=True))
_YEAR = r"(?:19|20)\d\d"


def _moment(side: str) -> str:
    """The pattern of one end of a period, its groups marked with the side. An atomic group: what is a date once is not
    tried as another one, so that the ways to read a text do not multiply.
    """
    return (
        rf"(?>(?P<name{side}>{_NAME})\.?,?\s{{0,3}}(?:(?P<named_year{side}>{_YEAR})|['\u2019](?P<short_year{side}>\d\d))"
        rf"|(?P<iso_year{side}>{_YEAR})[-/.](?P<iso_month{side}>0?[1-9]|1[0-2])(?:[-/.][0-3]\d)?(?!\d)"
        rf"|(?:(?P<day{side}>[0-3]?\d)[./-])?(?P<month{side}>0?[1-9]|[12]\d|3[01])[./](?P<year_of_month{side}>{_YEAR})"
        rf"|(?P<year{side}>{_YEAR}))(?!\d)"
    )


_NOW = r"(?P<now>present|now|today|current(?:ly)?|ongoing|to\s?date|date|heute|jetzt|laufend)\b"
_DASH = r"\s{0,3}+(?:[-\u2013—\u2212\u2012―]{1,3}+|\b(?:to|until|till|through|thru|bis)\b)\s{0,3}+(?:the\s)?"
_RANGE = re.compile(
    rf"(?<![\w/.-])(?:{_moment('_1')}{_DASH}(?:{_moment('_2')}|{_NOW}|(?P<short_end>1[3-9]|[2-9]\d)(?![\w./-]))"
    rf"|(?>(?P<name_3>{_NAME}))\.?{_DASH}(?>(?P<name_4>{_NAME}))\.?\s{{0,3}}(?P<year_4>{_YEAR})(?!\d)"
    rf"|\b(?:since|seit)\s{{1,3}}{_moment('_5')})",
    re.IGNORECASE,
)
_FIRST_YEAR = 1950


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Months from the first to the last, both within; `running`: until now."""

    first: int
    last: int
    running: bool = False

    @property
    def months(self) -> int:
        return self.last - self.first + 1


def month_of(day: date) -> int:
    return day.year * 12 + day.month - 1


def spans_in(text: str, *, today: date) -> list[Span]:
    """What a text says, each once, the earliest first; never beyond this month. What ends before it begins, begins in
    the future or before 1950 is a misprint, or no period.
    """
    return sorted(set(chain.from_iterable(_span(match, month_of(today)) for match in _RANGE.finditer(text))))


def _span(match: re.Match[str], now: int) -> Iterator[Span]:
    """One, or none."""
    first, last, running = _ends(match, now)
    if first is None or last is None or not _FIRST_YEAR * 12 <= first <= min(last, now):
        return
    yield Span(first, min(last, now), running)


def _ends(match: re.Match[str], now: int) -> tuple[int | None, int | None, bool]:
    """The first month, the last, and whether it goes on; None for what is no month."""
    if match["name_3"]:
        year = int(match["year_4"])
        return _month(year, _MONTH_OF[match["name_3"].lower()]), _month(year, _MONTH_OF[match["name_4"].lower()]), False
    if match["now"]:
        return _read(match, "_1", now, default=1), now, True
    if match["short_end"]:
        return _read(match, "_1", now, default=1), _short_end(match), False
    if any(match[group] for group in _GROUPS_5):
        return _read(match, "_5", now, default=1), now, True
    last = _read(match, "_2", now, default=12)
    only_year = match["year_2"] is not None and int(match["year_2"]) == now // 12
    return _read(match, "_1", now, default=1), last, last is not None and last > now and not only_year


_GROUPS_5 = [group for group in _RANGE.groupindex if group.endswith("_5")]


def _read(match: re.Match[str], side: str, now: int, *, default: int) -> int | None:
    """The month that one end names; `default` is the one of a year alone."""
    if year := match["year" + side]:
        return _month(int(year), default)
    if name := match["name" + side]:
        month = _MONTH_OF[name.lower()]
        if year := match["named_year" + side]:
            return _month(int(year), month)
        return _month(_century(int(match["short_year" + side]), now), month)
    if year := match["iso_year" + side]:
        return _month(int(year), int(match["iso_month" + side]))
    return _month(int(match["year_of_month" + side]), _numbered(match["day" + side], match["month" + side]))


def _numbered(day: str | None, month: str) -> int:
    """The month of `31/01/2020`, of `01/31/2020` as well, and of `01/2020`."""
    return int(day) if day and int(month) > 12 else int(month)


def _month(year: int, month: int) -> int | None:
    return year * 12 + month - 1 if 1 <= month <= 12 else None


def _century(short: int, now: int) -> int:
    """'98 is 1998 and '19 is 2019: the last year that ends so, or will within ten years."""
    year = now // 12 + 10
    return year - (year - short) % 100


def _short_end(match: re.Match[str]) -> int | None:
    """`2018-19` is two years. (`2010-11` is a month, and matches nothing here.)"""
    if not match["year_1"]:
        return None
    year = int(match["year_1"])
    return _month(year - year % 100 + int(match["short_end"]), 12)
