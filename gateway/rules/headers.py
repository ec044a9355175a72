"""Which header fields pass, which are removed and which are added, in both directions (RFC 9110 section 7.6).

Everything that a hop may not forward is removed before anything is added, so nothing that a client or an upstream
sends can pass for ours.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from gateway.rules.target import is_valid_host
from gateway.rules.tokens import MAX_NAME

Fields = list[tuple[bytes, bytes]]
Networks = Sequence[IPv4Network | IPv6Network]

HOP_BY_HOP: Final = frozenset(
    (
        b"connection",
        b"http2-settings",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
"""RFC 9110 section 7.6.1, the old names that RFC 2616 listed, and what goes with an upgrade to h2c."""

OURS: Final = b"x-gateway-"

_NOT_FROM_STRANGERS: Final = frozenset((b"x-real-ip", b"x-original-url", b"x-rewrite-url"))
"""Beside `X-Forwarded-*`: the client's address, and a path that some frameworks serve instead of the target."""

_FOLDED: Final = bytes(byte if chr(byte).isalnum() and byte < 128 else ord("-") for byte in range(256))

_SET_BY_US: Final = frozenset(
    (
        b"content-length",
        b"expect",
        b"forwarded",
        b"host",
        b"proxy",  # to CGI programs it is HTTP_PROXY: where they send their own requests ("httpoxy")
        b"traceparent",
        b"via",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-proto",
        b"x-request-id",
    )
)
_RESPONSE_DROPPED: Final = HOP_BY_HOP | {b"content-length", b"x-request-id"}
UNFRAMED: Final = frozenset((204, 304))
RESET_CONTENT: Final = 205
"""Has no body, which is said by a Content-Length of 0 (RFC 9110 section 15.3.6)."""

VIA: Final = {"1.0": b"1.0 gateway", "1.1": b"1.1 gateway", "2": b"2 gateway"}
"""Our own entry, by the version in which the request was received (RFC 9110 section 7.6.3)."""

_NEVER_BY_CONNECTION: Final = frozenset(
    (b"close", b"keep-alive", b"", b"host", b"authorization", b"cookie", b"content-length")
)
"""Options that name no field, and end-to-end fields that a client must not be able to make us drop."""
_NOBODY: frozenset[bytes] = frozenset()


