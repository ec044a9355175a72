"""Which header fields pass, which are removed and which are added, in both directions (RFC 9110 section 7.6).

Everything that a hop may not forward is removed before anything is added, so nothing that a client or an upstream
sends can pass for ours.
"""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

Fields = list[tuple[bytes, bytes]]
Networks = Sequence[IPv4Network | IPv6Network]

HOP_BY_HOP = frozenset(
    (
        b"connection",
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
"""RFC 9110 section 7.6.1, and the old names that RFC 2616 listed."""

FORWARDING = frozenset((b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"forwarded"))

OURS = (b"x-gateway-", b"x_gateway_", b"x-gateway_", b"x_gateway-")
"""Our own names, and the look-alikes that CGI-style servers fold into them."""

_REQUEST_DROPPED = (
    HOP_BY_HOP | FORWARDING | {b"content-length", b"expect", b"host", b"via", b"x-request-id", b"traceparent"}
)
_RESPONSE_DROPPED = HOP_BY_HOP | {b"content-length", b"x-request-id"}
UNFRAMED = frozenset((204, 304))

VIA = b"1.1 gateway"


def connection_named(fields: Sequence[tuple[bytes, bytes]]) -> frozenset[bytes]:
    """The names that the Connection header declares hop-by-hop, in lower case."""
    named: set[bytes] = set()
    for name, value in fields:
        if name == b"connection":
            named.update(token.strip().lower() for token in value.split(b","))
    # End-to-end fields that a client must not be able to make us drop.
    return frozenset(named - {b"close", b"keep-alive", b"", b"host", b"authorization", b"cookie", b"content-length"})


def forwardable_request(fields: Sequence[tuple[bytes, bytes]]) -> Fields:
    """The client's fields that go on, in order; what the gateway sets itself is not among them."""
    kept = [field for field in fields if field[0] not in _REQUEST_DROPPED and not field[0].startswith(OURS)]
    named = connection_named(fields)
    return [field for field in kept if field[0] not in named] if named else kept


def forwardable_response(fields: Sequence[tuple[bytes, bytes]]) -> Fields:
    """The upstream's fields that go on, without Content-Length: the proxy states the one that its client has checked.

    204 has none (RFC 9110 section 8.6); of 304 servers in front of us would wait for the bytes that it announces.
    """
    kept = [field for field in fields if field[0] not in _RESPONSE_DROPPED and not field[0].startswith(OURS)]
    named = connection_named(fields)
    if named:
        kept = [field for field in kept if field[0] not in named]
    return _single(kept, b"date")


def _single(fields: Fields, name: bytes) -> Fields:
    seen = False
    kept = []
    for field in fields:
        if field[0] == name:
            if seen:
                continue
            seen = True
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
    return b", ".join(value for field, value in fields if field == name)


def is_trusted(address: str, trusted: Networks) -> bool:
    """Whether an address belongs to a proxy whose forwarding headers are believed."""
    if not trusted:
        return False
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in trusted)


def client_address(peer: str, fields: Sequence[tuple[bytes, bytes]], trusted: Networks) -> str:
    """The address of the user: the peer, or behind trusted proxies the rightmost address that is not one of them."""
    if not is_trusted(peer, trusted):
        return peer
    chain = [hop.strip() for hop in joined(fields, b"x-forwarded-for").decode("latin-1").split(",")]
    for hop in reversed(chain):
        try:
            address = str(ip_address(hop))
        except ValueError:
            return peer
        if not is_trusted(address, trusted):
            return address
        peer = address
    return peer


def forwarding_fields(
    fields: Sequence[tuple[bytes, bytes]], *, peer: str, scheme: str, host: bytes, trusted: bool
) -> Fields:
    """X-Forwarded-For/-Proto/-Host, Forwarded (RFC 7239) and Via for the request that goes on.

    What the client sent of them is continued when its address is a trusted proxy's, and replaced otherwise.
    """
    address = peer.encode("ascii", "replace")
    proto = scheme.encode("ascii")
    node = b'"[%b]"' % address if b":" in address else address or b"unknown"
    element = b'for=%b;host="%b";proto=%b' % (node, host.replace(b'"', b""), proto)
    chain = address
    if trusted:
        before = joined(fields, b"x-forwarded-for")
        chain = before + b", " + address if before else address
        proto = first(fields, b"x-forwarded-proto") or proto
        host = first(fields, b"x-forwarded-host") or host
        elements = joined(fields, b"forwarded")
        element = elements + b", " + element if elements else element
    via = joined(fields, b"via")
    return [
        (b"x-forwarded-for", chain),
        (b"x-forwarded-proto", proto),
        (b"x-forwarded-host", host),
        (b"forwarded", element),
        (b"via", via + b", " + VIA if via else VIA),
    ]
