"""Who a request is, for a split: the first key that is present, as raw bytes from the wire.

The bytes are hashed undecoded, so that an Envoy data plane (`use_hash_policy`) computes the same bucket. A JWT claim is
the exception: it is the UTF-8 of its decoded string, and the gateway's alone. Tokens are read, never verified: a key
steers traffic, it grants nothing.
"""

from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import orjson

Fields = Sequence[tuple[bytes, bytes]]
"""Header fields in order: names in lower case, values as on the wire."""

MAX_TOKEN_BYTES: Final = 16_384
"""A longer bearer token is not looked into: it would cost more than it tells."""


@dataclass(frozen=True, slots=True)
class KeySource:
    """One entry of a feature's `key` list: `header:NAME`, `cookie:NAME`, `jwt:CLAIM` or `client_ip`."""

    kind: Literal["header", "cookie", "jwt", "client_ip"]
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}" if self.name else self.kind


@dataclass(slots=True, init=False)
class Key:
    """What identified the user, and where it was found. `issued`: made by us for this request, not yet the client's."""

    source: KeySource
    value: bytes
    issued: bool

    def __init__(self, source: KeySource, value: bytes, *, issued: bool = False) -> None:
        self.source = source
        self.value = value
        self.issued = issued


@lru_cache(maxsize=4096)
def parse_source(text: str) -> KeySource:
    """`header:X-User` -> KeySource("header", "x-user"). Raises ValueError with the accepted forms."""
    kind, _, name = text.partition(":")
    if kind == "client_ip" and not name:
        return KeySource("client_ip")
    if name and kind == "header":
        return KeySource("header", name.lower())
    if name and kind == "cookie":
        return KeySource("cookie", name)
    if name and kind == "jwt":
        return KeySource("jwt", name)
    raise ValueError(f"{text!r} is no key source; write header:NAME, cookie:NAME, jwt:CLAIM or client_ip")


def identify(sources: Sequence[KeySource], fields: Fields, client_ip: str) -> Key | None:
    """The first source that is present and not empty."""
    for source in sources:
        value = read_source(source, fields, client_ip)
        if value:
            return Key(source, value)
    return None


def read_source(source: KeySource, fields: Fields, client_ip: str) -> bytes | None:
    """The value of one source, or None where the request has none."""
    if source.kind == "cookie":
        return read_cookie(fields, _on_the_wire(source.name))
    if source.kind == "header":
        return _last(fields, _on_the_wire(source.name))
    if source.kind == "jwt":
        return read_claim(fields, source.name)
    return client_ip.encode("ascii") or None


@lru_cache(maxsize=1024)
def _on_the_wire(name: str) -> bytes:
    """Any text has such bytes: an entry of a list may be typed with a name that no request can have."""
    return name.encode("utf-8", "surrogateescape")


def _last(fields: Fields, name: bytes) -> bytes | None:
    found = None
    for field, value in fields:
        if field == name:
            found = value
    return found


def read_cookie(fields: Fields, name: bytes) -> bytes | None:
    """The raw value of a cookie, undecoded; of repeated cookies of one name the last wins (RFC 6265 section 4.2)."""
    found = None
    for field, value in fields:
        if field == b"cookie":
            here = _last_cookie(value, name + b"=")
            if here is not None:
                found = here
    return found


def _last_cookie(value: bytes, prefix: bytes) -> bytes | None:
    """Of one field, found from its end: there may be a kilobyte of others."""
    start = value.rfind(prefix)
    while start >= 0:
        before = value[:start].rstrip(b" \t")
        if not before or before.endswith(b";"):
            return value[start + len(prefix) :].partition(b";")[0].rstrip(b" \t")
        start = value.rfind(prefix, 0, start)
    return None


def read_claim(fields: Fields, claim: str) -> bytes | None:
    """A claim of the bearer token's payload (RFC 7519): the UTF-8 of a string, the decimal digits of an integer."""
    value = _last(fields, b"authorization")
    if value is None or value[:7].lower() != b"bearer " or len(value) > MAX_TOKEN_BYTES:
        return None
    parts = value[7:].strip().split(b".")
    if len(parts) != 3:
        return None
    try:
        payload = orjson.loads(urlsafe_b64decode(parts[1] + b"=" * (-len(parts[1]) % 4)))
    except (Base64Error, ValueError):
        return None
    found = payload.get(claim) if isinstance(payload, dict) else None
    if isinstance(found, bool) or not isinstance(found, (str, int)):
        return None
    return str(found).encode("utf-8", "surrogatepass") or None
