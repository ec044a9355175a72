"""A request as bytes: the head with its framing, and nothing in it that could become a second request."""

from typing import Final

from gateway.upstream.api import BodyLengthError, OutboundRequest

_HARMLESS: Final = bytes(byte if byte not in b"\0\r\n" else ord("?") for byte in range(256))
_NEEDS_LENGTH: Final = frozenset({b"POST", b"PUT", b"PATCH"})


def encode_head(request: OutboundRequest) -> bytes:
    """The request's head, followed by its body where that is complete bytes: what one write sends.

    Raises what `checked_head` and `framing` raise.
    """
    head = checked_head(request)
    name, value = framing(request) or (b"", b"")
    body = request.body if isinstance(request.body, bytes) else b""
    if request.expects_continue and request.body is not None and not body:
        head += b"\r\nexpect: 100-continue"
    if not name:
        return b"".join((head, b"\r\n\r\n", body))
    return b"".join((head, b"\r\n", name, b": ", value, b"\r\n\r\n", body))


def checked_head(request: OutboundRequest) -> bytes:
    """The request line and the headers as given. Raises ValueError if a part holds CR, LF or NUL, the request line a
    space too many, or the headers framing of their own: the caller made a request that must not be sent.
    """
    first = b"%b %b HTTP/1.1" % (request.method, request.target)
    lines = [first]
    lines += [name + b": " + value for name, value in request.headers]
    for line in lines:
        if line.startswith(b"content-length:") or line.startswith(b"transfer-encoding:"):  # noqa: PIE810 - a tuple is slower
            raise ValueError("the request's headers hold framing, which is the client's to add")
    text = b"".join(lines)
    if text.translate(_HARMLESS) != text or first.count(b" ") != 2:
        raise ValueError("a part of the request's head holds a byte that must not be there")
    return b"\r\n".join(lines)


def framing(request: OutboundRequest) -> tuple[bytes, bytes] | None:
    """The framing header (RFC 9112 section 6, RFC 9110 section 8.6). Raises BodyLengthError if a complete body is not
    as long as declared.
    """
    body, length = request.body, request.content_length
    if body is None or isinstance(body, bytes):
        size = len(body or b"")
        if length is not None and length != size:
            raise BodyLengthError("the body is not as long as declared")
        if body is None and length is None and request.method not in _NEEDS_LENGTH:
            return None
        return b"content-length", b"%d" % size
    return (b"transfer-encoding", b"chunked") if length is None else (b"content-length", b"%d" % length)
