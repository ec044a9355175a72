"""Two JSON values compared by structure, under rules: what `gateway verify` finds, and shadow comparison will.

Types are strict: `true` is not `1`, `1` is neither `"1"` nor `1.0`, and what is missing is not null. Differences are
frozen values. Nothing here raises, whatever the two values are.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from gateway.rules.json_path import Path, Pattern, show_path
from gateway.rules.shapes import Shape
from gateway.rules.tolerance import Tolerance

MAX_DEPTH: Final = 150
"""Below it values are the same or not, without a word about where: recursion must end somewhere."""
MAX_PAIRINGS: Final = 40_000
"""Of unordered lists, looks at two items: longer lists are compared in their order after these."""


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


@dataclass(frozen=True, slots=True)
class Rules:
    """By place; of several that match the first counts. unordered: with the key by which items are paired, if any."""

    ignore: tuple[Pattern, ...] = ()
    unordered: tuple[tuple[Pattern, str | None], ...] = ()
    tolerance: tuple[tuple[Pattern, Tolerance], ...] = ()
    same: tuple[tuple[Pattern, Shape], ...] = ()


Naming = Callable[[str], str]
"""Writes a text with the names of what each side made up for itself: an id that was captured becomes `{job_id}`."""

NO_RULES: Final = Rules()


def as_it_is(text: str) -> str:
    """The naming that names nothing."""
    return text


def compare(
    legacy: Any, new: Any, rules: Rules = NO_RULES, *, naming: tuple[Naming, Naming] = (as_it_is, as_it_is)
) -> tuple[Difference, ...]:
    """Every difference between two JSON values, in legacy's order. naming: legacy's and new's."""
    found: list[Difference] = []
    _Comparison(rules, naming).values((), legacy, new, found)
    return tuple(found)


def type_name(value: Any) -> str:
    """In the words of JSON, but for numbers: integers and others are told apart."""
    if value is None:
        return "null"
    names = {bool: "boolean", int: "integer", float: "number", str: "text", list: "list", dict: "object"}
    return next((name for kind, name in names.items() if type(value) is kind), type(value).__name__)


class _Comparison:
    def __init__(self, rules: Rules, naming: tuple[Naming, Naming]) -> None:
        self._rules = rules
        self._naming = naming
        self._pairings = MAX_PAIRINGS

    def values(self, path: Path, legacy: Any, new: Any, found: list[Difference]) -> None:
        if any(pattern.matches(path) for pattern in self._rules.ignore):
            return
        if len(path) >= MAX_DEPTH:
            if not _same(legacy, new):
                found.append(Difference(Kind.VALUE, show_path(path), legacy, new))
        elif isinstance(legacy, dict) and isinstance(new, dict):
            self._objects(path, legacy, new, found)
        elif isinstance(legacy, list) and isinstance(new, list):
            self._lists(path, legacy, new, found)
        else:
            self._scalars(path, legacy, new, found)

    def _objects(self, path: Path, legacy: dict[str, Any], new: dict[str, Any], found: list[Difference]) -> None:
        for key, value in legacy.items():
            self._one((*path, key), value, new.get(key, ABSENT), found)
        for key, value in new.items():
            if key not in legacy:
                self._one((*path, key), ABSENT, value, found)

    def _one(self, path: Path, legacy: Any, new: Any, found: list[Difference]) -> None:
        """What stands at one place, on either side or on both."""
        if legacy is not ABSENT and new is not ABSENT:
            self.values(path, legacy, new, found)
        elif not any(pattern.matches(path) for pattern in self._rules.ignore):
            found.append(Difference(Kind.MISSING if new is ABSENT else Kind.EXTRA, show_path(path), legacy, new))

    def _lists(self, path: Path, legacy: list[Any], new: list[Any], found: list[Difference]) -> None:
        for pattern, key in self._rules.unordered:
            if pattern.matches(path):
                new = self._paired(path, legacy, new, key)
                break
        for index in range(max(len(legacy), len(new))):
            old_item = legacy[index] if index < len(legacy) else ABSENT
            new_item = new[index] if index < len(new) else ABSENT
            if old_item is not ABSENT or new_item is not ABSENT:
                self._one((*path, index), old_item, new_item, found)

    def _paired(self, path: Path, legacy: list[Any], new: list[Any], key: str | None) -> list[Any]:
        """New's items in legacy's order: each beside one that is alike, else beside the one of the same key. Without a
        key what is left stands in its order where legacy has no like; with one, behind: it is another item.
        """
        left = list(new)
        paired = [self._take(path, index, item, left, None) for index, item in enumerate(legacy)]
        if key is None:
            return [left.pop(0) if item is ABSENT and left else item for item in paired] + left
        for index, item in enumerate(legacy):
            if paired[index] is ABSENT:
                paired[index] = self._take(path, index, item, left, key)
        return paired + left

    def _take(self, path: Path, index: int, item: Any, left: list[Any], key: str | None) -> Any:
        """The like of one of legacy's items, by its key or else by all of it, out of those left; ABSENT without any."""
        for at, candidate in enumerate(left):
            if self._pairings <= 0:
                break
            self._pairings -= 1
            if self._belong((*path, index), item, candidate, key):
                return left.pop(at)
        return ABSENT

    def _belong(self, path: Path, legacy: Any, new: Any, key: str | None) -> bool:
        differences: list[Difference] = []
        if key is None:
            self.values(path, legacy, new, differences)
        elif isinstance(legacy, dict) and isinstance(new, dict) and key in legacy and key in new:
            self.values((*path, key), legacy[key], new[key], differences)
        else:
            return False
        return not differences

    def _scalars(self, path: Path, legacy: Any, new: Any, found: list[Difference]) -> None:
        if self._equal(legacy, new):
            return
        if any(pattern.matches(path) and each.allows(legacy, new) for pattern, each in self._rules.tolerance):
            return
        shape = next((shape for pattern, shape in self._rules.same if pattern.matches(path)), None)
        if shape is not None and shape.alike(legacy, new) and not self._is_named(legacy, new):
            return
        place = show_path(path)
        if type_name(legacy) != type_name(new):
            found.append(Difference(Kind.TYPE, place, legacy, new))
        elif shape is not None:
            found.append(Difference(Kind.SHAPE, place, legacy, new, shape.noun))
        else:
            found.append(Difference(Kind.VALUE, place, legacy, new))

    def _is_named(self, legacy: Any, new: Any) -> bool:
        """Whether either is known by a name: then it is not enough that the other one looks like it."""
        return isinstance(legacy, str) and (self._naming[0](legacy), self._naming[1](new)) != (legacy, new)

    def _equal(self, legacy: Any, new: Any) -> bool:
        if type(legacy) is not type(new):
            return False
        if isinstance(legacy, str):  # the very text of legacy's own id would be wrong on new: it is not new's
            return self._naming[0](legacy) == self._naming[1](new)
        return bool(legacy == new or (legacy != legacy and new != new))  # noqa: PLR0124 - NaN is like NaN


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
        elif one != other:
            return False
    return True
