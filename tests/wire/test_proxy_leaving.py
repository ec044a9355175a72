"""Clients that leave: the work for them stops at once, and no backend is blamed. Under any ASGI server."""

import asyncio

import pytest

from tests.support.proxy_harness import ANY_SERVER, gateway, head_of, one
from tests.support.scripted_upstream import OK, answer_all, applies, eventually, serving

GONE = {("fixed", "client_gone"): 1}


class Scene:
    """An upstream that gets as far as a test says and then waits for its connection to end."""

    def __init__(self, answer=b"", *, body=True):
        self.reached, self.closed = asyncio.Event(), asyncio.Event()
        self.answer = answer
        self.body = body

    async def __call__(self, peer):
        await (peer.request() if self.body else peer.head())
        await peer.send(self.answer)
        self.reached.set()
        await peer.closed()
        self.closed.set()


async def assert_gone(gw, scene):
    await scene.closed.wait()
    await gw.until_counted()
    assert gw.requests == {("none", "fixed", "499"): 1}
    assert gw.attempts == GONE
    assert gw.upstream_errors == {}


@applies(*ANY_SERVER)
@pytest.mark.parametrize("lines", [(), ("content-length: 4",)])
async def test_before_the_reply(server, lines):
    scene = Scene()
    async with serving(scene) as old, gateway(one(old), server) as gw, gw.client() as client:
        await client.send(head_of("POST", "/", *lines) + (b"body" if lines else b""))
        await scene.reached.wait()
        await client.leave()
        await assert_gone(gw, scene)


@applies(*ANY_SERVER)
async def test_with_a_proper_end_of_the_connection(server):
    scene = Scene()
    async with serving(scene) as old, gateway(one(old), server) as gw:
        async with gw.client() as client:
            await client.send(head_of("GET", "/"))
            await scene.reached.wait()
        await assert_gone(gw, scene)


@applies(*ANY_SERVER)
@pytest.mark.parametrize("framing", ["content-length: 100", "transfer-encoding: chunked"])
async def test_in_the_middle_of_an_upload(server, framing):
    scene = Scene(body=False)
    async with serving(scene) as old, gateway(one(old), server) as gw, gw.client() as client:
        await client.send(head_of("POST", "/", framing) + b"4\r\nbody\r\n")
        await scene.reached.wait()
        await client.leave()
        await assert_gone(gw, scene)


@applies(*ANY_SERVER)
async def test_after_an_upload_in_pieces(server):
    scene = Scene()
    async with serving(scene) as old, gateway(one(old), server) as gw, gw.client() as client:
        await client.send(head_of("POST", "/", "content-length: 300000") + b"x" * 150_000)
        await eventually(lambda: old.peers)
        await client.send(b"x" * 150_000)
        await scene.reached.wait()
        await client.leave()
        await assert_gone(gw, scene)


@applies(*ANY_SERVER)
async def test_before_the_first_byte_of_an_upload_no_upstream_hears_of_it(server):
    async with serving(answer_all) as old, gateway(one(old), server) as gw:
        async with gw.client() as client:
            await client.send(head_of("POST", "/", "content-length: 100"))
            await eventually(lambda: gw.busy)
            await client.leave()
            await gw.until_counted()
        assert gw.requests == {("none", "fixed", "499"): 1}
        assert gw.attempts == {}
        assert old.peers == []


@applies(*ANY_SERVER)
@pytest.mark.parametrize("framing", [b"content-length: 100", b"transfer-encoding: chunked"])
async def test_in_the_middle_of_a_download(server, framing):
    scene = Scene(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n4\r\nhalf\r\n")
    async with serving(scene) as old, gateway(one(old), server) as gw, gw.client() as client:
        await client.send(head_of("GET", "/"))
        await client.head()
        await client.leave()
        await assert_gone(gw, scene)


@applies(*ANY_SERVER)
async def test_in_the_middle_of_a_download_that_it_does_not_read(server):
    async def script(peer):
        await peer.request()
        peer.writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
        try:
            while True:
                peer.writer.write(b"x" * 1_000_000)
                async with asyncio.timeout(0.5):
                    await peer.writer.drain()
        except TimeoutError:
            full.set()
        await peer.closed()
        ended.set()

    full, ended = asyncio.Event(), asyncio.Event()
    async with serving(script) as old, gateway(one(old), server) as gw, gw.client() as client:
        await client.send(head_of("GET", "/"))
        await full.wait()
        await client.leave()
        await ended.wait()
        await gw.until_counted()
        assert gw.requests == {("none", "fixed", "499"): 1}
        assert gw.attempts == GONE


@applies(*ANY_SERVER)
async def test_after_an_early_reply_to_an_upload_that_goes_on(server):
    scene = Scene(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n", body=False)
    async with serving(scene) as old, gateway(one(old), server) as gw, gw.client() as client:
        await client.send(head_of("POST", "/", "transfer-encoding: chunked") + b"4\r\nbody\r\n")
        await client.head()
        await client.leave()
        await assert_gone(gw, scene)


@applies(*ANY_SERVER)
async def test_after_the_reply_it_is_no_499(server):
    async with serving(answer_all) as old, gateway(one(old), server) as gw:
        async with gw.client() as client:
            assert (await client.get()).status == 200
            await client.leave()
        await gw.until_counted()
        assert gw.requests == {("none", "fixed", "200"): 1}


@applies(*ANY_SERVER)
async def test_many_that_leave_take_nothing_from_those_that_stay(server):
    async def script(peer):
        while request := await peer.request():
            if b"leaver" in request.line:
                await peer.closed()
                return
            await peer.send(OK)

    async def leaver(gw):
        async with gw.client() as client:
            await client.send(head_of("GET", "/leaver"))
            await client.leave()

    async def stayer(gw):
        async with gw.client() as client:
            for _ in range(20):
                assert (await client.get("/stayer")).body == b"ok"

    async with serving(script) as old, gateway(one(old), server) as gw:
        await asyncio.gather(*(leaver(gw) if number % 2 else stayer(gw) for number in range(40)))
        await eventually(lambda: not gw.busy)
        assert gw.requests[("none", "fixed", "200")] == 400
        assert gw.upstream_errors == {}
