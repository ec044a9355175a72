"""Two JSON values compared by structure, under rules: for `gateway verify` and for shadows.

Types are strict: `true` is not `1`, `1` is neither `"1"` nor `1.0`, and what is missing is not null. Differences are
frozen values. Nothing here raises, whatever the two values are.

What is the same on both sides is passed over as fast as Python can tell: rules can only make different values alike,
so none is asked about it. Only names of what a side has made up (`naming`) could make the same text different.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import orjson

from gateway.rules.json_path import Pattern, show_step
from gateway.rules.pairing import Pairing
from gateway.rules.place_names import MAX_PLACE, common_step
from gateway.rules.places import Place, Places
from gateway.rules.shapes import Shape
from gateway.rules.tolerance import Tolerance

MAX_DEPTH: Final = 150
"""Below it values are the same or not, without a word about where: recursion must end somewhere."""
MAX_DIFFERENCES: Final = 10_000
"""What follows is not looked at: nobody reads on, and a body must not hold up who compares it."""
MAX_PATH: Final = 2000
"""Characters of a path; a longer one ends there. Whoever writes the body chooses its keys, and there are many paths."""
MAX_WHOLE_DEPTH: Final = 16
"""Above it two values are first held against each other as a whole, which is the quickest where they are the same.
Each look is at all that is below, so from there on it would cost more than it saves.
"""

_SORTED: Final = orjson.OPT_SORT_KEYS
_SIMPLE: Final = frozenset({str, int, bool, float})


class Kind(StrEnum):
    MISSING = "missing"  # legacy has it, new has not
    EXTRA = "extra"  # new has it, legacy has not
    TYPE = "type"
    VALUE = "value"
    SHAPE = "shape"  # the rule says what both must look like, and one does not


class Absent:
    """Stands for what is not there: null is a value."""

    def __repr__(self) -> str:
        return "absent"


ABSENT: Final = Absent()


@dataclass(frozen=True, slots=True)
class Difference:
    """path: `$.items[0].id`, or `status`, `header:etag`, `line 3`, `body`. legacy, new: the values, or ABSENT."""

    kind: Kind
    path: str
    legacy: Any
    new: Any
    expected: str = ""
    """Of Kind.SHAPE: what both must be, "a UUID"."""
    place: str = field(default="", compare=False, repr=False)
    """As `fingerprint.place_of` tells it; empty where that is to be made of the path."""


@dataclass(frozen=True, slots=True)
class Here:
    """What the rules say of one place. by: the key that pairs items. ignores: something at it or below it."""

    ignored: bool
    ignores: bool
    unordered: bool
    by: str | None
    tolerances: tuple[Tolerance, ...]
    shape: Shape | None

    @property
    def is_strict(self) -> bool:
        """Whether a scalar here is like another only if it is the same."""
        return not (self.ignored or self.tolerances or self.shape)


@dataclass(frozen=True, slots=True)
class Rules:
    """By place; of several that match the first counts. unordered: with the key by which items are paired, if any."""

    ignore: tuple[Pattern, ...] = ()
    unordered: tuple[tuple[Pattern, str | None], ...] = ()
    tolerance: tuple[tuple[Pattern, Tolerance], ...] = ()
    same: tuple[tuple[Pattern, Shape], ...] = ()
    _made: list[Places[Here]] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def start(self) -> Place[Here]:
        """The root of what they say of places; made at the first comparison and kept."""
        if not self._made:
            pairs = (*self.unordered, *self.tolerance, *self.same)
            self._made.append(Places([*self.ignore, *(pattern for pattern, _ in pairs)], self._here))
        return self._made[0].start

    def _here(self, matched: Sequence[int], alive: frozenset[int]) -> Here:
        ignored, unordered = len(self.ignore), len(self.ignore) + len(self.unordered)
        shaped = unordered + len(self.tolerance)
        by = next((self.unordered[each - ignored] for each in matched if ignored <= each < unordered), None)
        return Here(
            ignored=any(each < ignored for each in matched),
            ignores=any(each < ignored for each in alive),
            unordered=by is not None,
            by=by[1] if by is not None else None,
            tolerances=_first_of_each(
                [self.tolerance[each - unordered][1] for each in matched if unordered <= each < shaped]
            ),
            shape=next((self.same[each - shaped][1] for each in matched if each >= shaped), None),
        )


def _first_of_each(tolerances: Sequence[Tolerance]) -> tuple[Tolerance, ...]:
    """Of those for numbers the first, and of those for times."""
    by_what: dict[bool, Tolerance] = {}
    for each in tolerances:
        by_what.setdefault(each.unit == "s", each)
    return tuple(by_what.values())


Naming = Callable[[str], str]
"""Writes a text with the names of what each side made up for itself: an id that was captured becomes `{job_id}`."""

NO_RULES: Final = Rules()


def as_it_is(text: str) -> str:
    """The naming that names nothing."""
    return text


def compare(
    legacy: Any,
    new: Any,
    rules: Rules = NO_RULES,
    *,
    naming: tuple[Naming, Naming] = (as_it_is, as_it_is),
    most: int = MAX_DIFFERENCES,
) -> tuple[Difference, ...]:
    """The differences between two JSON values, in legacy's order, up to `most`. naming: legacy's and new's."""
    comparison = _Comparison(naming, most)
    try:
        comparison.values(None, rules.start, legacy, new)
    except _EnoughError:
        pass
    except RecursionError:  # whoever asked was deep in calls: better a difference too many than none
        comparison.found.append(Difference(Kind.VALUE, "$", legacy, new))
    return tuple(comparison.found)


