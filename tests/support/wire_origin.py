"""An origin behind the gateway that keeps every byte it was sent and answers what a case's script says.

Each case has an origin of its own (a listener on a free port); `Origin.links` are the gateway's connections to it in
order. A script is one tuple of steps for each request in the order of arrival; when it is used up, every request is
answered by `standard`. Steps: bytes are sent as they are, the rest are the names below.
"""

import asyncio
import base64
import contextlib
import hashlib
import re
import socket
import struct
from dataclasses import dataclass, field

CLOSE, RESET, SHUT, HOLD, BODY, EARLY = "close", "reset", "shut", "hold", "body", "early"
"""End the connection (FIN); with RST; only our direction; wait until the gateway ends it; take the request's body now;
(first step) begin as soon as the head is there."""

SETTLE_SECONDS = 0.2


@dataclass(frozen=True)
class Think:
    """A slow application: seconds that it takes before the next step."""

    seconds: float


@dataclass(frozen=True)
class Upgrade:
    """The right 101 to a WebSocket handshake, with more field lines."""

    more: bytes = b""


@dataclass(frozen=True)
class Drip:
    """Bytes that arrive one by one."""

    data: bytes


UPGRADE = Upgrade()


@dataclass
class Heard:
    """A request as the origin read it. `whole` is false where the connection ended inside the body."""

    head: bytes
    line: bytes
    fields: list
    body: bytes = b""
    whole: bool = False

    def values(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]


