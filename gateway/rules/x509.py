"""What a gateway must know of its own certificate: for which names, from when and until when it is valid (RFC 5280).

The standard library tells that of a peer's certificate alone. This reads as much of the DER as it takes, of a file that
an operator has put there; whether the key belongs to it, OpenSSL says.
"""

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass

_PEM = re.compile(rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----([^-]*)-----END")

_TIME = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})Z")

_SEQUENCE = 0x30
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_VERSION, _EXTENSIONS = 0xA0, 0xA3
_DNS_NAME = 0x82
_COMMON_NAME = bytes.fromhex("550403")
_SUBJECT_ALT_NAME = bytes.fromhex("551d11")

_Node = tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class Certificate:
    """names: DNS names in lower case, the common name where there are none. not_before, not_after: unix times."""

    names: tuple[str, ...]
    not_before: float
    not_after: float


def first_certificate(pem: bytes) -> bytes:
    """The DER of the first certificate in a PEM file: the server's own. Raises ValueError."""
    found = _PEM.search(pem)
    if found is None:
        raise ValueError("holds no certificate; write the chain as PEM, the server's own certificate first")
    try:
        return binascii.a2b_base64(found[1])
    except binascii.Error:
        raise ValueError("holds a certificate that is damaged; copy it again") from None


def read_certificate(der: bytes) -> Certificate:
    """Raises ValueError for what is no certificate."""
    try:
        return _certificate(der)
    except (IndexError, StopIteration, ValueError):
        raise ValueError("holds a certificate that is damaged; copy it again") from None


def _certificate(der: bytes) -> Certificate:
    (_, whole) = _one(der, _SEQUENCE)
    (_, tbs) = _one(whole, _SEQUENCE)
    fields = [node for node in _nodes(tbs) if node[0] != _VERSION]
    _serial, _signature, _issuer, validity, subject, _key, *more = fields
    times = [_time(node) for node in _nodes(validity[1])]
    names = _alternative_names(more) or _common_names(subject[1])
    return Certificate(tuple(name.lower() for name in names), times[0], times[1])


def _nodes(data: bytes) -> Iterator[_Node]:
    """Tag and content of each element (X.690 section 8.1)."""
    at = 0
    while at < len(data):
        tag, length, at = data[at], data[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(data[at : at + size]), at + size
        if at + length > len(data):
            raise IndexError
        yield tag, data[at : at + length]
        at += length


def _one(data: bytes, tag: int) -> _Node:
    node = next(_nodes(data))
    if node[0] != tag:
        raise IndexError
    return node


def _time(node: _Node) -> float:
    """Unix time. RFC 5280 section 4.1.2.5: two digits of a year below 50 are of this century."""
    text = node[1].decode("ascii")
    if node[0] == _UTC_TIME:
        text = ("20" if text < "50" else "19") + text
    elif node[0] != _GENERALIZED_TIME:
        raise IndexError
    found = _TIME.fullmatch(text)
    if found is None:
        raise IndexError
    year, month, day, hour, minute, second = map(int, found.groups())
    return float(_days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)


def _days(year: int, month: int, day: int) -> int:
    """From 1970-01-01, in the Gregorian calendar: years that begin in March have their odd day at the end."""
    year, month = (year, month - 3) if month > 2 else (year - 1, month + 9)
    return 365 * year + year // 4 - year // 100 + year // 400 + (153 * month + 2) // 5 + day - 719_469


def _common_names(subject: bytes) -> list[str]:
    attributes = (list(_nodes(pair)) for _, group in _nodes(subject) for _, pair in _nodes(group))
    return [value.decode() for (_, oid), (_, value) in attributes if oid == _COMMON_NAME]


def _alternative_names(fields: list[_Node]) -> list[str]:
    for tag, content in fields:
        if tag != _EXTENSIONS:
            continue
        for _, extension in _nodes(_one(content, _SEQUENCE)[1]):
            parts = list(_nodes(extension))
            if parts[0][1] == _SUBJECT_ALT_NAME:
                return [
                    name.decode("ascii") for kind, name in _nodes(_one(parts[-1][1], _SEQUENCE)[1]) if kind == _DNS_NAME
                ]
    return []
