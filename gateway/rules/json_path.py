"""Places in a JSON value, and patterns of them: `$.items[0].id`, `$.items[*].id`, `$..updated_at`, `$["odd key"]`.

A small part of JSONPath (RFC 9535): names, indexes, `*` and `..`, without filters and slices. Used by comparisons and
by the scenarios of `gateway verify`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, Final

Path = tuple[str | int, ...]
"""A place by its keys and indexes: ("items", 0, "id")."""


class Wild(Enum):
    """What a pattern has that a place has not: any key, any index, any number of steps."""

    KEY = ".*"
    INDEX = "[*]"
    DEEP = ".."


MAX_KEPT: Final = 100
"""Characters of a key of which it is remembered how it is written: bodies choose them."""

_PLAIN: Final = re.compile(r"[^\W\d][\w-]*")
_TOKEN: Final = re.compile(
    r"""(?P<deep>\.\.(?=[^.]))|\.?(?P<index>\[(?:0|[1-9]\d{0,8})\])|\.?(?P<each>\[\*\])"""
    r"""|\.?\["(?P<quoted>(?:[^"\\]|\\.)*)"\]|\.?(?P<star>\*)|\.?(?P<name>[\w-]+)"""
)


def show_path(path: Path) -> str:
    """As it is written: `$.items[0].id`."""
    return "$" + "".join(map(show_step, path))


def show_step(step: str | int) -> str:
    """`[0]`, `.name`, `["odd name"]`."""
    if isinstance(step, int):
        return f"[{step}]"
    return _kept_key(step) if len(step) <= MAX_KEPT else _show_key(step)


@lru_cache(maxsize=4096)
def _kept_key(step: str) -> str:
    return _show_key(step)


def _show_key(step: str) -> str:
    return f".{step}" if _PLAIN.fullmatch(step) else '["' + step.replace("\\", "\\\\").replace('"', '\\"') + '"]'


@dataclass(frozen=True, slots=True)
class Pattern:
    """Matches places. text: as it was written."""

    text: str
    steps: tuple[str | int | Wild, ...]

    def matches(self, path: Path) -> bool:
        """Whether it names this very place, not one around it or in it."""
        return _matches(self.steps, path)

    @property
    def is_one_place(self) -> bool:
        """Without wildcards."""
        return not any(isinstance(step, Wild) for step in self.steps)

    def find(self, value: Any) -> Iterator[tuple[Path, Any]]:
        """What it matches in a value, in the value's order."""
        yield from _find(self.steps, value, ())


@lru_cache(maxsize=1024)
def parse_path(text: str) -> Pattern:
    """Raises ValueError with what is wrong and, after a semicolon, what would be right."""
    if not text.startswith("$"):
        raise ValueError(f'"{text}" is no path; paths begin with $, e.g. $.items[0].id')
    steps: list[str | int | Wild] = []
    at = 1
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise ValueError(f'"{text}" is no path from "{text[at:]}" on; write e.g. $.items[*].id or $..updated_at')
        steps.append(_step(found))
        at = found.end()
    return Pattern(text, tuple(steps))


def _step(found: re.Match[str]) -> str | int | Wild:
    if found["deep"]:
        return Wild.DEEP
    if found["index"]:
        return int(found["index"][1:-1])
    if found["each"]:
        return Wild.INDEX
    if found["star"]:
        return Wild.KEY
    return found["name"] or re.sub(r"\\(.)", r"\1", found["quoted"])


def _matches(steps: tuple[str | int | Wild, ...], path: Path) -> bool:
    if not steps:
        return not path
    head, rest = steps[0], steps[1:]
    if head is Wild.DEEP:
        return any(_matches(rest, path[start:]) for start in range(len(path) + 1))
    return bool(path) and _fits(head, path[0]) and _matches(rest, path[1:])


def _fits(step: str | int | Wild, actual: str | int) -> bool:
    if isinstance(step, Wild):
        return isinstance(actual, str if step is Wild.KEY else int)
    return type(step) is type(actual) and step == actual


def _find(steps: tuple[str | int | Wild, ...], value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if not steps:
        yield path, value
        return
    head, rest = steps[0], steps[1:]
    if head is Wild.DEEP:
        yield from _find(rest, value, path)
    for name, below in _children(value):
        if head is Wild.DEEP:
            yield from _find(steps, below, (*path, name))
        elif _fits(head, name):
            yield from _find(rest, below, (*path, name))


def _children(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)
