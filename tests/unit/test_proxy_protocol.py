"""The PROXY header: what is one, what it says, where it ends, and what is none."""

import struct
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.proxy_protocol import MAX_BYTES, ProxyHeader, ProxyHeaderError, crc32c, read_header

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
CLIENT, SERVER = ("203.0.113.7", 51_000), ("198.51.100.1", 443)
BLOCK = IPv4Address(CLIENT[0]).packed + IPv4Address(SERVER[0]).packed + struct.pack("!HH", CLIENT[1], SERVER[1])


def v2(block=BLOCK, *, command=0x21, family=0x11, length=None):
    return SIGNATURE + struct.pack("!BBH", command, family, len(block) if length is None else length) + block


def tlv(kind, value):
    return struct.pack("!BH", kind, len(value)) + value


def with_checksum(*extensions, wrong=0):
    """A header whose last extension is the checksum of all of it."""
    text = v2(BLOCK + b"".join(extensions) + tlv(3, bytes(4)))
    return text[:-4] + struct.pack("!I", crc32c(text) ^ wrong)


ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))
PORTS = st.integers(0, 65_535)


@st.composite
def headers(draw):
    """A header as a balancer writes it, and what it says."""
    version = draw(st.sampled_from((4, 6)))
    addresses = draw(st.lists(st.ip_addresses(v=version), min_size=2, max_size=2))
    ports = draw(st.lists(PORTS, min_size=2, max_size=2))
    if draw(st.booleans()):
        words = [f"TCP{version}", *map(str, addresses), *map(str, ports)]
        text = f"PROXY {' '.join(words)}\r\n".encode()
    else:
        block = addresses[0].packed + addresses[1].packed + struct.pack("!HH", *ports)
        more = draw(st.lists(st.tuples(st.integers(0x20, 255), st.binary(max_size=60)), max_size=4))
        block += b"".join(tlv(kind, value) for kind, value in more)
        text = v2(block, family=0x11 if version == 4 else 0x21)
    shown = [str(getattr(address, "ipv4_mapped", None) or address) for address in addresses]
    return text, ProxyHeader(len(text), (shown[0], ports[0]), (shown[1], ports[1]))


@given(headers(), st.binary(max_size=40))
def test_what_a_balancer_writes_is_read_whatever_follows_it(header, rest):
    text, meant = header
    assert read_header(text + rest) == meant


@given(headers())
def test_every_beginning_of_a_header_may_still_become_one(header):
    text, _ = header
    assert all(read_header(text[:size]) is None for size in range(len(text)))


@given(st.binary(max_size=300))
def test_no_bytes_at_all_are_read_in_two_ways(data):
    """Once there is an answer, what follows does not change it."""
    for size in range(len(data) + 1):
        try:
            found = read_header(data[:size])
        except ProxyHeaderError:
            with pytest.raises(ProxyHeaderError):
                read_header(data)
            return
        if found is not None:
            assert found.size <= size
            assert read_header(data) == found
            return


@given(st.sampled_from([v2()[:16], v2(command=0x20)[:16], b"PROXY TCP4 ", b"PROXY ", b"PROXY UNKNOWN"]), st.binary())
def test_what_only_begins_like_a_header_does_no_harm(start, rest):
    try:
        found = read_header(start + rest)
    except ProxyHeaderError:
        return
    assert found is None or found.size <= len(start + rest)
    assert found is not None or len(start + rest) < MAX_BYTES