def by_name(fields: Sequence[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """The first value of each field: one pass in C for a request's many look-ups."""
    return dict(reversed(fields))


def is_host(value: bytes) -> bool:
    """Whether a Host field's value is one; HTTP/1.0 clients may leave it empty."""
    return not value or is_valid_host(value)


def connection_named(fields: Sequence[tuple[bytes, bytes]]) -> frozenset[bytes]:
    """The names that the Connection header declares hop-by-hop, in lower case."""
    values = [value for name, value in fields if name == b"connection"]
    if not values:
        return _NOBODY
    options = b",".join(values)
    return _known_options(options) if len(options) <= MAX_NAME else _named_by(options)


def _named_by(options: bytes) -> frozenset[bytes]:
    return frozenset(option.strip().lower() for option in options.split(b",")) - _NEVER_BY_CONNECTION


_known_options: Final = lru_cache(maxsize=1024)(_named_by)
"""Remembered where they are short: few clients and upstreams say anything but `keep-alive`."""


class _Remembered(dict[bytes, bool]):
    """Whether a field goes on, by its name; remembered, with a bound to the number and the length of names: nobody must
    be able to fill what is remembered. One that is longer than any does not go on.
    """

    def __missing__(self, name: bytes) -> bool:
        if len(name) > MAX_NAME:
            return False
        if len(self) >= _MOST_REMEMBERED:
            self.clear()
        goes = self[name] = self.judge(name, name.translate(_FOLDED))
        return goes

    def judge(self, name: bytes, folded: bytes) -> bool:
        """folded: what the name becomes at servers that fold all that is no letter or digit."""
        raise NotImplementedError  # abstract: each kind below has its own


class _GoesOn(_Remembered):
    """A client's field. A name is judged by what it becomes at servers that fold it (CGI, WSGI, PHP):
    `X_Forwarded_For` and `x.forwarded.for` must not pass for ours there.
    """

    def judge(self, name: bytes, folded: bytes) -> bool:
        return folded not in HOP_BY_HOP and folded not in _SET_BY_US and not folded.startswith(OURS)


class _GoesOnFromAStranger(_GoesOn):
    """The same for a client that is no trusted proxy: what it says of addresses and hops is not passed on either."""

    def judge(self, name: bytes, folded: bytes) -> bool:
        said_of_us = folded in _NOT_FROM_STRANGERS or folded.startswith(b"x-forwarded-")
        return not said_of_us and super().judge(name, folded)


class _ComesBack(_Remembered):
    """An upstream's field."""

    def judge(self, name: bytes, folded: bytes) -> bool:
        return name not in _RESPONSE_DROPPED and not folded.startswith(OURS)


_MOST_REMEMBERED: Final = 4096
_goes_on: Final = _GoesOn()
_goes_on_from_a_stranger: Final = _GoesOnFromAStranger()
_comes_back: Final = _ComesBack()


def forwardable_request(fields: Sequence[tuple[bytes, bytes]], named: dict[bytes, bytes], *, trusted: bool) -> Fields:
    """The client's fields that go on, in order; what the gateway sets itself is not among them. named: the first value
    of each.
    """
    passes = _goes_on if trusted else _goes_on_from_a_stranger
    kept = [field for field in fields if passes[field[0]]]
    if b"connection" not in named:
        return kept
    dropped = connection_named(fields)
    return [field for field in kept if field[0] not in dropped] if dropped else kept


def forwardable_response(fields: Sequence[tuple[bytes, bytes]]) -> Fields:
    """The upstream's fields that go on, without Content-Length: the proxy states the one that its client has checked.

    204 has none (RFC 9110 section 8.6); of 304 servers in front of us would wait for the bytes that it announces.
    A name longer than any is dropped.
    """
    named = connection_named(fields)
    kept: Fields = []
    dated = served = False
    for field in fields:
        name = field[0]
        if not _comes_back[name] or name in named:
            continue
        if name == b"date":
            if dated:
                continue
            dated = True
        elif name == b"server":
            if served:
                continue
            served = True
        kept.append(field)
    return kept


def first(fields: Sequence[tuple[bytes, bytes]], name: bytes) -> bytes | None:
    """The first value of a field, None where it is absent."""
    for field, value in fields:
        if field == name:
            return value
    return None


def joined(fields: Sequence[tuple[bytes, bytes]], name: bytes) -> bytes:
    """All values of a list-valued field as one, in order (RFC 9110 section 5.3)."""
    return b", ".join([value for field, value in fields if field == name])


def is_trusted(address: str, trusted: Networks) -> bool:
    """Whether an address belongs to a proxy whose forwarding headers are believed."""
    if not trusted:
        return False
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:  # an IPv4 peer of a dual-stack socket
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in trusted)


def _address(hop: str) -> str:
    """One element of X-Forwarded-For: an address, which some proxies write with the port. Raises ValueError."""
    bare = hop.strip()
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    if "%" in bare:
        raise ValueError("a zone means something on one machine only")
    return str(ip_address(bare))


def client_address(peer: str, fields: Sequence[tuple[bytes, bytes]], trusted: Networks) -> str:
    """The address of the user: the peer, or behind trusted proxies the rightmost address that is not one of them."""
    if not is_trusted(peer, trusted):
        return peer
    chain = joined(fields, b"x-forwarded-for").decode("latin-1").split(",")
    for hop in reversed(chain):
        try:
            address = _address(hop)
        except ValueError:
            return peer
        if not is_trusted(address, trusted):
            return address
        peer = address
    return peer


def client_origin(named: dict[bytes, bytes], *, scheme: str, host: bytes, trusted: bool) -> tuple[str, bytes]:
    """Scheme and host as the user's browser has them: a trusted proxy in front of us says so, if it does."""
    if not trusted:
        return scheme, host
    given = named.get(b"x-forwarded-proto", b"").partition(b",")[0].strip().lower()
    outer = named.get(b"x-forwarded-host", b"").partition(b",")[0].strip()
    return given.decode() if given in (b"http", b"https") else scheme, outer if outer and is_host(outer) else host


def _is_scheme(value: bytes) -> bool:
    return value.lower() in (b"http", b"https", b"ws", b"wss")


def _each(value: bytes, is_valid: Callable[[bytes], bool]) -> bytes:
    """A list as it stands where all that it lists is valid, else nothing: proxies pass on what clients make up."""
    return value if value and all(is_valid(each.strip()) for each in value.split(b",")) else b""


def forwarding_fields(
    fields: Sequence[tuple[bytes, bytes]], *, peer: str, scheme: str, host: bytes, trusted: bool, version: str = "1.1"
) -> Fields:
    """X-Forwarded-For/-Proto/-Host, Forwarded (RFC 7239) and Via for the request that goes on.

    What the client sent of them is continued when its address is a trusted proxy's, and replaced otherwise.
    host: has passed `is_host`, so it needs no escapes between quotes; empty where an HTTP/1.0 client has named none:
    nothing is said of it then. version: of HTTP, in which the request came.
    """
    address = peer.encode("ascii", "replace")
    proto = scheme.encode("ascii")
    node = b'"[%b]"' % address if ":" in peer else address or b"unknown"
    element = b'for=%b;host="%b";proto=%b' % (node, host, proto) if host else b"for=%b;proto=%b" % (node, proto)
    chain = address
    if trusted:
        before = joined(fields, b"x-forwarded-for")
        chain = before + b", " + address if before else address
        proto = _each(joined(fields, b"x-forwarded-proto"), _is_scheme) or proto
        host = _each(joined(fields, b"x-forwarded-host"), is_host) or host
        elements = joined(fields, b"forwarded")
        element = elements + b", " + element if elements else element
    via, ours = joined(fields, b"via"), VIA.get(version, VIA["1.1"])
    made = [
        (b"x-forwarded-for", chain),
        (b"x-forwarded-proto", proto),
        (b"x-forwarded-host", host),
        (b"forwarded", element),
        (b"via", via + b", " + ours if via else ours),
    ]
    return made if host else [field for field in made if field[0] != b"x-forwarded-host"]
