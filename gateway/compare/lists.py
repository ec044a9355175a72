"""Lists that differ in nothing but their order: found in samples, which hold both replies whole."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from gateway.rules.json_path import Path, parse_path

MAX_ITEMS: Final = 5000
EACH: Final = "[*]"


@dataclass(frozen=True, slots=True)
class ListFinding:
    """alike: of so many samples looked at, in how many both sides have the same. equal: the very same items; else items
    of the same key `by`.
    """

    path: str
    by: str | None
    equal: bool
    alike: int
    looked_at: int


def look_at_lists(
    places: Mapping[str, Sequence[Mapping[str, Any]]], bodies: Mapping[str, Sequence[tuple[Any, Any]]]
) -> list[ListFinding]:
    """The lists around these places whose order alone differs in every sample; the innermost that is enough."""
    found: dict[str, ListFinding] = {}
    for place, members in places.items():
        pairs = [pair for each in members for pair in bodies.get(each["fingerprint"], ())]
        if EACH not in place or not pairs or any(place.startswith(f"{path}{EACH}") for path in found):
            continue
        finding = next((each for path in _lists_around(place) if (each := _look(path, pairs)) is not None), None)
        if finding is not None:
            found[finding.path] = finding
    return [*found.values()]


def _lists_around(place: str) -> Iterator[str]:
    """Paths of the lists that a place is in, the innermost first."""
    end = place.rfind(EACH)
    while end != -1:
        yield place[:end]
        end = place.rfind(EACH, 0, end)


def _look(path: str, pairs: Sequence[tuple[Any, Any]]) -> ListFinding | None:
    """None unless it is so in every sample, and the order differs in one of them at least."""
    lists = [found for legacy, new in pairs if (found := _both(path, legacy, new))]
    if not lists or not any(one != other for found in lists for one, other in found):
        return None
    equal = all(_same_items(one, other) for found in lists for one, other in found)
    by = _common_key([each for found in lists for each in found])
    if not equal and (by is None or not any(_reordered(by, one, other) for found in lists for one, other in found)):
        return None
    return ListFinding(path, by, equal, len(lists), len(pairs)) if len(lists) == len(pairs) else None


def _both(path: str, legacy: Any, new: Any) -> list[tuple[list[Any], list[Any]]]:
    """The lists at a path that both bodies have, in pairs."""
    try:
        pattern = parse_path(path)
    except ValueError:
        return []
    theirs: dict[Path, Any] = dict(pattern.find(new))
    return [
        (value, theirs[at])
        for at, value in pattern.find(legacy)
        if isinstance(value, list) and isinstance(theirs.get(at), list) and len(value) <= MAX_ITEMS
    ]


def _same_items(one: list[Any], other: list[Any]) -> bool:
    return len(one) == len(other) and sorted(map(_written, one)) == sorted(map(_written, other))


def _written(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _common_key(lists: Sequence[tuple[list[Any], list[Any]]]) -> str | None:
    """A key by which every item of each list is one of its own, and of which both sides have the same."""
    items = [item for pair in lists for side in pair for item in side]
    if not items or not all(isinstance(item, dict) for item in items):
        return None
    keys = [key for key in items[0] if all(_is_name(item.get(key)) for item in items)]
    keys.sort(key=lambda key: (key != "id", not key.endswith(("id", "key", "name"))))
    return next((key for key in keys if all(_unique(key, *pair) for pair in lists)), None)


def _reordered(key: str, one: list[Any], other: list[Any]) -> bool:
    return [item[key] for item in one] != [item[key] for item in other]


def _is_name(value: Any) -> bool:
    return isinstance(value, (str, int)) and not isinstance(value, bool)


def _unique(key: str, one: list[Any], other: list[Any]) -> bool:
    ours, theirs = ({_written(item[key]) for item in side} for side in (one, other))
    return ours == theirs and len(ours) == len(one) == len(other)
