"""What a pair says of each place: whether legacy's second reply differs there from its first, and whether new's does.

Items of a list are one place, and so are the lines of a text. Where both replies differ at a place, but one of them in
an item more, only that one is said to differ: what changes in one row each time is no excuse for what is wrong in the
next. Both are treated alike, so what `gateway.rules.noise` makes of it stays valid: of two that are the same program,
neither has an item more than the other more often.
"""

from collections.abc import Iterable

from gateway.rules.compare import Difference
from gateway.rules.fingerprint import kind_and_place


def pair_places(
    legacy_itself: Iterable[Difference], of_new: Iterable[Difference]
) -> tuple[frozenset[str], frozenset[str]]:
    """As `Pair` has them: where legacy differs from itself, and where new differs from it."""
    itself, other = _by_place(legacy_itself), _by_place(of_new)
    legacy_places, new_places = set[str](), set[str]()
    for place in itself.keys() | other.keys():
        ours, theirs = itself.get(place, set()), other.get(place, set())
        if not theirs > ours:
            legacy_places.add(place)
        if not ours > theirs:
            new_places.add(place)
    return frozenset(legacy_places), frozenset(new_places)


def _by_place(differences: Iterable[Difference]) -> dict[str, set[str]]:
    """The paths at each."""
    found: dict[str, set[str]] = {}
    for each in differences:
        found.setdefault(kind_and_place(each), set()).add(each.path)
    return found
