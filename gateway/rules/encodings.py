"""Bodies as they were before a Content-Encoding (RFC 9110 section 8.4): gzip, deflate, br, zstd. Pure; for comparisons.

A body may be a bomb: a kilobyte of it is a gigabyte when undone. So the limit holds while it is undone, for every
coding of a list, and not a buffer more than that is ever made.
"""

import sys
import zlib
from collections.abc import Callable
from typing import Any, Final

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MAX_CODINGS: Final = 3
"""Of one body: nobody needs more, and each is a pass over all of it."""
MAX_MEMBERS: Final = 100
"""Members of gzip and frames of zstd, one behind the other: each costs a decoder of its own."""
MAX_WINDOW_LOG: Final = 23
"""Of zstd: 8 MiB of memory, which RFC 9659 bounds this coding to."""


class EncodingError(ValueError):
    """Says what is wrong with a body that cannot be undone."""


def decoded(body: bytes, content_encoding: str | None, limit: int) -> bytes:
    """The body undone; as it is where it is not encoded, or empty (a reply to HEAD says how its body would be encoded).

    limit: bytes, more than 0. Raises EncodingError for a coding that is not known, for a body that is broken or goes
    on behind its end, and for one that is larger than limit when undone.
    """
    codings = _codings(content_encoding or "")
    if not codings or not body:
        return body
    if len(codings) > MAX_CODINGS:
        raise EncodingError(f"{len(codings)} content codings, one over the other; up to {MAX_CODINGS} are undone")
    for coding in reversed(codings):
        undo = _UNDO.get(coding)
        if undo is None:
            raise EncodingError(f'"{coding[:40]}" is no content coding that can be undone; {", ".join(_UNDO)} are')
        try:
            body = undo(body, limit)
        except (zlib.error, brotli.error, zstd.ZstdError) as error:
            raise EncodingError(f"the body is no {coding}: {error}") from None
    return body


def _codings(value: str) -> list[str]:
    """In the order in which they were applied."""
    names = [name.strip().lower() for name in value.split(",")]
    return [name for name in names if name not in ("", "identity")]


def _gzip(body: bytes, limit: int) -> bytes:
    return _members(lambda: zlib.decompressobj(wbits=31), body, limit)


def _deflate(body: bytes, limit: int) -> bytes:
    """In zlib's wrapping, as RFC 9110 has it, or without, as some servers send it."""
    has_head = len(body) > 1 and body[0] & 15 == 8 and int.from_bytes(body[:2], "big") % 31 == 0
    return _members(lambda: zlib.decompressobj(wbits=15 if has_head else -15), body, limit, most=1)


def _zstd(body: bytes, limit: int) -> bytes:
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: MAX_WINDOW_LOG}
    return _members(lambda: zstd.ZstdDecompressor(options=options), body, limit)


def _members(decoder: Callable[[], Any], body: bytes, limit: int, *, most: int = MAX_MEMBERS) -> bytes:
    """One behind the other. decoder: makes what has `decompress`, `eof` and `unused_data`, as in both libraries."""
    pieces: list[bytes] = []
    left = limit
    for _ in range(most):
        member = decoder()
        pieces.append(member.decompress(body, left + 1))
        left -= len(pieces[-1])
        if left < 0:
            raise EncodingError(f"the body is larger than {limit} bytes when undone")
        if not member.eof:
            raise EncodingError("the body ends before its encoding does")
        body = member.unused_data
        if not body:
            return b"".join(pieces)
    raise EncodingError("the body goes on behind the end of its encoding")


def _brotli(body: bytes, limit: int) -> bytes:
    decoder = brotli.Decompressor()
    pieces = [decoder.process(body, output_buffer_limit=limit + 1)]
    size = len(pieces[0])
    while size <= limit and not decoder.is_finished() and not decoder.can_accept_more_data():
        pieces.append(decoder.process(b"", output_buffer_limit=limit + 1 - size))
        size += len(pieces[-1])
    if size > limit:
        raise EncodingError(f"the body is larger than {limit} bytes when undone")
    if not decoder.is_finished():
        raise EncodingError("the body ends before its encoding does")
    return b"".join(pieces)


_UNDO: Final[dict[str, Callable[[bytes, int], bytes]]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}
