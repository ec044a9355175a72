"""Both ends of a WebSocket as raw frames on real sockets, so that a test sees and sends what no library would.

async with serving(script) as new, gateway(one(new), server) as gw, gw.client() as client:
    socket = await upgrade(client)                      # the client's end
async def script(peer): socket = await accept(peer)     # the upstream's end
"""

import asyncio
import base64
import contextlib
import hashlib
import os
import struct
from dataclasses import dataclass

from tests.support.scripted_upstream import Received

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
HANDSHAKE = (
    b"connection: Upgrade",
    b"upgrade: websocket",
    b"sec-websocket-version: 13",
    b"sec-websocket-key: " + KEY,
)


def proof(key):
    """RFC 6455 section 4.2.2, computed here and not by what is tested."""
    return base64.b64encode(hashlib.sha1(key + GUID).digest())


def frame(opcode, data=b"", *, fin=True, mask=None, rsv=0, length=None):
    """A frame as bytes. mask: four bytes, or None for none. length: what it claims, where that is not the truth."""
    size = len(data) if length is None else length
    flag = 0x80 if mask is not None else 0
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    if size < 126:
        head += bytes([flag | size])
    elif size < 65_536:
        head += bytes([flag | 126]) + struct.pack("!H", size)
    else:
        head += bytes([flag | 127]) + struct.pack("!Q", size)
    if mask is None:
        return head + data
    return head + mask + masked(data, mask)


def masked(data, mask):
    if not any(mask):
        return data
    long = mask * (len(data) // 4 + 1)
    return (int.from_bytes(data, "big") ^ int.from_bytes(long[: len(data)], "big")).to_bytes(len(data), "big")


@dataclass(frozen=True)
class Frame:
    opcode: int
    data: bytes
    fin: bool
    masked: bool

    @property
    def code(self):
        """Of a Close; None where it has none."""
        return struct.unpack("!H", self.data[:2])[0] if self.data else None

    @property
    def reason(self):
        return self.data[2:]


class VanishedError(Exception):
    """The connection has ended without a frame."""


class Frames:
    """One end. client: it masks what it sends."""

    def __init__(self, reader, writer, *, client, head=None):
        self.reader = reader
        self.writer = writer
        self.client = client
        self.head = head

    def bytes_of(self, opcode, data=b"", **options):
        if self.client:
            options.setdefault("mask", os.urandom(4) if len(data) < 65_536 else b"\0\0\0\0")
        return frame(opcode, data, **options)

    async def send(self, opcode, data=b"", **options):
        await self.write(self.bytes_of(opcode, data, **options))

    async def write(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def text(self, text):
        await self.send(TEXT, text.encode())

    async def close(self, code=None, reason=b""):
        await self.send(CLOSE, b"" if code is None else struct.pack("!H", code) + reason)

    async def next(self):
        try:
            first, second = await self.reader.readexactly(2)
            size = second & 0x7F
            if size == 126:
                (size,) = struct.unpack("!H", await self.reader.readexactly(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", await self.reader.readexactly(8))
            mask = await self.reader.readexactly(4) if second & 0x80 else None
            data = await self.reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise VanishedError(getattr(error, "partial", b"")) from error
        if mask is not None:
            data = masked(data, mask)
        assert first & 0x70 == 0, "reserved bits"
        return Frame(first & 0x0F, data, bool(first & 0x80), mask is not None)

    async def expect(self, opcode, data=None):
        """The next frame, which must be that one; masked if it comes from a client."""
        got = await self.next()
        assert got.masked is not self.client
        assert got.opcode == opcode, got
        assert data is None or got.data == data, (got.data[:40], data[:40])
        return got

    async def message(self):
        """The next message; its frames put together."""
        parts = [await self.next()]
        while not parts[-1].fin:
            parts.append(await self.next())
        return b"".join(part.data for part in parts)

    async def expect_close(self, code, reason=None):
        got = await self.expect(CLOSE)
        assert got.code == code, (got.code, got.reason)
        assert reason is None or got.reason == reason
        return got

    async def gone(self):
        """Waits until the other end has hung up. Nothing else may come before."""
        with contextlib.suppress(ConnectionError):
            assert await self.reader.read() == b""

    async def vanish(self):
        self.writer.transport.abort()


def handshake(target="/", *lines, fields=HANDSHAKE, method=b"GET", version=b"1.1", host=b"test"):
    target = target if isinstance(target, bytes) else target.encode()
    own = [line if isinstance(line, bytes) else line.encode("latin-1") for line in lines]
    return b"\r\n".join([method + b" " + target + b" HTTP/" + version, b"host: " + host, *own, *fields, b"", b""])


async def upgrade(client, target="/", *lines, early=b""):
    """The client's handshake, and its end of the WebSocket. `head`: the fields of the 101."""
    await client.send(handshake(target, *lines) + early)
    status, fields = await client.head()
    assert status == 101, (status, fields)
    named = {name.lower(): value for name, value in fields}
    assert named[b"sec-websocket-accept"] == proof(KEY)
    assert (named[b"upgrade"], named[b"connection"].lower()) == (b"websocket", b"upgrade")
    return Frames(client.reader, client.writer, client=True, head=fields)


async def asked(peer):
    """The handshake as the upstream gets it."""
    head = await peer.head()
    if head is None:
        return None
    received = Received(head[:-4], b"")
    peer.requests.append(received)
    return received


def switching(received, *lines, accept=None):
    """A 101 in answer to it."""
    (key,) = [value for name, value in received.fields if name.lower() == b"sec-websocket-key"]
    own = [line if isinstance(line, bytes) else line.encode() for line in lines]
    return b"\r\n".join(
        [
            b"HTTP/1.1 101 Switching Protocols",
            b"Upgrade: websocket",
            b"Connection: Upgrade",
            b"Sec-WebSocket-Accept: " + (accept or proof(key)),
            *own,
            b"",
            b"",
        ]
    )


async def accept(peer, *lines, early=b""):
    """The upstream's 101, and its end of the WebSocket. `head`: the handshake that came."""
    received = await asked(peer)
    assert received is not None, "the gateway did not ask"
    await peer.send(switching(received, *lines) + early)
    return Frames(peer.reader, peer.writer, client=False, head=received)


class Upstreams:
    """A script that accepts every WebSocket and hands the ends to the test."""

    def __init__(self, *lines):
        self.ends = asyncio.Queue()
        self._lines = lines

    async def __call__(self, peer):
        end = await accept(peer, *self._lines)
        end.done = asyncio.Event()
        self.ends.put_nowait(end)
        await end.done.wait()

    async def next(self):
        return await self.ends.get()


async def echo(peer):
    """A script: answers every message with itself, and a Close with a Close."""
    end = await accept(peer)
    with contextlib.suppress(VanishedError):
        while (got := await end.next()).opcode != CLOSE:
            if got.opcode in {TEXT, BINARY}:
                await end.send(got.opcode, got.data)
        await end.send(CLOSE, got.data)
