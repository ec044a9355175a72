"""Upstreams that do exactly what a test says, on real sockets, and the clients that are tried against them.

    async with serving(script) as upstream, connected(kind, upstream.url) as client: ...

`script` is awaited for each connection with its `Peer`. What it raises fails the test. Nothing here sleeps: tests wait
for events, or poll a condition with a deadline (`eventually`).
"""

import asyncio
import contextlib
import itertools
import socket
import struct
from dataclasses import dataclass

import pytest

from gateway.errors import UpstreamError
from gateway.upstream.api import OutboundRequest, PoolLimits, Timeouts
from gateway.upstream.http1 import SWEEP_SECONDS, Http1Client
from gateway.upstream.httpx_client import HttpxClient

KINDS = {"http1": Http1Client, "httpx": HttpxClient}
LOOPS = [
    pytest.param(("asyncio", {"use_uvloop": True}), id="uvloop"),
    pytest.param(("asyncio", {"use_uvloop": False}), id="asyncio"),
]
BOTH = [
    pytest.mark.anyio,
    pytest.mark.parametrize("anyio_backend", LOOPS),
    pytest.mark.parametrize("kind", list(KINDS)),
]
"""For a test that holds for both clients, on both event loops."""
HTTP1 = [
    pytest.mark.anyio,
    pytest.mark.parametrize("anyio_backend", LOOPS),
    pytest.mark.parametrize("kind", ["http1"]),
]
"""For a test of something that httpx does otherwise."""

PATIENCE = 20


def applies(*marks):
    """Several marks at once."""

    def mark(test):
        for each in marks:
            test = each(test)
        return test

    return mark


CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@dataclass(frozen=True)
class Received:
    """A request as it stood on the wire."""

    head: bytes
    body: bytes

    @property
    def line(self):
        return self.head.split(b"\r\n", 1)[0]

    @property
    def fields(self):
        return [tuple(line.split(b": ", 1)) for line in self.head.split(b"\r\n")[1:] if line]


class Peer:
    """One connection as the upstream sees it. `number` counts from 0 in the order of arrival."""

    def __init__(self, number, reader, writer):
        self.number = number
        self.reader = reader
        self.writer = writer
        self.requests = []

    async def head(self):
        """The head of the next request; None if the client has closed instead."""
        try:
            return await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    async def request(self):
        """The next request, whole, its body asked for; None if the client has closed before or inside it."""
        head = await self.head()
        if head is None:
            return None
        fields = {name.lower(): value for name, value in Received(head[:-4], b"").fields}
        if b"expect" in fields:
            await self.send(CONTINUE)
        try:
            body = await self._body(fields)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        self.requests.append(Received(head[:-4], body))
        return self.requests[-1]

    async def _body(self, fields):
        if b"transfer-encoding" not in fields:
            return await self.reader.readexactly(int(fields.get(b"content-length", 0)))
        body = bytearray()
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            body += await self.reader.readexactly(size)
            assert await self.reader.readexactly(2) == b"\r\n"
        assert await self.reader.readexactly(2) == b"\r\n"
        return bytes(body)

    async def send(self, data):
        if self.writer.transport.is_closing():
            return
        self.writer.write(data)
        with contextlib.suppress(ConnectionError):
            await self.writer.drain()

    async def closed(self):
        """Waits until the client has closed; returns what it sent until then."""
        try:
            return await self.reader.read()
        except ConnectionError:
            return b""

    def close(self):
        self.writer.close()

    def reset(self):
        """Closes with RST, as a process does that dies with unread data."""
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class Upstream:
    def __init__(self, script, *, scheme):
        self._script = script
        self._scheme = scheme
        self._tasks = set()
        self._faults = []
        self._ended = False
        self.peers = []
        self.port = 0

    @property
    def url(self):
        return f"{self._scheme}://127.0.0.1:{self.port}"

    @property
    def requests(self):
        return [request for peer in self.peers for request in peer.requests]

    async def connected(self, reader, writer):
        if self._ended:
            writer.close()
            return
        peer = Peer(len(self.peers), reader, writer)
        self.peers.append(peer)
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            await self._script(peer)
        except asyncio.CancelledError:
            pass  # the test is over
        except Exception as error:  # noqa: BLE001 - raised where the test ends
            self._faults.append(error)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def end(self):
        self._ended = True
        await settle()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for fault in self._faults:
            raise fault