@dataclass
class Link:
    """One connection from the gateway. `fault` says why what came is no valid HTTP; `raw` is all that came."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    raw: bytearray = field(default_factory=bytearray)
    requests: list = field(default_factory=list)
    fault: str = ""
    ended: bool = False
    begun: int = 0  # where the next request begins in raw
    at: int = 0  # how much of raw has been read as HTTP

    async def more(self):
        """Waits for bytes; false at the end."""
        try:
            data = await self.reader.read(65536)
        except ConnectionError:
            data = b""
        self.raw += data
        self.ended = self.ended or not data
        return bool(data)

    async def exactly(self, count):
        while len(self.raw) < self.at + count:
            if not await self.more():
                raise EOFError
        self.at += count
        return bytes(self.raw[self.at - count : self.at])

    async def until(self, mark):
        while (end := self.raw.find(mark, self.at)) < 0:
            if not await self.more():
                raise EOFError
        start, self.at = self.at, end + len(mark)
        return bytes(self.raw[start:end])

    @property
    def tail(self):
        """What came behind the last whole request."""
        return bytes(self.raw[self.at :])


TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
FIELD = re.compile(
    rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*"
    rb"([\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?[ \t]*"
)
LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ [\x21-\x7e\x80-\xff]+ HTTP/1\.[01]")


def parse_head(head):
    """The request line and the fields of a head, and what is wrong with it ("" for nothing): strict RFC 9112."""
    lines = head.split(b"\r\n")
    if not LINE.fullmatch(lines[0]):
        return lines[0], [], f"request line {lines[0]!r}"
    fields = []
    for line in lines[1:]:
        if not (match := FIELD.fullmatch(line)):
            return lines[0], fields, f"field line {line!r}"
        fields.append((match[1], match[2] or b""))
    return lines[0], fields, framing_fault(fields)


def framing_fault(fields):
    names = [name.lower() for name, _ in fields]
    lengths = [value for name, value in fields if name.lower() == b"content-length"]
    codings = [value for name, value in fields if name.lower() == b"transfer-encoding"]
    if names.count(b"host") != 1:
        return "not exactly one Host"
    if lengths and codings:
        return "Content-Length with Transfer-Encoding"
    if len(lengths) > 1 or any(not re.fullmatch(rb"[0-9]{1,19}", value) for value in lengths):
        return f"Content-Length {lengths}"
    if codings not in ([], [b"chunked"]):
        return f"Transfer-Encoding {codings}"
    return ""


class Origin:
    """Listens on `port` from the first; serves once `open` was called."""

    def __init__(self, script=(), *, greeting=b""):
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.socket.getsockname()[1]
        self.script = list(script)
        self.greeting = greeting
        self.links = []
        self.arrived = asyncio.Event()
        self._server = None

    @property
    def heard(self):
        return [request for link in self.links for request in link.requests]

    async def open(self, *, dead=False):
        if dead:
            self.socket.close()
        else:
            self._server = await asyncio.start_server(self._serve, sock=self.socket)

    async def close(self):
        if self._server is not None:
            self._server.close()
        for link in self.links:
            link.writer.transport.abort()
        await asyncio.sleep(0)

    async def all_ended(self):
        """Waits a little for the gateway to end its connections, as it does when the client's WebSocket has ended: one
        whose Close the script does not answer is not ended at once.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_SECONDS):
                while not all(link.ended for link in self.links):  # noqa: ASYNC110 - a poll with a deadline
                    await asyncio.sleep(0.005)

    async def _serve(self, reader, writer):
        link = Link(reader, writer)
        self.links.append(link)
        if self.greeting and len(self.links) == 1:
            writer.write(self.greeting)
        try:
            while await self._request(link):
                pass
        except (ConnectionError, EOFError, asyncio.CancelledError):
            pass
        except Exception as error:  # noqa: BLE001 - shown as a fault of the case
            link.fault = f"the script failed: {error!r}"
        link.ended = True
        writer.close()
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await writer.wait_closed()

    async def _request(self, link):
        link.begun = link.at
        try:
            head = await link.until(b"\r\n\r\n")
        except EOFError:
            link.fault = f"ended inside a head: {link.tail!r}" if link.tail else ""
            return False
        line, fields, fault = parse_head(head)
        request = Heard(head, line, fields)
        link.requests.append(request)
        self.arrived.set()
        if fault:
            link.fault = f"{fault} in {head!r}"
            return False
        script = self.script.pop(0) if self.script and not of_the_runner(request) else standard(request)
        if not script or script[0] != EARLY:
            await self._body(link, request)
        for step in script:
            if not await self._step(link, request, step):
                return False
        return request.whole

    async def _body(self, link, request):
        if request.values(b"transfer-encoding"):
            await self._chunks(link, request)
        else:
            size = int((request.values(b"content-length") or [b"0"])[0])
            try:
                request.body = await link.exactly(size)
            except EOFError:
                request.body = link.tail
                raise
        request.whole = True

    async def _chunks(self, link, request):
        while True:
            line = await link.until(b"\r\n")
            if not re.fullmatch(rb"[0-9A-Fa-f]{1,16}", line):
                link.fault = f"chunk size {line!r}"
                raise EOFError
            if not (size := int(line, 16)):
                break
            request.body += await link.exactly(size)
            if await link.exactly(2) != b"\r\n":
                link.fault = "a chunk without its end"
                raise EOFError
        if await link.exactly(2) != b"\r\n":
            link.fault = "trailers"
            raise EOFError

    async def _step(self, link, request, step):
        """Whether the connection goes on after it."""
        if step == BODY:
            await self._body(link, request)
        elif step == HOLD:
            while await link.more():
                pass
        elif isinstance(step, Think):
            await asyncio.sleep(step.seconds)
        elif isinstance(step, Drip):
            for byte in step.data:
                link.writer.write(bytes([byte]))
                await asyncio.sleep(0)
        else:
            say(link.writer, request, step)
            await link.writer.drain()
        return step not in (CLOSE, RESET, HOLD)


def say(writer, request, step):
    """A step that takes no time."""
    if isinstance(step, bytes):
        writer.write(step)
    elif isinstance(step, Upgrade):
        writer.write(handshake(request, step.more))
    elif step == SHUT:
        writer.write_eof()
    elif step == RESET:
        reset(writer)


def reset(writer):
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def of_the_runner(request):
    """Whether a request is one with which the runner tries connections; scripts do not answer those."""
    return request.line.split(b" ")[1].endswith((b"/probe", b"/after"))


def standard(request):
    """200 with `ok:` and the path as the body; none to HEAD."""
    method, target, _ = request.line.split(b" ")
    body = b"ok:" + target
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Type: text/plain\r\n\r\n" % len(body)
    return (head if method == b"HEAD" else head + body,)


def accept_for(key):
    """RFC 6455, 4.2.2."""
    return base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())


def handshake(request, more=b""):
    accept = accept_for(request.values(b"sec-websocket-key")[0])
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n" + more + b"\r\n"
    )
