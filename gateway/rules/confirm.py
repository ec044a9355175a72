"""Which differences count once both sides were read again: what is a moment's is left out. Pure; for the data plane."""

import re
from itertools import islice
from typing import Final

from gateway.rules.compare import MAX_DEPTH, MAX_DIFFERENCES, Difference, Kind
from gateway.rules.fingerprint import kind_and_place, place_of

_ENDS_OF_STEPS: Final = re.compile(r"[.\[]").finditer


def confirmed(
    first: tuple[Difference, ...],
    again: tuple[Difference, ...],
    legacy_itself: tuple[Difference, ...],
    *,
    most: int = MAX_DIFFERENCES,
) -> tuple[Difference, ...]:
    """Of the first comparison, what was seen again at the same place and of the same kind, where legacy did not differ
    from itself. again: new's second reply beside legacy's second; legacy_itself: legacy's second beside its first.
    most: how many differences were looked for; of what lies behind them nothing is known.

    What is seen again may be in another item of its list. That legacy differs from itself excuses only the very item,
    or line, that it does so in, and what is below it: a clock in one row says nothing of the sum in the next. But
    where legacy's list has got longer or shorter, all items may stand elsewhere. That a value of legacy's is another
    each time does not excuse one of another type, nor one that is missing.

    A status of 500 or more that new alone has given counts without being seen again: it has been given to somebody,
    and a fault that comes and goes is one. Where legacy's own status has changed nothing else was compared with it,
    so nothing else is known to be steady.
    """
    seen = {(place_of(each), each.kind) for each in again}
    unsteady = _Unsteady(legacy_itself, all_known=len(legacy_itself) < most)
    return tuple(
        each
        for each in first
        if _is_failure_of_new(each) or ((place_of(each), each.kind) in seen and not unsteady.covers(each))
    )


class _Unsteady:
    """Where legacy differs from itself. all_known: else it may do so wherever else there is such a place."""

    def __init__(self, legacy_itself: tuple[Difference, ...], *, all_known: bool) -> None:
        self._statuses = any(each.path == "status" for each in legacy_itself)
        self._paths = {each.path for each in legacy_itself}
        self._alike = {_kind_and_path(each) for each in legacy_itself}
        self._items = {place_of(each) for each in legacy_itself if _is_an_item_too_many(each)}
        self._places = frozenset[str]() if all_known else frozenset(map(kind_and_place, legacy_itself))

    def covers(self, difference: Difference) -> bool:
        """Whether legacy differs from itself there, in the same way, or around it."""
        if self._statuses or kind_and_place(difference) in self._places:
            return True
        path = difference.path
        if path in self._paths if difference.kind is Kind.VALUE else _kind_and_path(difference) in self._alike:
            return True
        place = place_of(difference)
        if place in self._items and difference.kind is not Kind.TYPE:
            return True
        return _is_below(place, self._items) or _is_below(path, self._paths)


def _kind_and_path(difference: Difference) -> tuple[str, str]:
    """The kind as `kind_and_place` has it: `body:presence`."""
    return kind_and_place(difference).partition(" ")[0], difference.path


def _is_an_item_too_many(difference: Difference) -> bool:
    return difference.kind in (Kind.MISSING, Kind.EXTRA) and place_of(difference).endswith("[*]")


def is_in_a_changing_list(found: tuple[Difference, ...], legacy_itself: tuple[Difference, ...]) -> bool:
    """Whether some difference is in a list in which legacy differs from itself: by then its items may be others."""
    changing = {_list_of(each) for each in legacy_itself} - {None}
    return any(_list_of(each) in changing for each in found)


def _list_of(difference: Difference) -> str | None:
    """The outermost list that it is in."""
    outer, mark, _ = place_of(difference).partition("[*]")
    return outer if mark else None


def _is_failure_of_new(difference: Difference) -> bool:
    return difference.path == "status" and _is_5xx(difference.new) and not _is_5xx(difference.legacy)


def _is_5xx(status: object) -> bool:
    return isinstance(status, int) and status >= 500


def _is_below(path: str, those: set[str]) -> bool:
    """Whether one of those is around it."""
    return bool(those) and any(path[: end.start()] in those for end in islice(_ENDS_OF_STEPS(path, 1), MAX_DEPTH))
