"""Differences and values in words, for people, without secrets: what reports say."""

import json
import re
from collections.abc import Sequence
from typing import Any

from gateway.rules.compare import ABSENT, Difference, Kind, type_name
from gateway.rules.secrecy import HIDDEN, is_secret_name
from gateway.telemetry.redact import Redact, clean_text

MAX_SHOWN = 200
_HIDE = Redact(one_line=True)
_LAST_STEP = re.compile(r"(\.[\w-]+|\[[^\]]*\])$")


def show(value: Any, path: str = "") -> str:
    """A value as JSON in one line; hidden where its place, or a key in it, has a secret's name."""
    if is_secret_name(path):
        return f"{HIDDEN} ({len(value)} characters)" if isinstance(value, str) else HIDDEN
    hidden = _HIDE(None, "", {"value": value})["value"]
    text = json.dumps(hidden, ensure_ascii=False, default=str)
    text = clean_text(text, one_line=True)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}... ({len(text)} characters)"


def describe(differences: Sequence[Difference]) -> list[str]:
    """One line for each, but one for both halves of a key that was renamed."""
    extra = {each.path: each for each in differences if each.kind is Kind.EXTRA}
    lines = []
    told: set[str] = set()
    for each in differences:
        renamed = _renamed(each, extra) if each.kind is Kind.MISSING else None
        if renamed is not None:
            told.add(renamed)
            lines.append(f"{place(each.path)} is missing in new; new has {place(renamed)}")
        elif each.path not in told:
            lines.append(words_of(each))
    return lines


def words_of(difference: Difference) -> str:
    """`$.size_bytes: integer 123 in legacy, text "123" in new`."""
    path, legacy, new = difference.path, difference.legacy, difference.new
    if path == "status":
        return f"status {new} instead of {legacy}"
    where = place(path)
    if difference.kind is Kind.MISSING:
        return f"{where} is missing in new; legacy has {show(legacy, path)}"
    if difference.kind is Kind.EXTRA:
        return f"{where} is in new alone: {show(new, path)}"
    if difference.kind is Kind.TYPE:
        return f"{where}: {_typed(legacy, path)} in legacy, {_typed(new, path)} in new"
    told = f"{where}: {show(legacy, path)} in legacy, {show(new, path)} in new"
    return f"{told}; both must be {difference.expected}" if difference.expected else told


def place(path: str) -> str:
    """As people say it: `header etag`."""
    return path.replace("header:", "header ", 1)


def halves(difference: Difference) -> tuple[str | None, str | None]:
    """Legacy's and new's value for a diff; None on the side that has none."""
    return _half(difference.legacy, difference.path), _half(difference.new, difference.path)


def _half(value: Any, path: str) -> str | None:
    return None if value is ABSENT else show(value, path)


def _typed(value: Any, path: str) -> str:
    return "null" if value is None else f"{type_name(value)} {show(value, path)}"


def _renamed(missing: Difference, extra: dict[str, Difference]) -> str | None:
    """The place beside it that new has instead: written alike but for case, dashes and underscores."""
    parent, name = _split(missing.path)
    for path in extra:
        other_parent, other = _split(path)
        if other_parent == parent and _plain(other) == _plain(name):
            return path
    return None


def _split(path: str) -> tuple[str, str]:
    found = _LAST_STEP.search(path)
    return (path[: found.start()], found[1]) if found is not None else (path, "")


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()


def count(number: int, noun: str) -> str:
    """`1 step`, `12 steps`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def seen(when: float | None, now: float) -> str:
    """How long ago; `-` where that is not known any more."""
    return "-" if when is None else ago(now - when)


def ago(seconds: float) -> str:
    """`3 d ago`: in the largest unit that there is one of."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit} ago"
    return f"{max(0.0, seconds):.0f} s ago"
