"""Unordered lists: which item of new belongs beside which of legacy. Part of `gateway.rules.compare`.

Items that are the same are paired by their text and items of one key by the key, each by a look into a dict. Only what
is left is looked at one by one, under all rules, and that is bounded.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Generic, Protocol, TypeVar

import orjson

from gateway.rules.places import Place

MAX_PAIRINGS: Final = 40_000
"""Looks at two items that are neither the same nor of one key: longer lists are compared in their order after these.
A look at two large values counts as several.
"""
_SORTED: Final = orjson.OPT_SORT_KEYS


class Rule(Protocol):
    """What is asked of the rules at a place: `gateway.rules.compare.Here`."""

    @property
    def by(self) -> str | None: ...
    @property
    def ignored(self) -> bool: ...
    @property
    def ignores(self) -> bool: ...
    @property
    def is_strict(self) -> bool: ...


R = TypeVar("R", bound=Rule)
Alike = Callable[[Place[R], int, Any, Any], bool]
"""Whether two values at a place, of a depth, are alike under all rules."""
Namings = tuple[Callable[[str], str], Callable[[str], str]]
Key = tuple[type, Any]


class _List:
    """The two lists: for each of legacy's its partner's index, and new's that have none yet, in order."""

    def __init__(self, depth: int, legacy: Sequence[Any], new: Sequence[Any]) -> None:
        self.depth = depth
        self.legacy = legacy
        self.new = new
        self.partners: list[int | None] = [None] * len(legacy)
        self.free = dict.fromkeys(range(len(new)))

    def join(self, old: int, new: int) -> None:
        self.partners[old] = new
        del self.free[new]

    def alone(self) -> list[int]:
        return [at for at, partner in enumerate(self.partners) if partner is None]


class Pairing(Generic[R]):
    """For one comparison: what it has left to spend is shared by all its lists. naming: None where nothing is named."""

    def __init__(self, alike: "Alike[R]", naming: Namings | None) -> None:
        self._alike = alike
        self._naming = naming
        self._left = MAX_PAIRINGS
        self._is_looking = False

    def charge(self, size: int) -> None:
        """Called for each object and list that is compared: while it is only a look at two items, that costs."""
        if self._is_looking:
            self._left -= 1 + size // 8

    def order(self, place: Place[R], depth: int, legacy: Sequence[Any], new: Sequence[Any]) -> list[int | None]:
        """The indexes of new's items in legacy's order, None beside those of legacy that have no like; then what is
        left of new. Each stands beside one that is alike, else beside one of the same key. Without a key what is left
        stands in its order where legacy has no like; with one, behind: it is another item. depth: of the items.
        """
        pair = _List(depth, legacy, new)
        if self._naming is None:
            _join_the_same(place, pair)
        by = place.rule.by
        if by is None:
            self._join_alike(place, pair, pair.alone(), list(pair.free))
            rest = iter(list(pair.free))
            return [next(rest, None) if at is None else at for at in pair.partners] + list(rest)
        olds, news = pair.alone(), list(pair.free)
        if not place.has_numbers and place.index(0).key(by).rule.is_strict:
            olds, news = self._join_keyed(place, pair, by)
        self._join_alike(place, pair, olds, news)
        self._join_alike(place, pair, olds, news, by=by)
        return [*pair.partners, *pair.free]

    def _join_keyed(self, place: Place[R], pair: _List, by: str) -> tuple[list[int], list[int]]:
        """By keys that are like only themselves. Returns who has none, of legacy and of new."""
        olds, old_rest = self._by_key(pair.legacy, pair.alone(), by, 0)
        news, new_rest = self._by_key(pair.new, pair.free, by, 1)
        for key, ours in olds.items():
            theirs = news.get(key, [])
            if len(ours) > 1 or len(theirs) > 1:
                self._join_alike(place, pair, ours, theirs)
            left = iter([at for at in theirs if at in pair.free])
            for old in ours:
                if pair.partners[old] is None and (at := next(left, None)) is not None:
                    pair.join(old, at)
        return old_rest, new_rest

    def _by_key(
        self, items: Sequence[Any], indexes: "list[int] | dict[int, None]", by: str, side: int
    ) -> tuple[dict[Key, list[int]], list[int]]:
        found: dict[Key, list[int]] = {}
        rest: list[int] = []
        for at in indexes:
            key = self._key(items[at], by, side)
            if key is None:
                rest.append(at)
            else:
                found.setdefault(key, []).append(at)
        return found, rest

    def _key(self, item: Any, by: str, side: int) -> Key | None:
        value = item.get(by) if isinstance(item, dict) and by in item else ()
        if isinstance(value, str):
            return str, self._naming[side](value) if self._naming is not None else value
        if value is None or (isinstance(value, (bool, int, float)) and value == value):  # noqa: PLR0124 - NaN is not
            return type(value), value
        return None

    def _join_alike(
        self, place: Place[R], pair: _List, olds: list[int], news: list[int], *, by: str | None = None
    ) -> None:
        """Looks at every two of them that have no partner. by: only their values of this key must be alike."""
        candidates = dict.fromkeys(at for at in news if at in pair.free)
        for old in olds:
            if pair.partners[old] is not None:
                continue
            for at in candidates:
                if self._left <= 0:
                    return
                if self._look(place.index(old), pair, old, at, by):
                    pair.join(old, at)
                    del candidates[at]
                    break

    def _look(self, place: Place[R], pair: _List, old: int, at: int, by: str | None) -> bool:
        depth, legacy, new = pair.depth, pair.legacy[old], pair.new[at]
        if by is not None:
            if not (isinstance(legacy, dict) and isinstance(new, dict) and by in legacy and by in new):
                return False
            place, depth, legacy, new = place.key(by), depth + 1, legacy[by], new[by]
        self._left -= 1
        before, self._is_looking = self._is_looking, True
        try:
            return self._alike(place, depth, legacy, new)
        finally:
            self._is_looking = before


def _join_the_same(place: Place[R], pair: _List) -> None:
    """Those that are the same, but for what is ignored in them."""
    waiting: dict[bytes, list[tuple[int, Any]]] = {}
    for at, (text, item) in enumerate(_texts(place, pair.new)):
        waiting.setdefault(text, []).append((at, item))
    for each in waiting.values():
        each.reverse()
    for old, (text, item) in enumerate(_texts(place, pair.legacy)):
        likes = waiting.get(text) if text else None
        if likes and _equal(likes[-1][1], item):
            pair.join(old, likes.pop()[0])


def _texts(place: Place[R], items: Sequence[Any]) -> Iterator[tuple[bytes, Any]]:
    """Each with what it is made of; empty for what cannot be written."""
    strips = place.rule.ignores and not place.has_numbers
    for at, item in enumerate(items):
        try:
            kept = _without_ignored(place.index(at), item) if strips else item
            yield orjson.dumps(kept, option=_SORTED), kept
        except (TypeError, RecursionError):  # no JSON, integers beyond 64 bits, too deep
            yield b"", item


def _without_ignored(place: Place[R], value: Any) -> Any:
    if not place.rule.ignores:
        return value
    if isinstance(value, dict):
        return {
            key: _without_ignored(below, inner)
            for key, inner in value.items()
            if not (below := place.key(key)).rule.ignored
        }
    if isinstance(value, list):
        return [
            None if (below := place.index(at)).rule.ignored else _without_ignored(below, inner)
            for at, inner in enumerate(value)
        ]
    return value


def _equal(one: Any, other: Any) -> bool:
    """Of two with the same text, whether they are: NaN is written as null."""
    try:
        return bool(one == other)
    except RecursionError:
        return False
