"""Requests as RFC 9112 writes them, read a second time: written from the grammar, with nothing of the gateway's in it.

Slow and plain on purpose. Where the gateway decides for itself what RFCs leave open (which methods it serves, its
limits), the decision is written down here again. All faults of a head are found, not the first alone.
"""

import re
from dataclasses import dataclass, field
from ipaddress import IPv6Address

TCHAR = rb"[A-Za-z0-9!#$%&'*+.^_`|~-]"
TOKEN = TCHAR + rb"+"
_token = re.compile(TOKEN)
_request_line = re.compile(rb"(" + TOKEN + rb") ([!-~]+) HTTP/(\d)\.(\d)")
_whole_version = re.compile(TOKEN + rb" [!-~]+ HTTP/[02-9]")
_bare = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_bare_so_far = re.compile(rb"\r(?!\n|\Z)|(?<!\r)\n")
_control = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_quoted = rb'"(?:[^\x00-\x08\x0a-\x1f\x7f"\\]|\\[^\x00-\x08\x0a-\x1f\x7f])*"'
_extension = rb"[ \t]*;[ \t]*" + TOKEN + rb"(?:[ \t]*=[ \t]*(?:" + TOKEN + rb"|" + _quoted + rb"))?"
WELL_FORMED_CHUNK_LINE = re.compile(rb"([0-9a-fA-F]+)((?:" + _extension + rb")*)")
_unreserved_name = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f][0-9A-Fa-f])+")
_absolute = re.compile(rb"(http|https)://([^/?#]*)([^#]*)", re.IGNORECASE)

METHODS = {b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"CONNECT", b"TRACE", b"PRI"}
STATUS = {
    "empty-lines": 400, "bare-line-end": 400, "control": 400, "request-line": 400, "version": 505, "target-length": 414,
    "method-forbidden": 405, "method": 501, "head-length": 431, "many-fields": 431, "obs-fold": 400, "name-space": 400,
    "no-colon": 400, "field-name": 400, "long-name": 400, "no-host": 400, "several-hosts": 400, "host": 400,
    "fragment": 400, "target-form": 400, "authority": 400, "target-characters": 400, "length-with-coding": 400,
    "coding-in-1.0": 400, "coding": 400, "coding-unknown": 501, "several-lengths": 400, "length": 400,
    "expectation": 417, "chunk-line": 400, "chunk-end": 400, "chunk-limit": 400, "trailer": 400,
}  # fmt: skip
"""Every fault that there is, and how it is answered."""


@dataclass
class Limits:
    head_bytes: int
    fields: int
    target_bytes: int
    empty_lines: int = 4
    name_bytes: int = 256
    chunk_line: int = 1024
    chunk_digits: int = 15
    extensions: int = 16_384
    body_bytes: int = 2**32


@dataclass
class Message:
    """One request as far as it goes. start: where its bytes begin, empty lines before it included. state: whole,
    refused (its head), broken (its body), or partial. faults: names, of `STATUS`. path: what goes on of its target.
    """

    start: int
    state: str = "partial"
    faults: list = field(default_factory=list)
    method: bytes = b""
    target: bytes = b""
    path: bytes = b""
    host: bytes | None = None
    minor: int = 1
    fields: list = field(default_factory=list)
    length: int | None = 0
    body: bytes = b""
    end: int = 0
    head_is_whole: bool = False

    def values(self, name):
        return [value for each, value in self.fields if each == name]

    def options(self, name):
        return {option.strip(b" \t").lower() for value in self.values(name) for option in value.split(b",")}

    @property
    def persists(self):
        """RFC 9112 section 9.3; a request that speaks of WebSocket is the last on its connection."""
        options = self.options(b"connection")
        upgrades = any(b"websocket" in value.lower() for value in self.values(b"upgrade"))
        return b"close" not in options and (b"keep-alive" in options if not self.minor else not upgrades)

    @property
    def asks_for_websocket(self):
        """HTTP/1.0 has no Upgrade (RFC 9110 section 7.8)."""
        return self.minor > 0 and b"websocket" in self.options(b"upgrade")

    @property
    def asks_for_another_upgrade(self):
        named = self.minor > 0 and b"upgrade" in self.options(b"connection") and self.values(b"upgrade") != []
        return named and not self.asks_for_websocket

    @property
    def becomes_websocket(self):
        return (
            self.asks_for_websocket
            and self.method == b"GET"
            and self.minor > 0
            and b"upgrade" in self.options(b"connection")
            and self.length == 0
        )