_NAMES: Final[dict[type, str]] = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "text",
    list: "list",
    dict: "object",
}


def type_name(value: Any) -> str:
    """In the words of JSON, but for numbers: integers and others are told apart."""
    return _NAMES.get(type(value)) or type(value).__name__


class _EnoughError(Exception):
    """Ends a comparison that has found as many differences as are wanted."""


Way = tuple[Any, str | int, int] | None
"""How a value was reached: the way to what holds it, the last step, how many there were. None for the root."""


class _Written:
    """Ways as path and place. What leads to values that stand beside each other is written once for all of them."""

    def __init__(self) -> None:
        self._way: Way = None
        self._path = self._place = "$"

    def write(self, way: Way) -> tuple[str, str]:
        """`$.items[0].id` and `$.items[*].id`; of a long way its beginning."""
        if way is None:
            return "$", "$"
        around, step, _ = way
        if around is not self._way:
            self._way, self._path, self._place = around, *_beginning(around)
        return (self._path + show_step(step))[:MAX_PATH], (self._place + common_step(step))[:MAX_PLACE]


def _beginning(way: Way) -> tuple[str, str]:
    steps: list[str | int] = []
    while way is not None:
        steps.append(way[1])
        way = way[0]
    path = place = "$"
    for step in reversed(steps):
        if len(path) < MAX_PATH:
            path += show_step(step)
        if len(place) < MAX_PLACE:
            place += common_step(step)
    return path[:MAX_PATH], place[:MAX_PLACE]


