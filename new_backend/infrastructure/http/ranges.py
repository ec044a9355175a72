"""Conditional requests and ranges of bytes (RFC 9110, sections 13 and 14), as far as files need them. Pure."""

import re
from dataclasses import dataclass

_RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)[ \t]*", re.IGNORECASE)
_ENTITY_TAG = re.compile(r'[ \t,]*(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")[ \t]*(?=,|$)')
_FAR = 10**18  # beyond the end of any file; a number with more digits need not be computed


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Both ends inclusive, as in Content-Range."""

    first: int
    last: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1


class UnsatisfiableRangeError(Exception):
    """The range begins beyond the end."""


def parse_range(header: str | None, *, size: int) -> ByteRange | None:
    """None for the whole: no range, several, another unit, or none that parses. Raises UnsatisfiableRangeError."""
    match = _RANGE.fullmatch(header or "")
    if match is None or match[1] == match[2] == "":
        return None
    first, last = _number(match[1]), _number(match[2])
    if first is None:
        first, last = max(0, size - (last or 0)), size - 1
    elif last is not None and last < first:
        return None
    if first >= size:
        raise UnsatisfiableRangeError
    return ByteRange(first, size - 1 if last is None else min(last, size - 1))


def none_match(header: str | None, etag: str) -> bool:
    """Whether If-None-Match lets the answer through: False means 304. `etag` is strong, in quotes."""
    if header is None:
        return True
    return header.strip() != "*" and etag not in _tags(header)


def range_holds(if_range: str | None, etag: str) -> bool:
    """Whether If-Range lets the range count: only for that very tag. A date is not exact enough to be trusted."""
    return if_range is None or if_range.strip() == etag


def _tags(header: str) -> set[str]:
    """The tags of a list, weak ones as if they were strong; nothing after what does not parse."""
    tags, position = set(), 0
    while match := _ENTITY_TAG.match(header, position):
        tags.add(match[1])
        position = match.end()
    return tags


def _number(text: str) -> int | None:
    if not text:
        return None
    digits = text.lstrip("0")
    return int(digits or "0") if len(digits) <= 18 else _FAR
