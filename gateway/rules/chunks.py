"""Bodies as they arrive, taken out of their framing: of a declared length, or chunked (RFC 9112 section 7.1), strictly.

A chunk's size line is digits and well-formed extensions, every line ends in CRLF, a chunk in exactly its CRLF; trailers
are checked as fields are and dropped (section 7.1.2). Pure: `feed` takes bytes and gives what they hold.
"""

import re
from math import inf
from typing import Final, Protocol

from gateway.rules.framing import CHUNKED, bad_request
from gateway.rules.tokens import FIELD_NAMES, TOKEN, is_field_value

MAX_SIZE_LINE: Final = 1024
MAX_EXTENSIONS: Final = 16_384
"""Bytes of extensions in one body: they are read and thrown away, so there is no use in many."""

_QUOTED: Final = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"'
_SIZE: Final = re.compile(
    rb"([0-9A-Fa-f]{1,15})((?:[ \t]*;[ \t]*%b(?:[ \t]*=[ \t]*(?:%b|%b))?)*)" % (TOKEN, TOKEN, _QUOTED)
)


class BodyFraming(Protocol):
    """done: the body has ended. left: bytes that came after its end."""

    done: bool
    left: bytes

    @property
    def remaining(self) -> float:
        """Bytes to come; infinite where nobody knows."""
        ...

    def feed(self, data: bytes) -> bytes:
        """What of the body is in these bytes. Raises ClientError 400; not called again after that, or when done."""
        ...


def framing_of(length: int, *, max_trailer_bytes: int) -> BodyFraming:
    """For a head's `length`."""
    return ChunkedBody(max_trailer_bytes) if length == CHUNKED else CountedBody(length)


class CountedBody:
    __slots__ = ("done", "left", "remaining")

    def __init__(self, length: int) -> None:
        self.remaining = length
        self.done = length == 0
        self.left = b""

    def feed(self, data: bytes) -> bytes:
        """All of it, up to the declared length."""
        size = len(data)
        if size < self.remaining:
            self.remaining -= size
            return data
        self.left = data[self.remaining :]
        self.done = True
        return data[: self.remaining] if self.left else data


class ChunkedBody:
    """Between two calls `_rest` holds the beginning of a line; `_in_chunk` what is to come of a chunk with its CRLF."""

    __slots__ = ("_extensions", "_in_chunk", "_in_trailers", "_max_trailers", "_rest", "_trailers", "done", "left")

    def __init__(self, max_trailer_bytes: int) -> None:
        self._max_trailers = max_trailer_bytes
        self._rest = b""
        self._in_chunk = 0
        self._in_trailers = False
        self._extensions = 0
        self._trailers = 0
        self.done = False
        self.left = b""

    @property
    def remaining(self) -> float:
        """Nobody knows."""
        return inf

    def feed(self, data: bytes) -> bytes:
        """The pieces of all chunks in these bytes, together."""
        if self._rest:
            data = self._rest + data
            self._rest = b""
        pieces: list[bytes] = []
        position, end = 0, len(data)
        while position < end and not self.done:
            if self._in_chunk:
                position = self._take_chunk(data, position, pieces)
                continue
            line_end = data.find(b"\n", position)
            if line_end < 0:
                self._keep(data[position:])
                break
            self._take_line(data[position : line_end + 1])
            position = line_end + 1
        if self.done:
            self.left = data[position:]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _take_chunk(self, data: bytes, position: int, pieces: list[bytes]) -> int:
        """The last two bytes of `_in_chunk` are its CRLF."""
        available = min(self._in_chunk, len(data) - position)
        content = min(available, max(self._in_chunk - 2, 0))
        if content:
            pieces.append(data[position : position + content])
        ending = data[position + content : position + available]
        self._in_chunk -= available
        if ending != b"\r\n"[2 - self._in_chunk - len(ending) : 2 - self._in_chunk]:
            raise bad_request("a chunk of the body does not end where it says")
        return position + available

    def _take_line(self, line: bytes) -> None:
        if line[-2:] != b"\r\n":
            raise bad_request("a line between the body's chunks does not end in CRLF")
        text = line[:-2]
        if not self._in_trailers:
            self._begin_chunk(text)
        elif text:
            self._check_trailer(text)
        else:
            self.done = True

    def _begin_chunk(self, text: bytes) -> None:
        found = _SIZE.fullmatch(text) if len(text) <= MAX_SIZE_LINE else None
        if found is None:
            raise bad_request("a chunk of the body has no valid size line")
        self._extensions += len(found[2])
        if self._extensions > MAX_EXTENSIONS:
            raise bad_request("the body's chunks have too many extensions")
        size = int(found[1], 16)
        if size:
            self._in_chunk = size + 2
        else:
            self._in_trailers = True

    def _check_trailer(self, text: bytes) -> None:
        self._trailers += len(text) + 2
        name, colon, value = text.partition(b":")
        if FIELD_NAMES[name] is None or not colon or not is_field_value(value):
            raise bad_request("a trailer is no valid field")
        if self._trailers > self._max_trailers:
            raise bad_request("the trailers are larger than is served here")

    def _keep(self, begun: bytes) -> None:
        """The beginning of a line. What can no longer become a valid one is not waited for."""
        limit = self._max_trailers if self._in_trailers else MAX_SIZE_LINE
        if len(begun) > limit + 1 or b"\r" in begun[:-1]:
            raise bad_request("a line between the body's chunks does not end in CRLF")
        if not self._in_trailers and begun[:1] not in b"0123456789abcdefABCDEF":
            raise bad_request("a chunk of the body has no valid size line")
        self._rest = begun