class _Comparison:
    """One comparison of two values. What is the same is left out before any rule is asked: `_is_same`."""

    def __init__(self, naming: tuple[Naming, Naming], most: int) -> None:
        self.found: list[Difference] = []
        self._most = most
        self._naming = naming
        self._is_plain = naming == (as_it_is, as_it_is)
        self._is_looking = False
        self._written = _Written()
        self._pairing: Pairing[Here] = Pairing(self._alike, None if self._is_plain else naming)

    def values(self, way: Way, place: Place[Here], legacy: Any, new: Any) -> None:
        """What stands at one place, on either side or on both (ABSENT where it does not)."""
        if place.rule.ignored:
            return
        depth = way[2] if way is not None else 0
        if self._is_plain and depth <= MAX_WHOLE_DEPTH and _is_same(legacy, new):
            return
        if legacy is ABSENT or new is ABSENT:
            self._note(Kind.MISSING if new is ABSENT else Kind.EXTRA, way, legacy, new)
        elif depth >= MAX_DEPTH:
            if not _same(legacy, new):
                self._note(Kind.VALUE, way, legacy, new)
        elif isinstance(legacy, dict) and isinstance(new, dict):
            self._objects(way, place, legacy, new)
        elif isinstance(legacy, list) and isinstance(new, list):
            self._lists(way, place, legacy, new)
        else:
            self._scalars(way, place.rule, legacy, new)

    def _objects(self, way: Way, place: Place[Here], legacy: dict[str, Any], new: dict[str, Any]) -> None:
        is_plain = self._is_plain
        depth = way[2] + 1 if way is not None else 1
        self._pairing.charge(len(legacy))
        for key, value in legacy.items():
            other = new.get(key, ABSENT)
            if is_plain:  # by far the most need no more than this
                kind = type(value)
                if value is other or (kind is type(other) and kind in _SIMPLE and value == other):
                    continue
            self.values((way, key, depth), place.key(key), value, other)
        if len(new) > len(legacy) or new.keys() != legacy.keys():
            for key, value in new.items():
                if key not in legacy:
                    self.values((way, key, depth), place.key(key), ABSENT, value)

    def _lists(self, way: Way, place: Place[Here], legacy: list[Any], new: list[Any]) -> None:
        depth = way[2] + 1 if way is not None else 1
        self._pairing.charge(len(legacy))
        if place.rule.unordered:
            order = self._pairing.order(place, depth, legacy, new)
            new = [ABSENT if at is None else new[at] for at in order]
        shared = min(len(legacy), len(new))
        for index in _unlike(legacy, new) if self._is_plain and depth <= MAX_WHOLE_DEPTH else range(shared):
            self.values((way, index, depth), place.index(index), legacy[index], new[index])
        for index in range(shared, len(legacy)):
            self.values((way, index, depth), place.index(index), legacy[index], ABSENT)
        for index in range(shared, len(new)):
            self.values((way, index, depth), place.index(index), ABSENT, new[index])

    def _alike(self, place: Place[Here], depth: int, legacy: Any, new: Any) -> bool:
        before, self._is_looking = self._is_looking, True
        try:
            self.values((None, 0, depth), place, legacy, new)
        except _EnoughError:
            return False
        finally:
            self._is_looking = before
        return True

    def _note(self, kind: Kind, way: Way, legacy: Any, new: Any, expected: str = "") -> None:
        if self._is_looking:
            raise _EnoughError
        path, place = self._written.write(way)
        self.found.append(Difference(kind, path, legacy, new, expected, place))
        if len(self.found) >= self._most:
            raise _EnoughError

    def _scalars(self, way: Way, rule: Here, legacy: Any, new: Any) -> None:
        if self._equal(legacy, new):
            return
        if any(tolerance.allows(legacy, new) for tolerance in rule.tolerances):
            return
        shape = rule.shape
        if shape is not None and shape.alike(legacy, new) and not self._is_named(legacy, new):
            return
        if type(legacy) is not type(new):
            self._note(Kind.TYPE, way, legacy, new)
        elif shape is not None:
            self._note(Kind.SHAPE, way, legacy, new, shape.noun)
        else:
            self._note(Kind.VALUE, way, legacy, new)

    def _is_named(self, legacy: Any, new: Any) -> bool:
        """Whether either is known by a name: then it is not enough that the other one looks like it."""
        return isinstance(legacy, str) and (self._naming[0](legacy), self._naming[1](new)) != (legacy, new)

    def _equal(self, legacy: Any, new: Any) -> bool:
        if type(legacy) is not type(new):
            return False
        if isinstance(legacy, str):  # the very text of legacy's own id would be wrong on new: it is not new's
            return self._naming[0](legacy) == self._naming[1](new)
        return bool(legacy == new or (legacy != legacy and new != new))  # noqa: PLR0124 - NaN is like NaN


def _is_same(one: Any, other: Any) -> bool:
    """Whether two values are strictly the same, where Python can tell that quickly. False leaves it open."""
    if one is other:
        return True
    kind = type(one)
    if kind is not type(other):
        return False
    try:
        return bool(one == other) and ((kind is not dict and kind is not list) or _is_same_text(one, other))
    except RecursionError:
        return False


def _is_same_text(one: Any, other: Any) -> bool:
    """Of two that Python holds to be equal: true, 1 and 1.0 are for it, and are not as they are written."""
    try:
        return orjson.dumps(one) == orjson.dumps(other) or (
            orjson.dumps(one, option=_SORTED) == orjson.dumps(other, option=_SORTED)
        )
    except TypeError:  # no JSON, integers beyond 64 bits, too deep
        return False


def _unlike(legacy: list[Any], new: list[Any]) -> list[int]:
    """Of the indexes that both have, those where they are not strictly the same, as far as Python can tell quickly.
    What is the same is mostly long runs, each of which is looked at as a whole.
    """
    shared = min(len(legacy), len(new))
    try:
        unequal = [at for at in range(shared) if legacy[at] != new[at]]
    except RecursionError:
        return list(range(shared))
    found: list[int] = []
    start = 0
    for end in [*unequal, shared]:
        if start < end and not _is_same_text(legacy[start:end], new[start:end]):
            found += range(start, end)
        if end < shared:
            found.append(end)
        start = end + 1
    return found


def _same(legacy: Any, new: Any) -> bool:
    """Strict equality without recursion."""
    waiting = [(legacy, new)]
    while waiting:
        one, other = waiting.pop()
        if type(one) is not type(other):
            return False
        if isinstance(one, dict):
            if one.keys() != other.keys():
                return False
            waiting += [(value, other[key]) for key, value in one.items()]
        elif isinstance(one, list):
            if len(one) != len(other):
                return False
            waiting += zip(one, other, strict=True)
        elif one != other and (one == one or other == other):  # noqa: PLR0124 - NaN is like NaN
            return False
    return True