def read_requests(data, limits):
    """All messages in these bytes, up to the last one that is read at all; the last may be refused, broken or partial.
    Nothing at the end gives no message.
    """
    found, position = [], 0
    while position < len(data):
        message = read_request(data, position, limits)
        found.append(message)
        if message.state != "whole" or not message.persists:
            break
        position = message.end
    return found


def read_request(data, start, limits):
    message = Message(start)
    at = start
    while data.startswith(b"\r\n", at) and at < start + 2 * limits.empty_lines:
        at += 2
    if data.startswith(b"\r\n", at):
        message.state, message.faults = "refused", ["empty-lines"]
        return message
    end = data.find(b"\r\n\r\n", at)
    if end < 0:
        message.faults = _faults_of_beginning(data[at:], limits)
        return message
    _read_head(message, data[at : end + 2], limits)
    if message.faults:
        message.state = "refused"
        return message
    message.head_is_whole = True
    _read_body(message, data, end + 4, limits)
    return message


def _faults_of_beginning(text, limits):
    """What is certain although the head's end has not come."""
    faults = []
    if _bare_so_far.search(text):
        faults.append("bare-line-end")
    if _control.search(text):
        faults.append("control")
    line, ended, _ = text.partition(b"\r\n")
    if ended:
        _read_request_line(Message(0), line, faults, limits)
    elif len(line.partition(b" ")[2]) > limits.target_bytes + 10:
        faults.append("target-length")
    if len(text.removesuffix(b"\r")) > limits.head_bytes:
        faults.append("head-length")
    return faults


def _read_head(message, head, limits):
    faults = message.faults
    if _bare.search(head):
        faults.append("bare-line-end")
    if _control.search(head):
        faults.append("control")
    line, *lines = head[:-2].split(b"\r\n")
    _read_request_line(message, line, faults, limits)
    if len(head) > limits.head_bytes:
        faults.append("head-length")
    if len(lines) > limits.fields:
        faults.append("many-fields")
    for each in lines:
        _read_field(message, each, faults, limits)
    _read_target(message, faults)
    _read_framing(message, faults)
    if message.minor and any(value.lower() != b"100-continue" for value in message.values(b"expect")):
        faults.append("expectation")


def _read_request_line(message, line, faults, limits):
    found = _request_line.fullmatch(line)
    if found is None:
        faults.append("version" if _whole_version.fullmatch(line) else "request-line")
        if len(line.partition(b" ")[2]) > limits.target_bytes + 9:
            faults.append("target-length")  # which is certain before the line's end has come
        return
    method, target, major, minor = found.groups()
    if major != b"1":
        faults.append("version")
    if len(target) > limits.target_bytes:
        faults.append("target-length")
    if method in {b"CONNECT", b"TRACE"}:
        faults.append("method-forbidden")
    elif method == b"PRI" or len(method) > 32 or (method not in METHODS and method.upper() in METHODS):
        faults.append("method")
    message.method, message.target, message.minor = method, target, min(int(minor), 1)


def _read_field(message, line, faults, limits):
    name, colon, value = line.partition(b":")
    if line[:1] in {b" ", b"\t"}:
        faults.append("obs-fold")
    elif not colon:
        faults.append("no-colon")
    elif name[-1:] in {b" ", b"\t"}:
        faults.append("name-space")
    elif not _token.fullmatch(name):
        faults.append("field-name")
    elif len(name) > limits.name_bytes:
        faults.append("long-name")
    else:
        message.fields.append((name.lower(), value.strip(b" \t")))


def _read_target(message, faults):
    hosts, target = message.values(b"host"), message.target
    if len(hosts) > 1:
        faults.append("several-hosts")
    elif not hosts and message.minor:
        faults.append("no-host")
    elif hosts and not _is_authority(hosts[0]):
        faults.append("host")
    message.host, message.path = hosts[0] if hosts else None, target
    if re.search(rb'[<>"\\\\]', target.partition(b"?")[0]):
        faults.append("target-characters")
    if b"#" in target:
        faults.append("fragment")
    elif target[:1] != b"/" and not (target == b"*" and message.method == b"OPTIONS"):
        _read_absolute(message, faults)