@pytest.mark.parametrize(
    "line",
    [b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", b"PROXY UNKNOWN \0\r\n"],
)
def test_a_line_that_names_nobody_leaves_the_connections_own_address(line):
    assert read_header(line + b"GET") == ProxyHeader(len(line))


LONGEST = b"PROXY UNKNOWN " + b"f" * 91 + b"\r\n"


def test_a_line_is_107_bytes_long_at_most():
    assert len(LONGEST) == 107
    assert read_header(LONGEST) == ProxyHeader(107)
    with pytest.raises(ProxyHeaderError, match="longer than 107"):
        read_header(LONGEST.replace(b"f\r", b"ff\r"))
    with pytest.raises(ProxyHeaderError, match="longer than 107"):
        read_header(b"PROXY UNKNOWN " + b"f" * 93)


@pytest.mark.parametrize(
    "line",
    [
        b"GET / HTTP/1.1\r\n", b"\x16\x03\x01", b"PROXY\r\n", b"PROXY \r\n", b"proxy UNKNOWN\r\n", b"PROXY  TCP4\r\n",
        b"PROXY UNKNOWN\n", b"PROXY UNKNOWNX\r\n", b"PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n", b"PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n",
        b"PROXY TCP4 1.2.3.04 1.2.3.4 1 2\r\n", b"PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n",
        b"PROXY TCP4 ::1 ::1 1 2\r\n", b"PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n", b"PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n", b"PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n", b"PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 1_0 2\r\n", b"PROXY TCP4 1.2.3.4 1.2.3.4 \xef\xbc\x91 2\r\n",
        b"PROXY TCP4\t1.2.3.4 1.2.3.4 1 2\r\n", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\rX\r\n",
    ],
)  # fmt: skip
def test_a_line_that_is_none(line):
    with pytest.raises(ProxyHeaderError):
        read_header(line)


@pytest.mark.parametrize("family", [0x00, 0x11, 0x21, 0x31, 0x99])
@pytest.mark.parametrize("block", [b"", b"\xff" * 7, BLOCK])
def test_a_balancers_own_connection_is_its_own_whatever_else_it_says(family, block):
    text = v2(block, command=0x20, family=family)
    assert read_header(text + b"GET") == ProxyHeader(len(text))
    assert read_header(text[:-1]) is None


@pytest.mark.parametrize(("family", "size"), [(0x00, 0), (0x12, 12), (0x22, 36), (0x31, 216), (0x32, 216)])
def test_families_that_have_no_address_for_us(family, size):
    text = v2(bytes(size) + tlv(0x20, b"x"), family=family)
    assert read_header(text) == ProxyHeader(len(text))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (v2(command=0x22), "version and command"), (v2(command=0x11), "version and command"),
        (v2(command=0x01), "version and command"), (v2(family=0x13), "family"), (v2(family=0x41), "family"),
        (v2(BLOCK[:-1]), "too short"), (v2(family=0x21), "too short"), (v2(bytes(215), family=0x31), "too short"),
        (v2(length=MAX_BYTES - 15), "at most 4096"), (v2(command=0x20, length=65_535), "at most 4096"),
        (v2(BLOCK + b"\x20"), "extension"), (v2(BLOCK + b"\x20\0"), "extension"),
        (v2(BLOCK + b"\x20\0\2x"), "extension"), (v2(BLOCK + tlv(3, b"abc")), "four bytes"),
        (with_checksum(wrong=1), "checksum is wrong"), (SIGNATURE[:-1] + b"\r", "does not begin"),
    ],
)  # fmt: skip
def test_a_binary_header_that_is_none(text, told):
    with pytest.raises(ProxyHeaderError, match=told):
        read_header(text)


def test_the_longest_header():
    block = BLOCK + tlv(0x20, bytes(MAX_BYTES - 16 - len(BLOCK) - 3))
    assert read_header(v2(block)) == ProxyHeader(MAX_BYTES, CLIENT, SERVER)


def test_a_checksum_is_verified():
    """RFC 3720 appendix B.4 has the numbers."""
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA
    text = with_checksum(tlv(0x20, b"abc"))
    assert read_header(text) == ProxyHeader(len(text), CLIENT, SERVER)
    for at in {*range(16, len(text))} - {len(text) - 7}:  # not the byte that says that it is a checksum
        with pytest.raises(ProxyHeaderError):
            read_header(text[:at] + bytes([text[at] ^ 0x40]) + text[at + 1 :])


def test_an_ipv4_address_has_one_spelling():
    mapped = IPv6Address("::ffff:203.0.113.7").packed
    text = v2(mapped + mapped + struct.pack("!HH", 1, 2), family=0x21)
    assert read_header(text).client == ("203.0.113.7", 1)
    assert read_header(b"PROXY TCP6 ::ffff:203.0.113.7 ::ffff:CB00:7107 1 2\r\n").server == ("203.0.113.7", 2)
