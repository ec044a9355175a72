"""A request's head from its bytes, strictly (RFC 9112 sections 2 to 6): valid and with one meaning, or refused.

The gateway reads heads itself: parsers made to get along with everybody (llhttp among them) take what they can, and
every leniency is a place where the next server reads another request. One pass, a few microseconds; pure.
"""

import re
from dataclasses import dataclass
from typing import Final

from gateway.errors import ClientError
from gateway.rules.framing import bad_request, body_length
from gateway.rules.target import SERVED, check_method, resolve_target
from gateway.rules.tokens import FIELD_NAMES, TOKEN, are_lines, field_value

Fields = list[tuple[bytes, bytes]]

_LINE: Final = re.compile(rb"(%b) ([\x21-\x7e]+) HTTP/([0-9])\.([0-9])" % TOKEN)
_VISIBLE: Final = bytes(byte if 0x21 <= byte < 0x7F else ord("?") for byte in range(256))
_OTHER_VERSION: Final = re.compile(rb"%b [!-~]+ HTTP/[02-9](?:\.[0-9])?" % TOKEN)
_BROKEN: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|(?<!\r)\n|\r(?=[^\n])")
_EMPTY: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class HeadLimits:
    """How large a head may be. target_bytes: answered 414, the others 431."""

    head_bytes: int
    fields: int
    target_bytes: int


@dataclass(slots=True, init=False)
class RequestHead:
    """What a head says. fields: names in lower case, with exactly one valid `host` (none of HTTP/1.0 clients that name
    none). named: the first value of each. target: the path with its query, or `*`. length: of the body; CHUNKED where
    its chunks tell. keep_alive: the client wants, or allows, the connection to stay open. wants_websocket: it asks for
    an upgrade.
    """

    method: bytes
    target: bytes
    minor: int
    fields: Fields
    named: dict[bytes, bytes]
    length: int
    keep_alive: bool
    expects_continue: bool
    wants_websocket: bool

    def __init__(
        self,
        method: bytes,
        target: bytes,
        minor: int,
        fields: Fields,
        named: dict[bytes, bytes],
        *,
        length: int,
        keep_alive: bool,
    ) -> None:
        self.method = method
        self.target = target
        self.minor = minor
        self.fields = fields
        self.named = named
        self.length = length
        self.keep_alive = keep_alive
        self.expects_continue = self.wants_websocket = False


def parse_head(head: bytes, limits: HeadLimits) -> RequestHead:
    """head: from the request line's first byte to the CRLF that ends the last field line, without the empty line.

    Raises ClientError: 400, 405, 414, 417, 431, 501 or 505.
    """
    lines = head.split(b"\r\n")
    method, target, minor = parse_line(lines[0], limits)
    if len(head) > limits.head_bytes or len(lines) - 2 > limits.fields:
        raise too_large_head()
    if not are_lines(lines):
        raise bad_request("the head holds a bare line end or a control character")
    fields: Fields = []
    named: dict[bytes, bytes] = {}
    for line in lines[1:-1]:  # what follows the last CRLF is nothing
        raw, colon, text = line.partition(b":")
        name = FIELD_NAMES[raw]
        if name is None or not colon:
            raise bad_request("a field of the head has no valid name")
        value = field_value(text)
        fields.append((name, value))
        named.setdefault(name, value)
    return _meaning(method, target, minor, fields, named)


