"""Unordered lists: which item of new belongs beside which of legacy. Part of `gateway.rules.compare`.

Items that are the same are paired by their text and items of one key by the key, each by a look into a dict. Only what
is left is looked at one by one, under all rules, and that is bounded.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, Generic, Protocol, TypeVar

import orjson

from gateway.rules.places import Place

MAX_PAIRINGS: Final = 40_000
"""Looks at two items that are neither the same nor of one key: longer lists are compared in their order after these.
A look at two large values counts as several.
"""
_SORTED: Final = orjson.OPT_SORT_KEYS
_KEYS: Final = frozenset({str, int, float, bool, type(None)})


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

    def join_all(self) -> None:
        """Each with the one of its index."""
        self.partners = list(range(len(self.legacy)))
        self.free.clear()


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
        by = place.rule.by
        if by is None:
            self._join_alike(place, pair, list(range(len(legacy))), list(pair.free))
            rest = iter(list(pair.free))
            return [next(rest, None) if at is None else at for at in pair.partners] + list(rest)
        olds, news = list(range(len(legacy))), list(pair.free)
        if not place.has_numbers and place.index(0).key(by).rule.is_strict:
            olds, news = self._join_keyed(place, pair, by)
        self._join_alike(place, pair, olds, news)
        self._join_alike(place, pair, olds, news, by=by)
        return [*pair.partners, *pair.free]

    def _join_keyed(self, place: Place[R], pair: _List, by: str) -> tuple[list[int], list[int]]:
        """By keys that are like only themselves. Returns who has none, of legacy and of new."""
        old_keys, new_keys = self._keys(pair.legacy, by, 0), self._keys(pair.new, by, 1)
        if old_keys == new_keys and None not in old_keys and len(set(old_keys)) == len(old_keys):
            pair.join_all()  # in the same order, as most are
            return [], []
        olds, news = _by_key(old_keys), _by_key(new_keys)
        old_rest, new_rest = olds.pop(None, []), news.pop(None, [])
        for key, ours in olds.items():
            theirs = news.get(key, [])
            if len(ours) > 1 or len(theirs) > 1:
                self._join_alike(place, pair, ours, theirs)
            left = iter([at for at in theirs if at in pair.free])
            for old in ours:
                if pair.partners[old] is None and (at := next(left, None)) is not None:
                    pair.join(old, at)
        return old_rest, new_rest

    def _keys(self, items: Sequence[Any], by: str, side: int) -> list[Key | None]:
        """Of each item; None where it has none, or one that is no simple value."""
        values = [item.get(by, ()) if isinstance(item, dict) else () for item in items]
        if self._naming is not None:
            naming = self._naming[side]
            values = [naming(value) if isinstance(value, str) else value for value in values]
        return [
            (kind, value) if (kind := type(value)) in _KEYS and value == value else None  # noqa: PLR0124 - NaN is not
            for value in values
        ]

    def _join_alike(
        self, place: Place[R], pair: _List, olds: list[int], news: list[int], *, by: str | None = None
    ) -> None:
        """Those that are the same, then by a look at every two that have no partner. by: only their values of this key
        must be alike.
        """
        if by is None and self._naming is None and not place.has_numbers and olds and news:
            _join_the_same(place, pair, olds, news)
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


def _by_key(keys: Sequence[Key | None]) -> dict[Key | None, list[int]]:
    found: dict[Key | None, list[int]] = {}
    for at, key in enumerate(keys):
        found.setdefault(key, []).append(at)
    return found


def _join_the_same(place: Place[R], pair: _List, olds: list[int], news: list[int]) -> None:
    """Those that are the same, but for what is ignored in them."""
    waiting: dict[bytes, list[tuple[int, Any]]] = {}
    for at, text, item in _texts(place, pair.new, reversed(news)):
        waiting.setdefault(text, []).append((at, item))
    for old, text, item in _texts(place, pair.legacy, olds):
        likes = waiting.get(text)
        if likes and _equal(likes[-1][1], item):
            pair.join(old, likes.pop()[0])


def _texts(place: Place[R], items: Sequence[Any], indexes: Iterable[int]) -> Iterator[tuple[int, bytes, Any]]:
    """Those that can be written, each with its text and with what that was made of."""
    strips = place.rule.ignores
    for at in indexes:
        try:
            kept = _without_ignored(place.index(at), items[at]) if strips else items[at]
            text = orjson.dumps(kept, option=_SORTED)
        except (TypeError, RecursionError):  # no JSON, integers beyond 64 bits, too deep
            continue
        yield at, text, kept


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
