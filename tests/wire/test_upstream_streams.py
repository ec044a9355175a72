"""50 MiB in either direction: identical bytes, and never more in memory than the buffers allow. For both clients."""

import asyncio
import hashlib

import pytest

from tests.support.scripted_upstream import (
    BOTH,
    HTTP1,
    OK,
    applies,
    connected,
    eventually,
    read_all,
    request,
    serving,
)

PIECE = bytes(range(256)) * 256
COUNT = 800
SIZE = len(PIECE) * COUNT
KERNEL = 16 * 1024 * 1024
"""More than what loopback sockets, asyncio's streams and the client's buffers take together."""

SUM = hashlib.sha256()
for _ in range(COUNT):
    SUM.update(PIECE)


class Upload:
    def __init__(self):
        self.produced = 0
        self.waiting_bytes = 0

    async def body(self, client):
        for _ in range(COUNT):
            yield PIECE
            self.produced += len(PIECE)
            for pool in getattr(client, "_pools", ()):
                for connection in pool.busy:
                    self.waiting_bytes = max(self.waiting_bytes, connection.unsent())


@applies(*BOTH)
@pytest.mark.parametrize("declared", [True, False])
async def test_up(kind, declared):
    async def script(peer):
        got = await peer.request()
        peer.sum = hashlib.sha256(got.body).digest()
        await peer.send(OK)

    upload = Upload()
    async with serving(script) as upstream, connected(kind, upstream.url) as client:
        length = SIZE if declared else None
        response = await client.send(request(b"POST", body=upload.body(client), content_length=length))
        assert await read_all(response) == b"ok"
        assert upstream.peers[0].sum == SUM.digest()
        assert upload.waiting_bytes <= 65_536 + len(PIECE) + 100


@applies(*BOTH)
async def test_an_upstream_that_does_not_read_stops_the_upload(kind):
    go_on = asyncio.Event()

    async def script(peer):
        peer.first = await peer.head()
        await go_on.wait()
        await peer.reader.readexactly(SIZE)
        await peer.send(OK)

    upload = Upload()
    async with serving(script) as upstream, connected(kind, upstream.url) as client:
        body = upload.body(client)
        sending = asyncio.create_task(client.send(request(b"POST", body=body, content_length=SIZE)))
        await eventually(lambda: upload.produced)
        seen = -1
        while seen != upload.produced:
            seen = upload.produced
            await asyncio.sleep(0.1)
        assert upload.produced < KERNEL
        go_on.set()
        assert await read_all(await sending) == b"ok"


@applies(*BOTH)
@pytest.mark.parametrize("framing", [b"content-length: %d" % SIZE, b"transfer-encoding: chunked", b"x: until-close"])
async def test_down(kind, framing):
    async def script(peer):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n" % framing)
        for _ in range(COUNT):
            await peer.send(b"%x\r\n%b\r\n" % (len(PIECE), PIECE) if b"chunked" in framing else PIECE)
        if b"chunked" in framing:
            await peer.send(b"0\r\n\r\n")

    got = hashlib.sha256()
    largest = 0
    async with serving(script) as upstream, connected(kind, upstream.url) as client:
        response = await client.send(request())
        while piece := await response.read():
            largest = max(largest, len(piece))
            got.update(piece)
        await response.aclose()
        assert got.digest() == SUM.digest()
        assert largest <= 65_536 + 262_144


@applies(*BOTH)
async def test_a_caller_that_does_not_read_stops_the_upstream(kind):
    sent = 0

    async def script(peer):
        nonlocal sent
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % SIZE)
        for _ in range(COUNT):
            await peer.send(PIECE)
            sent += len(PIECE)
        await peer.closed()

    got = hashlib.sha256()
    async with serving(script) as upstream, connected(kind, upstream.url) as client:
        response = await client.send(request())
        seen = -1
        while seen != sent:
            seen = sent
            await asyncio.sleep(0.1)
        assert sent < KERNEL
        if kind == "http1":
            assert sum(map(len, response._parser.pieces)) <= 65_536 + 262_144
        while piece := await response.read():
            got.update(piece)
        await response.aclose()
        assert got.digest() == SUM.digest()
        assert client.idle == 1


@applies(*HTTP1)
async def test_both_directions_at_once(kind):
    """An upstream that answers as it reads, as a proxy of a proxy does."""

    async def script(peer):
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % SIZE)
        left = SIZE
        while left:
            data = await peer.reader.read(262_144)
            left -= len(data)
            await peer.send(data)
        await peer.closed()

    upload = Upload()
    got = hashlib.sha256()
    async with serving(script) as upstream, connected(kind, upstream.url) as client:
        body = upload.body(client)
        response = await client.send(request(b"POST", body=body, content_length=SIZE))
        while piece := await response.read():
            got.update(piece)
        await response.aclose()
        assert got.digest() == SUM.digest()
        assert client.idle == 1
