"""The header that a balancer puts before a connection's bytes to say whose connection it is: PROXY protocol 1 and 2.

Strict, after the HAProxy project's specification (`proxy-protocol.txt`): what is no header is refused as soon as that
shows, and nothing that follows a header is ever taken for a part of it. Used by the edge for peers of `proxy_protocol`.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

MAX_BYTES = 4096
"""Of a whole header. Version 1 has 107 at most; of version 2, 4 KiB hold the addresses and every extension in use."""

_V1_BYTES = 107
_V1 = b"PROXY "
_V2 = b"\r\n\r\n\0\r\nQUIT\n"
_V2_HEAD = 16
_ADDRESS_BYTES = {0x00: 0, 0x11: 12, 0x12: 12, 0x21: 36, 0x22: 36, 0x31: 216, 0x32: 216}
"""By family and transport: none, TCP and UDP over IPv4 and IPv6, unix stream and datagram."""
_TCP4, _TCP6 = 0x11, 0x21
_LOCAL, _PROXY = 0x20, 0x21
_CRC32C = 0x03
_PORT = re.compile(r"0|[1-9][0-9]{0,4}")

Address = tuple[str, int]


class ProxyHeaderError(ValueError):
    """What a balancer has sent is no PROXY header. The message says why."""


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """size: the bytes that it took. client, server: as the client's connection to the balancer has them; None where the
    header names none (`UNKNOWN`, `LOCAL`, a unix socket): then the connection's own addresses stand.
    """

    size: int
    client: Address | None = None
    server: Address | None = None


def read_header(data: bytes) -> ProxyHeader | None:
    """The header at the beginning of what a peer has sent so far; None while it may still become one. Raises
    ProxyHeaderError.
    """
    if data[: len(_V2)] == _V2[: len(data)]:
        return _read_v2(data) if len(data) >= _V2_HEAD else None
    if data[: len(_V1)] == _V1[: len(data)]:
        return _read_v1(data)
    raise ProxyHeaderError("the connection does not begin with a PROXY header")


# -- version 1: one line of text


def _read_v1(data: bytes) -> ProxyHeader | None:
    end = data.find(b"\n", 0, _V1_BYTES)
    if end < 0:
        if len(data) >= _V1_BYTES:
            raise ProxyHeaderError(f"the line is longer than {_V1_BYTES} bytes")
        return None
    if data[end - 1 : end] != b"\r":
        raise ProxyHeaderError("the line does not end in CR LF")
    try:
        words = data[len(_V1) : end - 1].decode("ascii").split(" ")
    except UnicodeDecodeError:
        raise ProxyHeaderError("the line is not ASCII") from None
    if words[0] == "UNKNOWN":  # whatever follows it is to be ignored
        return ProxyHeader(end + 1)
    if words[0] not in ("TCP4", "TCP6") or len(words) != 5:
        raise ProxyHeaderError("the line is not TCP4 or TCP6, two addresses and two ports")
    _, source, destination, source_port, destination_port = words
    address = _ipv4 if words[0] == "TCP4" else _ipv6
    return ProxyHeader(end + 1, (address(source), _port(source_port)), (address(destination), _port(destination_port)))


def _ipv4(text: str) -> str:
    try:
        return str(IPv4Address(text))
    except ValueError:
        raise ProxyHeaderError(f"{text!r} is no IPv4 address") from None


def _ipv6(text: str) -> str:
    try:
        return _shown(IPv6Address(text))
    except ValueError:
        raise ProxyHeaderError(f"{text!r} is no IPv6 address") from None


def _shown(address: IPv6Address) -> str:
    """One spelling for each client: limits by address count by it. A zone means something on one machine only."""
    if address.scope_id is not None:
        raise ProxyHeaderError("an address has a zone")
    return str(address.ipv4_mapped or address)


def _port(text: str) -> int:
    if _PORT.fullmatch(text) is None or int(text) > 65_535:
        raise ProxyHeaderError(f"{text!r} is no port")
    return int(text)


# -- version 2: a signature, a length, addresses, extensions


def _read_v2(data: bytes) -> ProxyHeader | None:
    command, family = data[12], data[13]
    size = _V2_HEAD + int.from_bytes(data[14:16])
    if command not in (_LOCAL, _PROXY):
        raise ProxyHeaderError(f"{command:#04x} is no version and command")
    if size > MAX_BYTES:
        raise ProxyHeaderError(f"it says that it has {size} bytes; at most {MAX_BYTES} are read")
    length = _ADDRESS_BYTES.get(family)
    if command == _PROXY and length is None:
        raise ProxyHeaderError(f"{family:#04x} is no family and transport")
    if command == _PROXY and size < _V2_HEAD + (length or 0):
        raise ProxyHeaderError("it is too short for its addresses")
    if len(data) < size:
        return None
    if command == _LOCAL or length is None:  # the balancer's own connection: all else is to be ignored
        return ProxyHeader(size)
    _check_extensions(data[:size], _V2_HEAD + length)
    client, server = _addresses(data[_V2_HEAD:], family)
    return ProxyHeader(size, client, server)


def _addresses(block: bytes, family: int) -> tuple[Address | None, Address | None]:
    if family == _TCP4:
        ports = int.from_bytes(block[8:10]), int.from_bytes(block[10:12])
        return (str(IPv4Address(block[:4])), ports[0]), (str(IPv4Address(block[4:8])), ports[1])
    if family == _TCP6:
        ports = int.from_bytes(block[32:34]), int.from_bytes(block[34:36])
        return (_shown(IPv6Address(block[:16])), ports[0]), (_shown(IPv6Address(block[16:32])), ports[1])
    return None, None


def _check_extensions(header: bytes, at: int) -> None:
    """They fill the header exactly; a checksum among them is right. What else they say is not used."""
    while at < len(header):
        value = at + 3
        end = value + int.from_bytes(header[at + 1 : value])
        if end > len(header):
            raise ProxyHeaderError("an extension is longer than the header")
        if header[at] == _CRC32C:
            if end - value != 4:
                raise ProxyHeaderError("its checksum is not four bytes")
            zeroed = header[:value] + bytes(4) + header[end:]
            if crc32c(zeroed) != int.from_bytes(header[value:end]):
                raise ProxyHeaderError("its checksum is wrong")
        at = end


def _entry(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    return byte


_CRC_TABLE = tuple(map(_entry, range(256)))


def crc32c(data: bytes) -> int:
    """RFC 3720 section 12.1, the Castagnoli polynomial; no C code of the standard library has it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF
