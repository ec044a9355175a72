"""Path patterns of routes.yaml: `/exact`, `/prefix/*`, `/users/{id}/avatar`, and what each looks like to matching.

Used by lint (are two patterns the same?) and by the router (rules/routing.py). Patterns and request paths meet in one
canonical spelling, `canonical`: every escape is decoded but two, `%25` (a percent sign) and `%2F` (a slash that is
data). Keeping those two makes the spelling unambiguous: a decoded `%252F` can never be mistaken for a `%2F`.
"""

import re
from dataclasses import dataclass
from enum import IntEnum

_ESCAPES = {
    bytes([high, low]): (b"%%%02X" % int(bytes([high, low]), 16))
    if int(bytes([high, low]), 16) in b"%/"
    else bytes([int(bytes([high, low]), 16)])
    for high in b"0123456789abcdefABCDEF"
    for low in b"0123456789abcdefABCDEF"
}
_SLASHES = _ESCAPES | {b"2f": b"/", b"2F": b"/"}
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NOT_VISIBLE = re.compile(r"[\x00-\x20\x7f-\xa0]")
_PARAMETER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


def canonical(raw: bytes, *, decode_slash: bool = False) -> bytes:
    """`raw` with its escapes decoded once; `%25` and `%2F` stay, in that spelling (`/` with `decode_slash`).

    A `%` that starts no escape is a literal percent sign, so it becomes `%25`. Idempotent without `decode_slash`.
    """
    if b"%" not in raw:
        return raw
    table = _SLASHES if decode_slash else _ESCAPES
    first, *rest = raw.split(b"%")
    pieces = [first]
    for piece in rest:
        decoded = table.get(piece[:2])
        pieces.append(b"%25" + piece if decoded is None else decoded + piece[2:])
    return b"".join(pieces)


class PathKind(IntEnum):
    """How a pattern matches; the smaller wins."""

    EXACT = 0
    PATTERN = 1
    PREFIX = 2


@dataclass(frozen=True, slots=True)
class Pattern:
    """A parsed route path. segments: canonical bytes, None where a `{name}` stands; without the `*` of a prefix."""

    kind: PathKind
    segments: tuple[bytes | None, ...]

    @property
    def shape(self) -> tuple[PathKind, tuple[bytes | None, ...]]:
        """Equal for patterns that match the same paths, whatever their parameters are called."""
        return self.kind, self.segments

    @property
    def path(self) -> bytes:
        """The literal path of an EXACT pattern, as a request's canonical path spells it."""
        return b"/" + b"/".join(segment or b"" for segment in self.segments)

    def matches(self, path: bytes) -> bool:
        """Whether it matches a normalized path; the plain statement of what the router does faster."""
        if path == b"*":
            return self.kind is PathKind.PREFIX and not self.segments
        if not path.startswith(b"/"):
            return False
        given = path[1:].split(b"/")
        if self.kind is not PathKind.PREFIX and len(given) != len(self.segments):
            return False
        return len(given) >= len(self.segments) and all(
            bool(have) if want is None else have == want for want, have in zip(self.segments, given, strict=False)
        )


def parse_pattern(text: str) -> Pattern:
    """A route's path as written in the file. Raises ValueError: what is wrong; what would be right."""
    _refuse_bad_text(text)
    parts = text[1:].split("/")
    prefix = parts[-1] == "*"
    if prefix:
        parts.pop()
    segments = tuple(_segment(part) for part in parts)
    if b"" in segments[:-1] or (prefix and b"" in segments):
        raise ValueError("has an empty segment, which no request has when it is matched; write single slashes")
    names = [part for part in parts if part.startswith("{")]
    if len(set(names)) != len(names):
        raise ValueError("uses a parameter name twice; give each {name} its own")
    if prefix:
        return Pattern(PathKind.PREFIX, segments)
    return Pattern(PathKind.PATTERN if None in segments else PathKind.EXACT, segments)


def _refuse_bad_text(text: str) -> None:
    if not text.startswith("/"):
        raise ValueError(f'does not start with "/"; write "/{text}"')
    if "?" in text or "#" in text:
        raise ValueError("has a query or a fragment, which matching never sees; write the path alone")
    if _NOT_VISIBLE.search(text):
        raise ValueError("has a space or a control character; write it as an escape, e.g. %20")
    if _BAD_ESCAPE.search(text):
        raise ValueError('has a "%" that two hexadecimal digits do not follow; a percent sign itself is %25')


def _segment(text: str) -> bytes | None:
    if _PARAMETER.fullmatch(text):
        return None
    if "{" in text or "}" in text:
        raise ValueError("has braces that are not a whole segment; write /{name}/, or %7B and %7D for literal braces")
    if "*" in text:
        raise ValueError('has a "*" that is not the whole last segment; write /prefix/*, or %2A for a literal star')
    segment = canonical(text.encode())
    if segment in (b".", b".."):
        raise ValueError(f'has the dot segment "{text}", which no request has when it is matched; leave it out')
    return segment
