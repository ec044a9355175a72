"""Whether a request asks to become a WebSocket, and whether it can (RFC 9110 section 7.8, RFC 6455 section 4.1)."""

from collections.abc import Sequence

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


def tokens(fields: Sequence[tuple[bytes, bytes]], name: bytes) -> set[bytes]:
    """The elements of a list-valued field, in lower case."""
    return {token.strip(b" \t").lower() for token in joined(fields, name).split(b",")}
