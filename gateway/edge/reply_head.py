"""The head of an answer as bytes, with the framing that its client understands (RFC 9112 section 6)."""

import http
from collections.abc import Iterable
from enum import Enum
from typing import Final

from gateway.reply import http_date
from gateway.rules.tokens import FIELD_NAMES, are_lines


class Framing(Enum):
    """How the end of an answer's body shows."""

    NONE = "there is no body"
    LENGTH = "Content-Length"
    CHUNKED = "chunks"
    CLOSE = "the end of the connection"


_PHRASES: Final = {
    413: b"Content Too Large",
    414: b"URI Too Long",
    416: b"Range Not Satisfiable",
    422: b"Unprocessable Content",
}
"""RFC 9110's, where Python may still have those before it."""


def _phrase(status: int) -> bytes:
    if status in _PHRASES:
        return _PHRASES[status]
    try:
        return http.HTTPStatus(status).phrase.encode("ascii")
    except ValueError:
        return b""


_STATUS_LINES: Final = {status: b"HTTP/1.1 %d %b" % (status, _phrase(status)) for status in range(100, 600)}


def status_line(status: int) -> bytes:
    """Any of three digits (RFC 9110 section 15)."""
    return _STATUS_LINES.get(status) or b"HTTP/1.1 %d " % status


class ReplyHead:
    """One answer's head. framing, length: of the body that follows (length where Content-Length declares it).
    keep_alive: the connection stays open after it.

    fields: the app's; its `connection` counts only where it says close, its `transfer-encoding` not at all. Raises
    ValueError for a head that would not be one head.
    """

    __slots__ = ("data", "framing", "keep_alive", "length")

    def __init__(
        self, status: int, fields: Iterable[tuple[bytes, bytes]], *, method: bytes, minor: int, keep_alive: bool
    ) -> None:
        lines = [status_line(status)]
        length: int | None = None
        for name, value in fields:
            if name == b"content-length":
                length = int(value)
            elif name == b"connection":
                keep_alive = keep_alive and b"close" not in value.lower()
            elif name != b"transfer-encoding":
                if FIELD_NAMES[name] is None:
                    raise ValueError("a field of the answer has no valid name")
                lines.append(name + b": " + value)
        if length is not None and status != 204:
            lines.append(b"content-length: %d" % length)
        self.length = length or 0
        self._frame(lines, status, length, method=method, minor=minor, keep_alive=keep_alive)
        if not are_lines(lines):
            raise ValueError("a field of the answer holds a byte that must not be there")
        lines += (b"", b"")
        self.data = b"\r\n".join(lines)

    def _frame(
        self, lines: list[bytes], status: int, length: int | None, *, method: bytes, minor: int, keep_alive: bool
    ) -> None:
        if method == b"HEAD" or status in (204, 304):
            self.framing = Framing.NONE
        elif length is not None:
            self.framing = Framing.LENGTH
        elif minor:
            self.framing = Framing.CHUNKED
            lines.append(b"transfer-encoding: chunked")
        else:
            self.framing = Framing.CLOSE
            keep_alive = False
        self.keep_alive = keep_alive
        if not keep_alive:
            lines.append(b"connection: close")
        elif not minor:
            lines.append(b"connection: keep-alive")


def interim(status: int, fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A 1xx whole. Raises ValueError for fields that would not be one head."""
    lines = [status_line(status)]
    for name, value in fields:
        if FIELD_NAMES[name] is None:
            raise ValueError("a field of the interim reply has no valid name")
        lines.append(name + b": " + value)
    if not are_lines(lines):
        raise ValueError("a field of the interim reply holds a byte that must not be there")
    return b"\r\n".join(lines) + b"\r\n\r\n"


def refusal(status: int, now: float, document: bytes, content_type: bytes, *fields: bytes, with_body: bool) -> bytes:
    """A whole answer that ends its connection, made by the edge itself."""
    lines = (
        status_line(status),
        b"content-type: " + content_type,
        b"content-length: %d" % len(document),
        b"cache-control: no-store",
        b"date: " + http_date(now),
        *fields,
        b"connection: close",
    )
    return b"\r\n".join(lines) + b"\r\n\r\n" + (document if with_body else b"")
