"""Keeps secrets, and whatever could forge a line, out of every log: a structlog processor.

What is said with a secret's name (`password=...`, a header, a key of the event) goes by that name; what carries its
own shape (a URL with a password, a JWT, a bearer token) goes by that. It runs over every value of every event, nested
ones too, also over those that other libraries log and over tracebacks.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

from structlog.typing import EventDict, WrappedLogger

HIDDEN = "***"
MAX_DEPTH = 6

_SECRET_NAMES = ("authorization", "cookie", "password", "passwd", "token", "secret", "credential", "apikey")
_WORDS = "authorization|cookie|password|passwd|token|secret|credential|api[-_]?key"
_NAME = rf"(?=[\w-]*?(?:{_WORDS}))[\w-]++"
"""A whole name that holds one of the words."""


def _hide_userinfo(found: re.Match[str]) -> str:
    """Of a URL without any, the whole word was read: nothing behind it in the word can have one either."""
    return f"{found[1]}://{HIDDEN}@" if found[0].endswith("@") else found[0]


def _hide_token(found: re.Match[str]) -> str:
    return HIDDEN if "." in found[0] else found[0]


# What must stand in the text (in lower case) for the rule to matter, the pattern, and what takes its place. Most texts
# hold none of the first, and `in` is a hundred times cheaper than a pattern.
# Clients choose these texts (a path of a kilobyte stands in every line), so each pattern must be linear: it begins at
# most once in a run of the characters that it repeats, and what it has read it does not read again (`++`).
_RULES = (
    # Inside an authority a password ends at the last @ before the path. Of other schemes (redis, postgresql) nobody
    # encodes a slash in a password, so there everything up to the last @ of the word goes.
    ("://", re.compile(r"(?i)\b(https?|wss?)://[^\s/?#]*@"), rf"\1://{HIDDEN}@"),
    ("://", re.compile(r"(?i)(?<![a-z0-9+.-])((?!https?:|wss?:)[a-z0-9+.-]++)://(?:\S*@|\S*+)"), _hide_userinfo),
    # `Cookie: a=b; c=d` is a secret to the end of the line; with a blank, so that `cookie:NAME`, a key's source, stays.
    (": ", re.compile(r"(?i)\b((?:set-)?cookie|(?:proxy-)?authorization):[ \t]+[^\r\n]+"), rf"\1: {HIDDEN}"),
    ("=", re.compile(rf"(?i)(?<![\w-])({_NAME})=\s*(\"[^\"]*\"|'[^']*'|[^\s&,;)]+)"), rf"\1={HIDDEN}"),
    ("'", re.compile(rf"(?i)('{_NAME}')(:|,)\s*b?(\"[^\"]*\"|'[^']*')"), rf"\1\2 {HIDDEN}"),
    ('"', re.compile(rf'(?i)("{_NAME}")(:|,)\s*("[^"]*")'), rf"\1\2 {HIDDEN}"),
    ("bearer", re.compile(r"(?i)\bbearer\s+[\w.~+/=-]{8,}"), f"Bearer {HIDDEN}"),
    ("eyj", re.compile(r"\beyJ[\w-]++(?:\.[\w-]++(?:\.[\w-]*+)?)?+"), _hide_token),
)

# Beyond what JSON escapes: DEL and C1 (one is a terminal's escape), line separators, and what turns text around.
# Lone surrogates come from undecodable bytes and are not UTF-8.
_FORGING = re.compile("[\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_FORGING_ON_A_LINE = re.compile("[\x00-\x1f" + _FORGING.pattern[1:])


@lru_cache(maxsize=1024)
def is_secret_name(name: str) -> bool:
    """Whether what goes by this name is hidden: `Set-Cookie`, `refresh_token`, `apiKey`, ..."""
    plain = name.lower().replace("-", "").replace("_", "")
    return any(word in plain for word in _SECRET_NAMES)


def clean_text(text: str, *, one_line: bool) -> str:
    """Without secrets that show by their shape, and without characters that could forge a line or move a cursor.

    one_line: line breaks and other C0 characters are written out too; where they stay, the renderer escapes them.
    """
    if text.isalnum():  # nothing below can match: what most values are
        return text
    lowered = text.lower()
    for needle, pattern, replacement in _RULES:
        if needle in lowered:
            text = pattern.sub(replacement, text)
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

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
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
