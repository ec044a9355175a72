"""How often legacy differed from itself, and new from legacy, at each place of its replies: machines add them up."""

from dataclasses import dataclass
from typing import Final

from gateway.rules.compared import Pair
from gateway.rules.noise import PairCounts

MAX_PLACES: Final = 1000
"""Of one feature."""


@dataclass(slots=True, init=False)
class Seen:
    """At one place. Where both are zero nothing is kept: it is what is left of the pairs of the route."""

    both: int
    legacy_only: int
    new_only: int

    def __init__(self, both: int = 0, legacy_only: int = 0, new_only: int = 0) -> None:
        self.both = both
        self.legacy_only = legacy_only
        self.new_only = new_only

    def add(self, other: "Seen") -> None:
        self.both += other.both
        self.legacy_only += other.legacy_only
        self.new_only += other.new_only


class PairTable:
    """Of any number of features. Bounded: what is over MAX_PLACES of a feature is not kept; whoever adds is told."""

    def __init__(self) -> None:
        self.pairs: dict[tuple[str, str], int] = {}
        self.places: dict[str, dict[tuple[str, str], Seen]] = {}

    def add(self, pair: Pair) -> int:
        """One observation. Returns for how many places there was no room."""
        feature, route = pair.feature, pair.route
        self.pairs[feature, route] = self.pairs.get((feature, route), 0) + 1
        over = 0
        for place in pair.legacy_places | pair.new_places:
            in_legacy, in_new = place in pair.legacy_places, place in pair.new_places
            seen = Seen(int(in_legacy and in_new), int(in_legacy > in_new), int(in_new > in_legacy))
            over += not self.add_place(feature, route, place, seen)
        return over

    def add_place(self, feature: str, route: str, place: str, seen: Seen) -> bool:
        """False where there is no room."""
        places = self.places.setdefault(feature, {})
        known = places.get((route, place))
        if known is not None:
            known.add(seen)
            return True
        if len(places) >= MAX_PLACES:
            return False
        places[route, place] = seen
        return True

    def add_all(self, other: "PairTable") -> None:
        """Takes over the sums of another table, which is not used any more."""
        for key, number in other.pairs.items():
            self.pairs[key] = self.pairs.get(key, 0) + number
        for feature, places in other.places.items():
            for (route, place), seen in places.items():
                self.add_place(feature, route, place, seen)

    def renew(self, other: "PairTable") -> None:
        """Takes over what is newer in another table, in place of the same, not on top of it."""
        self.pairs |= other.pairs
        for feature, places in other.places.items():
            self.places.setdefault(feature, {}).update(places)

    def forget(self, feature: str) -> None:
        self.places.pop(feature, None)
        for key in [key for key in self.pairs if key[0] == feature]:
            del self.pairs[key]


def counts_in(tables: tuple[PairTable, ...], feature: str, route: str, place: str) -> PairCounts:
    """What all of them together know of one place."""
    seen = Seen()
    for table in tables:
        known = table.places.get(feature, {}).get((route, place))
        if known is not None:
            seen.add(known)
    pairs = sum(table.pairs.get((feature, route), 0) for table in tables)
    return pair_counts(seen.both, seen.legacy_only, seen.new_only, pairs)


def pair_counts(both: int, legacy_only: int, new_only: int, pairs: int) -> PairCounts:
    """pairs: of the route, from which those without any difference at the place follow."""
    neither = max(0, pairs - both - legacy_only - new_only)
    return PairCounts(both=both, legacy_only=legacy_only, new_only=new_only, neither=neither)
