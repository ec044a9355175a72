"""What a request asks its connection to become, and whether it can (RFC 9110 section 7.8, RFC 6455 section 4.1).

WebSocket is what is served. Whoever asks for something else (`h2c`, `TLS/1.0`) is told so, instead of being left to
wonder why nothing was switched.
"""

from collections.abc import Sequence

from gateway.errors import ClientError
from gateway.rules.headers import joined


def asks_for_websocket(fields: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether Upgrade names it. Names of protocols are compared without case."""
    return b"websocket" in tokens(fields, b"upgrade")


def is_handshake(method: bytes, fields: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether the connection of such a request can be handed over: what is left to check can be answered on it."""
    named = dict(fields)
    return (
        method == b"GET"
        and asks_for_websocket(fields)
        and b"upgrade" in tokens(fields, b"connection")
        and b"transfer-encoding" not in named
        and named.get(b"content-length", b"0") == b"0"
    )


def check_upgrade(method: bytes, fields: Sequence[tuple[bytes, bytes]]) -> None:
    """For a request with an Upgrade field. One that Connection does not name asks for nothing: it is ignored.

    Raises ClientError: 400 for an upgrade to WebSocket in a way that cannot be one, 501 for one to anything else.
    """
    if asks_for_websocket(fields):
        if not is_handshake(method, fields):
            detail = "an upgrade to WebSocket is a GET with Connection: Upgrade and without a body"
            raise ClientError(400, "Bad request", detail)
    elif b"upgrade" in tokens(fields, b"connection"):
        detail = "websocket is all that a connection can be upgraded to; send the request without Upgrade"
        raise ClientError(501, "Not implemented", detail)


def tokens(fields: Sequence[tuple[bytes, bytes]], name: bytes) -> set[bytes]:
    """The elements of a list-valued field, in lower case."""
    return {token.strip(b" \t").lower() for token in joined(fields, name).split(b",")}