def _meaning(method: bytes, target: bytes, minor: int, fields: Fields, named: dict[bytes, bytes]) -> RequestHead:
    lengths = _values(fields, named, b"content-length")
    codings = _values(fields, named, b"transfer-encoding")
    hosts = _values(fields, named, b"host")
    path, host = resolve_target(method, target, hosts, minor=minor)
    if host is not None and (not hosts or host != hosts[0]):
        fields[:] = [field for field in fields if field[0] != b"host"]
        fields.append((b"host", host))
        named[b"host"] = host
    length = body_length(lengths, codings, minor=minor)
    head = RequestHead(method, path, minor, fields, named, length=length, keep_alive=minor > 0)
    if b"connection" in named:
        given = b",".join(_values(fields, named, b"connection"))
        options = {option.strip(b" \t").lower() for option in given.split(b",")}
        head.keep_alive = b"close" not in options and (minor > 0 or b"keep-alive" in options)
    if b"expect" in named and minor:
        _check_expectation(_values(fields, named, b"expect"))
        head.expects_continue = True
    if b"upgrade" in named and not minor:  # RFC 9110 section 7.8: HTTP/1.0 has none
        fields[:] = [field for field in fields if field[0] != b"upgrade"]
        del named[b"upgrade"]
    elif b"upgrade" in named:
        upgrades = _values(fields, named, b"upgrade")
        head.wants_websocket = any(b"websocket" in value.lower() for value in upgrades)
    return head


def _values(fields: Fields, named: dict[bytes, bytes], name: bytes) -> tuple[bytes, ...]:
    """All values of a field; where no field is repeated, what is `named` is all."""
    if name not in named:
        return _EMPTY
    if len(named) == len(fields):
        return (named[name],)
    return tuple([value for each, value in fields if each == name])


def _check_expectation(values: tuple[bytes, ...]) -> None:
    """RFC 9110 section 10.1.1: the only expectation that there is; HTTP/1.0 has none."""
    if any(value.lower() != b"100-continue" for value in values):
        raise ClientError(417, "Expectation failed", "the only expectation that is met is 100-continue")


def parse_line(line: bytes, limits: HeadLimits) -> tuple[bytes, bytes, int]:
    """Method, target and minor version of a request line. An HTTP/1.x of the future is read as HTTP/1.1 (RFC 9110
    section 2.5). Raises ClientError: 400, 405, 414, 501 or 505.
    """
    parts = line.split(b" ")
    if len(parts) == 3 and parts[0] in SERVED and parts[2] == b"HTTP/1.1":  # as nearly all are
        method, target = parts[0], parts[1]
        if 0 < len(target) <= limits.target_bytes and target.translate(_VISIBLE) == target:
            return method, target, 1
    found = _LINE.fullmatch(line)
    if found is None:
        if _OTHER_VERSION.fullmatch(line):
            raise _other_version()
        raise bad_request("the request line is not one of HTTP/1.1")
    method, target, major, minor = found.groups()
    if major != b"1":
        raise _other_version()
    if len(target) > limits.target_bytes:
        raise too_long_target()
    check_method(method)
    return method, target, 0 if minor == b"0" else 1


def check_beginning(text: bytes, limits: HeadLimits, *, checked: int = 0) -> None:
    """Of a head that has not wholly arrived: raises what is already certain (what `parse_head` would raise), so that
    nobody waits for the end of what will be refused. text: from the request line's first byte, of which as many bytes
    as `checked` have passed before.
    """
    if _BROKEN.search(text, max(checked - 1, 0)):
        raise bad_request("the head holds a bare line end or a control character")
    line, end, _ = text.partition(b"\r\n")
    if end:
        parse_line(line, limits)
    elif len(line.partition(b" ")[2]) > limits.target_bytes + len(" HTTP/1.1\r"):
        raise too_long_target()
    if len(text.removesuffix(b"\r")) > limits.head_bytes:  # which may begin the empty line, and that is not counted
        raise too_large_head()


def _other_version() -> ClientError:
    return ClientError(505, "HTTP version not supported", "HTTP/1.1 is what is spoken here")


def too_large_head() -> ClientError:
    """431: more bytes or more fields than are read (RFC 6585 section 5)."""
    return ClientError(431, "Request header fields too large", "the request's head is larger than is served here")


def too_long_target() -> ClientError:
    """414."""
    return ClientError(414, "URI too long", "the request's target is longer than is served here")
