"""Differences that wait to become part of a sample, as little of them as a sample will show.

Their values are parts of what bodies were read into, which takes twenty times what it takes as it is written: so lists
and objects wait as JSON, cut where nobody will see it.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from gateway.rules.compare import Difference
from gateway.rules.hide import MAX_DEPTH, MAX_DIFFERENCES, MAX_VALUE
from gateway.rules.json_text import read_json

OBJECT_BYTES: Final = 200
"""What each takes beside its text: objects, and what refers to them."""
MAX_TEXTS: Final = 64 * 1024
"""Characters of the values of all differences of a sample. Those that follow are left out."""
_CUT: Final = "..."
"""The last item of a list that was cut, and the last member of an object."""


@dataclass(frozen=True, slots=True)
class Written:
    """A list or an object."""

    text: str


def kept_differences(differences: Sequence[Difference]) -> tuple[tuple[Difference, ...], int]:
    """The first of them, and the bytes that they take. `read_differences` makes them what they were."""
    kept: list[Difference] = []
    held, left = 0, MAX_TEXTS
    for each in differences[:MAX_DIFFERENCES]:
        if left <= 0:
            break
        legacy, new = _kept(each.legacy), _kept(each.new)
        kept.append(replace(each, legacy=legacy, new=new))
        left -= min(MAX_VALUE, _size(legacy)) + min(MAX_VALUE, _size(new))
        held += 3 * OBJECT_BYTES + len(each.path) + _size(legacy) + _size(new)
    return tuple(kept), held


def read_differences(differences: Iterable[Difference]) -> tuple[Difference, ...]:
    """As they were, as far as they were kept."""
    return tuple(replace(each, legacy=_read(each.legacy), new=_read(each.new)) for each in differences)


def _kept(value: Any) -> Any:
    if not isinstance(value, (dict, list)):
        return value
    shown = _First(2 * MAX_VALUE).of(value, 0)
    try:
        return Written(orjson.dumps(shown).decode())
    except TypeError:  # integers beyond 64 bits
        return Written(json.dumps(shown, ensure_ascii=False, separators=(",", ":")))


def _read(value: Any) -> Any:
    return read_json(value.text.encode()) if isinstance(value, Written) else value


def _size(value: Any) -> int:
    if isinstance(value, Written):
        return len(value.text)
    return len(value) if isinstance(value, str) else 0


class _First:
    """The first characters of a value. A text is kept whole or not at all: a part of a secret would not be known."""

    def __init__(self, most: int) -> None:
        self._left = most

    def of(self, value: Any, depth: int) -> Any:
        """depth: how deep it lies; what lies too deep is not shown."""
        if isinstance(value, dict):
            members = {}
            for key, inner in value.items():
                if self._left <= 0 or depth >= MAX_DEPTH:
                    members[_CUT] = _CUT
                    break
                self._left -= len(key) + 4
                members[key] = self.of(inner, depth + 1)
            return members
        if isinstance(value, list):
            items = []
            for inner in value:
                if self._left <= 0 or depth >= MAX_DEPTH:
                    items.append(_CUT)
                    break
                self._left -= 1
                items.append(self.of(inner, depth + 1))
            return items
        self._left -= len(value) + 2 if isinstance(value, str) else 1
        return value