def _read_absolute(message, faults):
    found = _absolute.fullmatch(message.target)
    if found is None:
        faults.append("target-form")
        return
    authority, rest = found[2], found[3]
    if not _is_authority(authority):
        faults.append("authority")
    message.host = authority
    message.path = rest if rest.startswith(b"/") else b"/" + rest
    if not rest and message.method == b"OPTIONS":
        message.path = b"*"


def _is_authority(text):
    if text.startswith(b"["):
        name, bracket, port = text.partition(b"]")
        try:
            IPv6Address(name[1:].decode("ascii"))
        except ValueError:
            return False
        valid = bool(bracket) and re.fullmatch(rb"[0-9A-Fa-f:.]+", name[1:]) and port[:1] in {b"", b":"}
        port = port[1:]
    else:
        name, _, port = text.partition(b":")
        valid = _unreserved_name.fullmatch(name) and b"," not in name
    return bool(valid) and len(name) < 256 and (not port or _is_port(port))


def _is_port(text):
    return len(text) <= 5 and re.fullmatch(rb"[0-9]+", text) is not None and 1 <= int(text) <= 65_535


def _read_framing(message, faults):
    lengths, codings = message.values(b"content-length"), message.values(b"transfer-encoding")
    if codings and lengths:
        faults.append("length-with-coding")
    if codings and not message.minor:
        faults.append("coding-in-1.0")
    if codings:
        names = [name.strip(b" \t").lower() for value in codings for name in value.split(b",")]
        if names != [b"chunked"]:
            well = names[-1] == b"chunked" and names.count(b"chunked") == 1 and b"" not in names
            faults.append("coding-unknown" if well else "coding")
        message.length = None
    elif len(lengths) > 1:
        faults.append("several-lengths")
    elif lengths and not re.fullmatch(rb"0|[1-9][0-9]{0,17}", lengths[0]):
        faults.append("length")
    elif lengths:
        message.length = int(lengths[0])


def _read_body(message, data, at, limits):
    if message.length is None:
        _read_chunks(message, data, at, limits)
        return
    message.end = at + message.length
    message.body = data[at : message.end]
    if len(data) >= message.end:
        message.state = "whole"


def _read_chunks(message, data, at, limits):
    extensions = 0
    while True:
        end = data.find(b"\n", at)
        line = data[at : end + 1] if end >= 0 else data[at:]
        if end < 0:
            return  # partial, whatever it may be seen to become
        if not line.endswith(b"\r\n"):
            _break(message, "chunk-line")
            return
        found = WELL_FORMED_CHUNK_LINE.fullmatch(line[:-2])
        if found is None:
            _break(message, "chunk-line")
            return
        extensions += len(found[2])
        if len(line) - 2 > limits.chunk_line or len(found[1]) > limits.chunk_digits or extensions > limits.extensions:
            _break(message, "chunk-limit")
            return
        size, at = int(found[1], 16), end + 1
        if not size:
            _read_trailers(message, data, at, limits)
            return
        message.body += data[at : at + size]
        at += size
        ending = data[at : at + 2]
        if not b"\r\n".startswith(ending):
            _break(message, "chunk-end")
            return
        if len(ending) < 2:
            return
        at += 2


def _read_trailers(message, data, at, limits):
    size = 0
    while True:
        end = data.find(b"\n", at)
        if end < 0:
            return
        line = data[at : end + 1]
        if line == b"\r\n":
            message.state, message.end = "whole", end + 1
            return
        name, colon, value = line[:-2].partition(b":")
        size += len(line)
        at = end + 1
        well = line.endswith(b"\r\n") and colon and _token.fullmatch(name) and len(name) <= limits.name_bytes
        if not well or re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", value):
            _break(message, "trailer")
            return
        if size > limits.head_bytes:
            _break(message, "chunk-limit")
            return


def _break(message, fault):
    message.state = "broken"
    message.faults = [fault]
