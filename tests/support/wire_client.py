"""A client that sends exactly the bytes of a case and reads replies as RFC 9112 says, forgiving nothing."""

import asyncio
import contextlib
import re
import socket
import struct
from dataclasses import dataclass, field

SHUT, ABORT, ANSWER, INTERIM, HEARD, SOME, ENDED = "shut", "abort", "answer", "interim", "heard", "some", "ended"
"""Close our sending side; reset the connection; wait for one more final reply; for an interim one; until the origin
has a request's head; for any bytes; for the connection's end, for `END_SECONDS` at most."""
PASSED, GONE = "passed", "gone"
"""Wait until the origin has bytes behind its last request; until each of its connections has ended."""

PATIENCE = 10.0
END_SECONDS = 1.0


@dataclass(frozen=True)
class Drip:
    """Bytes that are sent one by one, each in a packet of its own."""

    data: bytes


@dataclass(frozen=True)
class Pause:
    """A client that does nothing for some seconds."""

    seconds: float


@dataclass
class Reply:
    """`whole` is false where the connection ended inside it; `faults` are breaches of HTTP."""

    status: int
    reason: bytes
    fields: list
    version: bytes = b"HTTP/1.1"
    body: bytes = b""
    whole: bool = False
    chunked: bool = False
    faults: list = field(default_factory=list)

    def values(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def tokens(self, name):
        return [token.strip().lower() for value in self.values(name) for token in value.split(b",")]

    @property
    def closes(self):
        return b"close" in self.tokens(b"connection")


STATUS = re.compile(rb"(HTTP/1\.1) ([1-5][0-9]{2}) ([\t\x20-\x7e\x80-\xff]*)")
FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*")


class MalformedReplyError(Exception):
    """The gateway sent what is no HTTP."""


def read_replies(data, methods, *, ended):
    """All replies in the bytes, and what is left of them. An unfinished last one counts once `ended`."""
    replies, at, methods = [], 0, list(methods)
    while at < len(data):
        found = read_head(data, at)
        if found is None:
            break
        reply, start = found
        method = (methods[0] if methods else "GET") if reply.status >= 200 else ""
        end = read_body(reply, data, start, method, ended=ended)
        if not reply.whole and not ended:
            break
        if reply.status >= 200 and methods:
            methods.pop(0)
        replies.append(reply)
        at = end
        if reply.status == 101:
            break
    return replies, bytes(data[at:])


def read_head(data, at):
    end = data.find(b"\r\n\r\n", at)
    if end < 0:
        return None
    lines = bytes(data[at:end]).split(b"\r\n")
    match = STATUS.fullmatch(lines[0])
    if not match:
        raise MalformedReplyError(f"status line {lines[0]!r}")
    fields = []
    for line in lines[1:]:
        found = FIELD.fullmatch(line)
        if not found:
            raise MalformedReplyError(f"field line {line!r}")
        fields.append((found[1], found[2]))
    return Reply(int(match[2]), match[3], fields), end + 4


def read_body(reply, data, at, method, *, ended):
    """Takes the body as RFC 9112, 6.3 says; returns where it ends."""
    codings, lengths = reply.values(b"transfer-encoding"), reply.values(b"content-length")
    if codings and lengths:
        raise MalformedReplyError("Content-Length with Transfer-Encoding")
    if len(lengths) > 1 or codings not in ([], [b"chunked"]):
        raise MalformedReplyError(f"framing {lengths} {codings}")
    if reply.status < 200 or reply.status in (204, 304) or method == "HEAD":
        if (codings or lengths) and (reply.status < 200 or reply.status == 204):
            reply.faults.append("framing fields in a reply without a body")
        reply.whole = True
        return at
    if codings:
        reply.chunked = True
        return read_chunks(reply, data, at)
    if lengths:
        size = int(lengths[0])
        reply.body = bytes(data[at : at + size])
        reply.whole = len(reply.body) == size
        return at + len(reply.body)
    reply.body, reply.whole = bytes(data[at:]), ended
    return len(data)


def read_chunks(reply, data, at):
    while (end := data.find(b"\r\n", at)) >= 0:
        line = bytes(data[at:end])
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,16}", line):
            raise MalformedReplyError(f"chunk size {line!r}")
        size, start = int(line, 16), end + 2
        if len(data) < start + size + 2:
            reply.body += bytes(data[start : start + size])
            return len(data)
        if data[start + size : start + size + 2] != b"\r\n":
            raise MalformedReplyError("a chunk without its end, or trailers")
        reply.body += bytes(data[start : start + size])
        at = start + size + 2
        if size == 0:
            reply.whole = True
            return at
    return len(data)


class Conn(asyncio.Protocol):
    """One connection to the gateway. `ended` is None, "eof" or "reset"."""

    def __init__(self, methods):
        self.methods = methods
        self.data = bytearray()
        self.ended = None
        self.malformed = ""
        self.transport = None
        self._changed = asyncio.Event()

    @classmethod
    async def to(cls, port, address, methods):
        loop = asyncio.get_running_loop()
        _, conn = await loop.create_connection(lambda: cls(methods), "127.0.0.1", port, local_addr=(address, 0))
        return conn

    def connection_made(self, transport):
        self.transport = transport
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data):
        self.data += data
        self._changed.set()

    def eof_received(self):
        self.ended = self.ended or "eof"
        self._changed.set()
        return True

    def connection_lost(self, exc):
        self.ended = self.ended or ("reset" if exc else "eof")
        self._changed.set()

    def replies(self):
        try:
            return read_replies(self.data, self.methods, ended=bool(self.ended))
        except MalformedReplyError as fault:
            self.malformed = str(fault)
            return [], bytes(self.data)

    def finals(self):
        return [reply for reply in self.replies()[0] if reply.status >= 200 or reply.status == 101]

    async def until(self, condition, seconds=PATIENCE):
        """Whether it held before the deadline; the end of the connection ends the wait too."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not (condition() or self.ended or self.malformed):
                    self._changed.clear()
                    await self._changed.wait()
        return condition()

    async def send(self, data):
        if not self.transport.is_closing():
            self.transport.write(data)

    async def drip(self, data):
        for byte in data:
            await self.send(bytes([byte]))
            await asyncio.sleep(0)

    def shut(self):
        if not self.transport.is_closing() and self.transport.can_write_eof():
            with contextlib.suppress(OSError):
                self.transport.write_eof()

    def abort(self):
        sock = self.transport.get_extra_info("socket")
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()
        self.ended = self.ended or "abort"
