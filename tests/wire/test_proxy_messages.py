"""What passes through the proxy: methods, bodies both ways, framing, bytes untouched. Under any ASGI server."""

import asyncio
import contextlib
import gc
import hashlib

import pytest

from gateway.exchange import Exchange
from gateway.upstream.api import OutboundRequest
from tests.support.edge_cases import EDGE
from tests.support.proxy_harness import ANY_SERVER, gateway, head_of, one
from tests.support.scripted_upstream import OK, Received, answer_all, answering, applies, eventually, serving


async def chunks(client, *pieces):
    for piece in pieces:
        await client.send(b"%x\r\n%b\r\n" % (len(piece), piece))


@applies(*ANY_SERVER)
async def test_a_request_and_its_reply_pass(server):
    async with serving(answer_all) as old, gateway(one(old), server) as gw, gw.client() as client:
        reply = await client.get("/a?b=c")
        assert (reply.status, reply.body) == (200, b"ok")
        assert old.requests[0].line == b"GET /a?b=c HTTP/1.1"
        await gw.until_counted()
        assert gw.requests == {("none", "fixed", "200"): 1}
        assert gw.attempts == {("fixed", "ok"): 1}


@applies(*ANY_SERVER)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "PROPFIND", "OPTIONS"])
@pytest.mark.parametrize("framing", ["none", "length", "chunked", "empty", "empty chunks"])
async def test_every_method_passes_with_every_framing(server, method, framing):
    sent = {
        "none": head_of(method, "/"),
        "length": head_of(method, "/", "content-length: 5") + b"hello",
        "chunked": head_of(method, "/", "transfer-encoding: chunked") + b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        "empty": head_of(method, "/", "content-length: 0"),
        "empty chunks": head_of(method, "/", "transfer-encoding: chunked") + b"0\r\n\r\n",
    }[framing]
    async with serving(answer_all) as old, gateway(one(old), server) as gw, gw.client() as client:
        for _ in range(2):
            await client.send(sent)
            assert (await client.reply()).status == 200
        assert [request.body for request in old.requests] == [
            b"hello" if "hello" in str(sent) or "llo" in str(sent) else b""
        ] * 2
        assert {request.line.split()[0] for request in old.requests} == {method.encode()}


@applies(*ANY_SERVER)
@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_an_upload_reaches_the_upstream_before_it_ends(server, framing):
    first, rest = asyncio.Event(), asyncio.Event()

    async def script(peer):
        head = await peer.head()
        assert (b"content-length: 6" in head) == (framing == "length")
        got = b""
        while b"abc" not in got:
            got += await peer.reader.read(100)
        first.set()
        while b"def" not in got:
            got += await peer.reader.read(100)
        rest.set()
        await peer.send(OK)

    async with serving(script) as old, gateway(one(old), server) as gw, gw.client() as client:
        if framing == "length":
            await client.send(head_of("POST", "/", "content-length: 6") + b"abc")
            await first.wait()
            await client.send(b"def")
        else:
            await client.send(head_of("POST", "/", "transfer-encoding: chunked"))
            await chunks(client, b"abc")
            await first.wait()
            await chunks(client, b"def")
            await client.send(b"0\r\n\r\n")
        await rest.wait()
        assert (await client.reply()).body == b"ok"


@applies(*ANY_SERVER)
async def test_a_reply_reaches_the_client_before_it_ends(server):
    seen = asyncio.Event()

    async def script(peer):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await seen.wait()
        await peer.send(b"3\r\ndef\r\n0\r\n\r\n")

    async with serving(script) as old, gateway(one(old), server) as gw, gw.client() as client:
        await client.send(head_of("GET", "/"))
        assert (await client.head())[0] == 200
        assert await client.chunk() == b"abc"
        seen.set()
        assert await client.chunk() == b"def"
        assert await client.chunk() == b""


SIZE = 100 * 1024 * 1024
BLOCK = bytes(range(256)) * 4096


async def take(reader, size):
    """The digest of so many bytes."""
    digest = hashlib.sha256()
    while size:
        piece = await reader.read(min(size, 262_144))
        assert piece
        digest.update(piece)
        size -= len(piece)
    return digest.hexdigest()