async def settle():
    """Lets the loop take in connections that the kernel has accepted: asyncio loses one that comes as it closes."""
    for _ in range(20):
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def serving(script, *, ssl=None, host="127.0.0.1", port=0):
    upstream = Upstream(script, scheme="https" if ssl else "http")
    server = await asyncio.start_server(upstream.connected, host, port, ssl=ssl)
    upstream.port = server.sockets[0].getsockname()[1]
    try:
        async with asyncio.timeout(PATIENCE * 3):
            yield upstream
    finally:
        await settle()
        server.close()
        await upstream.end()


@contextlib.asynccontextmanager
async def connected(kind, *targets, timeouts=None, limits=None, **options):
    """A client; whatever the test did, in the end it holds no connection."""
    client = KINDS[kind](targets, timeouts=timeouts or SHORT, limits=limits or PoolLimits(), **options)
    try:
        yield client
        await eventually(lambda: client.in_flight == 0)
    finally:
        await client.aclose()
    await eventually(lambda: client.idle == 0)


SHORT = Timeouts(connect=5.0, first_byte=5.0, idle=5.0)


@contextlib.contextmanager
def unused_port():
    """A port on which nothing listens and nothing will."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def request(method=b"GET", target=b"/", headers=(), **rest):
    return OutboundRequest(method, target, [(b"host", b"test"), *headers], **rest)


async def read_all(response):
    """The rest of the body; closes the response."""
    pieces = []
    try:
        while piece := await response.read():
            pieces.append(piece)
    finally:
        await response.aclose()
    return b"".join(pieces)


async def fetch(client, outbound=None):
    response = await client.send(outbound or request())
    return response.status, await read_all(response)


async def eventually(condition):
    """Polls until the condition holds; for what has no event to wait for."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - some of it is the kernel's, which sets no event
            await asyncio.sleep(0.002)


def mark(times):
    times.append(asyncio.get_running_loop().time())


def longest(times):
    return max(later - earlier for earlier, later in itertools.pairwise(times))


@contextlib.asynccontextmanager
async def heartbeat():
    """The times at which this process ran, every few milliseconds: the `longest` between two tells of a pause."""

    async def beat():
        while True:
            mark(times)
            await asyncio.sleep(0.01)

    times = []
    mark(times)
    task = asyncio.create_task(beat())
    try:
        yield times
    finally:
        mark(times)
        task.cancel()


async def unless_paused(attempt, times_of_attempts, *, limit):
    """What `attempt` returns. A machine that pauses the test lets it rightly reach a time limit of `limit` seconds that
    is not meant to be reached: then it is made again, five times at most. The test tells by its `mark`s in the last of
    `times_of_attempts`; where none were as far apart as the limit, reaching it is a fault.
    """
    for left in range(4, -1, -1):
        times_of_attempts.append(times := [])
        mark(times)
        try:
            return await attempt()
        except UpstreamError as error:
            mark(times)
            if error.status != 504 or longest(times) < limit - SWEEP_SECONDS or not left:
                raise
    raise AssertionError


async def answer_all(peer):
    """A script: answers every request with OK, on one connection, until the client closes it."""
    while await peer.request():
        await peer.send(OK)


def answering(reply, *, close=True):
    """A script: one request, one reply in raw bytes, and then the end of the connection."""

    async def script(peer):
        if await peer.request():
            await peer.send(reply)
            if not close:
                await peer.closed()

    return script
