"""The opening handshake (RFC 6455 section 4) as values: what a client must send, and what goes on. Pure."""

import base64
import binascii
from hashlib import sha1

from gateway.errors import ClientError
from gateway.rules.headers import Fields, joined
from gateway.rules.upgrade import tokens

VERSION = b"13"
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_OWN = b"sec-websocket-"
_PROTOCOL = b"sec-websocket-protocol"


class HandshakeError(Exception):
    """An upstream's 101 is no answer to what was asked; the text says why and holds no bytes of it."""


def check_handshake(fields: Fields) -> None:
    """Section 4.2.1. Raises ClientError 426 for another version, 400 for a key that is none."""
    versions = [value for name, value in fields if name == b"sec-websocket-version"]
    if versions != [VERSION]:
        raise ClientError(426, "Upgrade required", "the only version of WebSocket that is served is 13")
    keys = [value for name, value in fields if name == b"sec-websocket-key"]
    if len(keys) != 1 or not _is_key(keys[0]):
        raise ClientError(400, "Bad request", "the Sec-WebSocket-Key is not one valid key")


def offered_protocols(fields: Fields) -> list[bytes]:
    """The subprotocols that a client offers, in its order."""
    return [token for token in (each.strip() for each in joined(fields, _PROTOCOL).split(b",")) if token]


def accept_value(key: bytes) -> bytes:
    """What proves that a server has read the key."""
    return base64.b64encode(sha1(key + _GUID).digest())  # noqa: S324 - the protocol's own


def upstream_fields(fields: Fields, key: bytes) -> Fields:
    """The request's fields as they go to the upstream, from those that `prepare` made. No extension is offered: each
    side would have to undo what the other has negotiated.
    """
    kept = [field for field in fields if not field[0].startswith(_OWN) or field[0] == _PROTOCOL]
    return [
        *kept,
        (b"connection", b"Upgrade"),
        (b"upgrade", b"websocket"),
        (b"sec-websocket-version", VERSION),
        (b"sec-websocket-key", key),
    ]


def check_answer(fields: Fields, *, key: bytes, offered: list[bytes]) -> bytes | None:
    """Section 4.1: an upstream's 101. Returns the subprotocol that it chose. Raises HandshakeError."""
    if b"websocket" not in tokens(fields, b"upgrade") or b"upgrade" not in tokens(fields, b"connection"):
        raise HandshakeError("The upstream switched to another protocol than WebSocket.")
    if [value for name, value in fields if name == b"sec-websocket-accept"] != [accept_value(key)]:
        raise HandshakeError("The upstream's Sec-WebSocket-Accept is not the answer to our key.")
    if any(name == b"sec-websocket-extensions" for name, _ in fields):
        raise HandshakeError("The upstream chose a WebSocket extension that was not offered.")
    chosen = [value for name, value in fields if name == _PROTOCOL]
    if len(chosen) > 1 or (chosen and chosen[0] not in offered):
        raise HandshakeError("The upstream chose a WebSocket subprotocol that was not offered.")
    return chosen[0] if chosen else None


def without_own(fields: Fields) -> Fields:
    """An upstream's fields without those of its own handshake; the client gets its server's."""
    return [field for field in fields if not field[0].startswith(_OWN)]


def _is_key(value: bytes) -> bool:
    try:
        return len(base64.b64decode(value, validate=True)) == 16
    except binascii.Error:
        return False