async def take_chunks(reader):
    digest = hashlib.sha256()
    while size := int(await reader.readuntil(b"\r\n"), 16):
        digest.update((await reader.readexactly(size + 2))[:-2])
    await reader.readexactly(2)
    return digest.hexdigest()


async def upload(client, framing):
    await client.send(head_of("PUT", "/", framing))
    for _ in range(SIZE // len(BLOCK)):
        await (chunks(client, BLOCK) if "chunked" in framing else client.send(BLOCK))
    if "chunked" in framing:
        await client.send(b"0\r\n\r\n")


@applies(*ANY_SERVER)
@pytest.mark.parametrize("framing", [f"content-length: {SIZE}", "transfer-encoding: chunked"])
async def test_a_hundred_mebibytes_pass_both_ways_unchanged(server, framing):
    want = hashlib.sha256(BLOCK * (SIZE // len(BLOCK))).hexdigest()

    async def script(peer):
        assert framing.encode() in await peer.head()
        got = await (take_chunks(peer.reader) if "chunked" in framing else take(peer.reader, SIZE))
        assert got == want
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % SIZE)
        for _ in range(SIZE // len(BLOCK)):
            await peer.send(BLOCK)

    async with serving(script) as old, gateway(one(old), server) as gw, gw.client(limit=2**20) as client:
        uploading = asyncio.ensure_future(upload(client, framing))
        _, fields = await client.head()
        await uploading
        assert dict(fields)[b"content-length"] == b"%d" % SIZE
        assert await take(client.reader, SIZE) == want


BOUND = 24 * 1024 * 1024
"""More than both kernels and all buffers between hold; far less than what is sent."""


@applies(*ANY_SERVER)
async def test_a_client_that_does_not_read_stops_the_upstream_from_being_read(server):
    sent, stopped = 0, asyncio.Event()

    async def script(peer):
        nonlocal sent
        await peer.request()
        peer.writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % SIZE)
        while sent < SIZE:
            peer.writer.write(BLOCK)
            sent += len(BLOCK)
            try:
                async with asyncio.timeout(1.0):
                    await peer.writer.drain()
            except TimeoutError:
                stopped.set()
                await peer.writer.drain()

    async with serving(script) as old, gateway(one(old), server) as gw, gw.client() as client:
        await client.send(head_of("GET", "/"))
        await stopped.wait()
        assert sent < BOUND
        reply = await client.reply()
        assert len(reply.body) == SIZE


@applies(*ANY_SERVER)
async def test_an_upstream_that_does_not_read_stops_the_client_from_being_read(server):
    go = asyncio.Event()

    async def script(peer):
        head = await peer.head()
        assert head is not None
        await go.wait()
        left = SIZE
        while left:
            left -= len(await peer.reader.read(262_144))
        await peer.send(OK)

    async with serving(script) as old, gateway(one(old), server) as gw, gw.client() as client:
        await client.send(head_of("PUT", "/", f"content-length: {SIZE}"))
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < SIZE:
                client.writer.write(BLOCK)
                sent += len(BLOCK)
                async with asyncio.timeout(1.0):
                    await client.writer.drain()
        assert sent < BOUND
        go.set()
        while sent < SIZE:
            await client.send(BLOCK)
            sent += len(BLOCK)
        assert (await client.reply()).status == 200


@applies(*ANY_SERVER)
@pytest.mark.parametrize(
    ("method", "reply", "status", "length"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n", 200, [b"1000"]),
        ("HEAD", b"HTTP/1.1 200 OK\r\n\r\n", 200, []),
        ("HEAD", b"HTTP/1.1 404 No\r\ntransfer-encoding: chunked\r\n\r\n", 404, []),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", 204, []),
        ("GET", b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n", 204, []),
        ("DELETE", b"HTTP/1.1 204 No Content\r\ncontent-length: 7\r\n\r\n", 204, []),
        ("GET", b'HTTP/1.1 304 Not Modified\r\ncontent-length: 1000\r\netag: "x"\r\n\r\n', 304, []),
        ("HEAD", b'HTTP/1.1 304 Not Modified\r\ncontent-length: 1000\r\netag: "x"\r\n\r\n', 304, []),
        ("GET", b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 200, [b"0"]),
    ],
)
async def test_replies_without_a_body_leave_the_connection_usable(server, method, reply, status, length):
    async def script(peer):
        while await peer.request():
            await peer.send(reply)

    async with serving(script) as old, gateway(one(old), server) as gw, gw.client() as client:
        for _ in range(3):
            got = await client.get("/", method=method)
            assert got.status == status
            assert got.all(b"content-length") == length
            assert got.all(b"transfer-encoding") == []
            assert got.body == b""


@applies(*ANY_SERVER)
@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\n\r\nto the end",
        b"HTTP/1.0 200 OK\r\n\r\nto the end",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\nto the end\r\n0\r\nx-trailer: 1\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nto the end",
    ],
)
async def test_replies_of_every_framing_arrive_whole(server, reply):
    async with serving(answering(reply)) as old, gateway(one(old), server) as gw, gw.client() as client:
        for _ in range(2):
            got = await client.get()
            assert (got.status, got.body) == (200, b"to the end")
            assert got.all(b"x-trailer") == []


@applies(*ANY_SERVER)
@pytest.mark.parametrize(
    "target",
    [
        b"/",
        b"/a%20b/%2F/%2e%2E/c",
        b"//a///b/",
        b"/a/..;/b;x=1",
        b"/%C3%A9%ff?q=%zz&&r=[]|\"<>'^`{}",
        b"/a?b?c=d",
        b"/a/./b/../c?../..",
        b"/a?x=%00%0d%0a",
        b"/" + b"a" * 8000,
    ],
)
async def test_path_and_query_arrive_byte_for_byte(server, target):
    file = one
    async with (
        serving(answer_all) as old,
        gateway(file(old, top="encoded_slash: data"), server) as gw,
        gw.client() as client,
    ):
        assert (await client.get(target)).status == 200
        assert old.requests[0].line == b"GET " + target + b" HTTP/1.1"


@applies(*ANY_SERVER)
async def test_repeated_fields_keep_their_order_in_both_directions(server):
    reply = (
        b"HTTP/1.1 200 OK\r\nset-cookie: b=2; Path=/x\r\nx-a: 1\r\nset-cookie: a=1\r\nx-a: 2\r\nset-cookie: b=3\r\n"
        b"vary: a\r\nvary: b\r\ncontent-length: 0\r\n\r\n"
    )
    async with serving(answering(reply)) as old, gateway(one(old), server) as gw, gw.client() as client:
        got = await client.get("/", "x-b: 1", "cookie: a=1", "x-b: \xe4 2", "cookie: b=2; a=3", "X-C:", "x-b: 1")
        assert got.all(b"set-cookie") == [b"b=2; Path=/x", b"a=1", b"b=3"]
        assert got.all(b"x-a") == [b"1", b"2"]
        assert got.all(b"vary") == [b"a", b"b"]
        names = (b"x-b", b"cookie", b"x-c")
        assert [field for field in _lower(old.requests[0]) if field[0] in names] == [
            (b"x-b", b"1"),
            (b"cookie", b"a=1"),
            (b"x-b", b"\xe4 2"),
            (b"cookie", b"b=2; a=3"),
            (b"x-c", b""),
            (b"x-b", b"1"),
        ]


def _lower(request: Received):
    return [(name.lower(), value) for name, value in request.fields]


@applies(*ANY_SERVER)
async def test_requests_on_one_connection_are_answered_in_turn_on_one_upstream_connection(server):
    async with serving(answer_all) as old, gateway(one(old), server) as gw, gw.client() as client:
        for number in range(20):
            assert (await client.get(f"/{number}")).body == b"ok"
        assert len(old.peers) == 1
        await gw.until_counted(total=20)
        assert gw.attempts == {("fixed", "ok"): 20}


@applies(*ANY_SERVER)
async def test_an_early_reply_to_an_unfinished_upload_reaches_the_client_and_the_connection_goes_on(server):
    async def script(peer):
        await peer.head()
        await peer.send(b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\nconnection: close\r\n\r\nbig")

    async with serving(script) as old, gateway(one(old), server) as gw, gw.client() as client:
        await client.send(head_of("POST", "/", "content-length: 1000000") + b"x" * 10)
        reply = await client.reply()
        assert (reply.status, reply.body) == (413, b"big")
        await client.send(b"x" * 999_990)
        assert (await client.ask("POST", "/", "content-length: 1", body=b"y")).status == 413
        await gw.until_counted(total=2)
        assert gw.attempts == {("fixed", "4xx"): 2}


@applies(*ANY_SERVER)
async def test_an_upload_goes_on_beside_an_early_reply(server):
    replied = asyncio.Event()

    async def script(peer):
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nready\r\n")
        replied.set()
        got = b""
        while not got.endswith(b"0\r\n\r\n"):
            got += await peer.reader.read(1000)
        assert b"late" in got
        await peer.send(b"4\r\ndone\r\n0\r\n\r\n")

    async with serving(script) as old, gateway(one(old), server) as gw, gw.client() as client:
        await client.send(head_of("POST", "/", "transfer-encoding: chunked") + b"5\r\nearly\r\n")
        await replied.wait()
        await client.head()
        assert await client.chunk() == b"ready"
        await client.send(b"4\r\nlate\r\n0\r\n\r\n")
        assert await client.chunk() == b"done"
        assert await client.chunk() == b""


@applies(*ANY_SERVER)
async def test_a_body_that_waits_for_100_is_asked_for(server):
    async with serving(answer_all) as old, gateway(one(old), server) as gw, gw.client() as client:
        await client.send(head_of("POST", "/", "content-length: 2", "expect: 100-continue"))
        assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await client.send(b"hi")
        reply = await client.reply()
        assert (reply.status, reply.all(b"connection")) == (200, [])
        assert old.requests[0].body == b"hi"


@applies(*ANY_SERVER)
async def test_a_body_that_nobody_asked_for_ends_the_connection_with_the_answer(server):
    text = 'version: 1\nupstreams: {old: {url: "http://127.0.0.1:1"}}\nroutes: [{path: /a, upstream: old}]\n'
    async with gateway(text, server) as gw, gw.client() as client:
        await client.send(head_of("POST", "/nowhere", "content-length: 2", "expect: 100-continue"))
        reply = await client.reply()
        assert (reply.status, reply[b"connection"]) == (404, b"close")
        assert await client.closed() == b""


@applies(*ANY_SERVER)
async def test_many_clients_at_once_each_get_their_own_reply(server):
    async def script(peer):
        while request := await peer.request():
            text = request.line.split()[1]
            await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(text), text))

    async def user(gw, number):
        async with gw.client() as client:
            for turn in range(10):
                assert (await client.get(f"/{number}/{turn}")).body == f"/{number}/{turn}".encode()

    async with serving(script) as old, gateway(one(old), server) as gw:
        await asyncio.gather(*(user(gw, number) for number in range(20)))
        await eventually(lambda: gw.requests == {("none", "fixed", "200"): 200})
        assert gw.attempts == {("fixed", "ok"): 200}


@applies(*EDGE)
@pytest.mark.parametrize("body", [b"", b"body"], ids=["GET", "POST"])
async def test_a_request_leaves_nothing_for_the_garbage_collector(body):
    """What is collected later holds memory until then, and makes every request dearer."""

    def alive():
        return {id(each) for each in gc.get_objects() if isinstance(each, Exchange | OutboundRequest)}

    async with serving(answer_all) as old, gateway(one(old)) as gw, gw.client() as client:
        await client.get()
        await gw.until_counted(total=1)
        gc.collect()
        gc.disable()
        before = alive()  # other tests' own
        try:
            for number in range(3):
                method = "POST" if body else "GET"
                await client.send(head_of(method, "/", f"content-length: {len(body)}") + body)
                assert (await client.reply()).status == 200
                await gw.until_counted(total=number + 2)
            left = alive() - before
        finally:
            gc.enable()
        assert left == set()
