"""Which differences count once both sides were read again: what is a moment's is left out. Pure; for the data plane."""

from collections.abc import Iterable

from gateway.rules.compare import Difference, Kind
from gateway.rules.fingerprint import kind_and_place, place_of

_ENDS_A_STEP = (".", "[")


def confirmed(
    first: tuple[Difference, ...], again: tuple[Difference, ...], legacy_itself: tuple[Difference, ...]
) -> tuple[Difference, ...]:
    """Of the first comparison, what was seen again at the same place and of the same kind, where legacy did not differ
    from itself. again: new's second reply beside legacy's second; legacy_itself: legacy's second beside its first.
    That a value of legacy's is another each time does not excuse one of another type, nor one that is missing.

    A status of 500 or more that new alone has given counts without being seen again: it has been given to somebody,
    and a fault that comes and goes is one. Where legacy's own status has changed nothing else was compared with it,
    so nothing else is known to be steady.
    """
    seen = {(place_of(each), each.kind) for each in again}
    unsteady = frozenset(place_of(each) for each in legacy_itself)
    alike = frozenset(map(kind_and_place, legacy_itself))
    return tuple(
        each
        for each in first
        if _is_failure_of_new(each)
        or (
            (place_of(each), each.kind) in seen
            and not (place_of(each) in unsteady if each.kind is Kind.VALUE else kind_and_place(each) in alike)
            and not _is_covered(place_of(each), unsteady)
        )
    )


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


def _is_covered(place: str, unsteady: Iterable[str]) -> bool:
    """Whether legacy differed from itself around it, or in its status."""
    return any(
        each == "status" or (place.startswith(each) and place[len(each) :].startswith(_ENDS_A_STEP))
        for each in unsteady
    )
