"""Keeps secrets, and whatever could forge a line, out of every log: a structlog processor.

What a secret is, is said by `gateway.rules.secrecy`. It runs over every value of every event, nested ones too, also
over those that other libraries log and over tracebacks.
"""

import re
from collections.abc import Mapping, MutableMapping
from typing import Any

from gateway.rules.secrecy import HIDDEN, is_secret_name, without_shapes

EventDict = MutableMapping[str, Any]
"""As structlog has it, which commands that log nothing need not import."""

MAX_DEPTH = 6

# Beyond what JSON escapes: DEL and C1 (one is a terminal's escape), line separators, and what turns text around.
# Lone surrogates come from undecodable bytes and are not UTF-8.
_FORGING = re.compile("[\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_FORGING_ON_A_LINE = re.compile("[\x00-\x1f" + _FORGING.pattern[1:])


def clean_text(text: str, *, one_line: bool) -> str:
    """Without secrets that show by their shape, and without characters that could forge a line or move a cursor.

    one_line: line breaks and other C0 characters are written out too; where they stay, the renderer escapes them.
    """
    if text.isalnum():  # nothing below can match: what most values are
        return text
    text = without_shapes(text)
    if text.isprintable():
        return text
    return (_FORGING_ON_A_LINE if one_line else _FORGING).sub(_written_out, text)


def _written_out(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


class Redact:
    """The processor. Values come out as plain JSON values: str, numbers, None, lists and dicts of these."""

    def __init__(self, *, one_line: bool) -> None:
        self._one_line = one_line

    def __call__(self, _logger: Any, _method: str, event: EventDict) -> EventDict:
        return {
            name if name.isidentifier() else clean_text(name, one_line=True): self._named(name, value, 0)
            for name, value in event.items()
        }

    def _named(self, name: str, value: object, depth: int) -> object:
        if is_secret_name(name):
            return HIDDEN
        if type(value) is str:  # first, for this runs over every value of every request's line
            return clean_text(value, one_line=self._one_line)
        return self._value(value, depth)

    def _value(self, value: object, depth: int) -> object:
        if isinstance(value, str):
            return clean_text(value, one_line=self._one_line)
        if value is None or isinstance(value, (bool, int, float)):
            return value
        if isinstance(value, (bytes, bytearray)):
            return clean_text(value.decode("utf-8", "backslashreplace"), one_line=self._one_line)
        if depth >= MAX_DEPTH:
            return "..."
        if isinstance(value, Mapping):
            return {
                clean_text(name, one_line=True): self._named(name, inner, depth + 1)
                for name, inner in ((_text(name), inner) for name, inner in value.items())
            }
        if isinstance(value, (list, tuple, set, frozenset)):
            return self._items(value, depth)
        return clean_text(_text(value), one_line=self._one_line)

    def _items(
        self, value: "list[object] | tuple[object, ...] | set[object] | frozenset[object]", depth: int
    ) -> object:
        if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], (str, bytes)):  # a header
            name = _text(value[0])
            return [clean_text(name, one_line=True), self._named(name, value[1], depth + 1)]
        return [self._value(inner, depth + 1) for inner in value]


def _text(value: object) -> str:
    """Any value as text; a `__str__` that fails must not cost the line."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - whatever somebody's __str__ raises
        return f"<{type(value).__name__}>"
