"""Client connections under our own edge: what is not HTTP, pipelines, old clients, draining."""

import asyncio
import json

import pytest

from tests.support.proxy_harness import OUR_EDGE, gateway, head_of, one
from tests.support.scripted_upstream import OK, answer_all, answering, applies, eventually, serving


@applies(*OUR_EDGE)
@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost : a\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
        "GET /é HTTP/1.1\r\nhost: a\r\n\r\n".encode(),
    ],
)
async def test_what_is_not_http_is_answered_with_a_problem_and_nothing_more(server, sent):
    async with serving(answer_all) as old, gateway(one(old), server) as gw, gw.client() as client:
        await client.send(sent)
        reply = await client.reply()
        assert (reply.status, reply[b"connection"]) == (400, b"close")
        assert reply[b"content-type"] == b"application/problem+json"
        assert len(json.loads(reply.body)["request_id"]) == 32
        assert await client.closed() == b""
        assert old.peers == []


@applies(*OUR_EDGE)
async def test_nonsense_after_a_request_does_not_disturb_its_answer(server):
    go = asyncio.Event()

    async def script(peer):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nha")
        await go.wait()
        await peer.send(b"lf")

    async with serving(script) as old, gateway(one(old), server) as gw, gw.client() as client:
        await client.send(head_of("GET", "/"))
        status, _ = await client.head()
        await client.send(b"\0\0nonsense\r\n\r\n")
        go.set()
        assert (status, await client.reader.readexactly(4)) == (200, b"half")
        assert (await client.reply()).status == 400
        assert await client.closed() == b""
        await gw.until_counted(total=2)
        assert gw.attempts == {("fixed", "ok"): 1}


@applies(*OUR_EDGE)
async def test_a_body_that_turns_into_nonsense_is_400_and_the_upstream_is_not_blamed(server):
    async def script(peer):
        assert await peer.request() is None
        ended.set()

    ended = asyncio.Event()
    async with serving(script) as old, gateway(one(old), server) as gw, gw.client() as client:
        await client.send(head_of("POST", "/", "transfer-encoding: chunked") + b"2\r\nhi\r\n")
        await eventually(lambda: old.peers)
        await client.send(b"nonsense\r\n")
        assert (await client.reply()).status == 400
        assert await client.closed() == b""
        await ended.wait()
        await gw.until_counted()
        assert gw.attempts == {("fixed", "client_gone"): 1}


@applies(*OUR_EDGE)
async def test_pipelined_requests_are_answered_in_order(server):
    async def script(peer):
        while request := await peer.request():
            text = request.line.split()[1]
            await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(text), text))

    async with serving(script) as old, gateway(one(old), server) as gw, gw.client() as client:
        posts = head_of("POST", "/p", "content-length: 3") + b"abc"
        await client.send(b"".join(head_of("GET", f"/{number}") for number in range(50)) + posts + posts)
        for number in range(50):
            assert (await client.reply()).body == f"/{number}".encode()
        assert [(await client.reply()).body, (await client.reply()).body] == [b"/p", b"/p"]
        assert [request.body for request in old.requests[-2:]] == [b"abc", b"abc"]


@applies(*OUR_EDGE)
async def test_a_thousand_pipelined_requests_that_wait_for_nobody_are_not_served_one_inside_the_other(server):
    async with serving(answer_all) as old, gateway(one(old), server) as gw, gw.client() as client:
        await client.send(head_of("OPTIONS", "/x", "max-forwards: 0") * 1000)
        for _ in range(1000):
            assert (await client.reply()).status == 200
        await gw.until_counted(total=1000)
    assert old.requests == []


@applies(*OUR_EDGE)
async def test_a_client_that_leaves_a_pipeline_is_gone_for_the_request_that_is_served(server):
    async def script(peer):
        while request := await peer.request():
            if b"/2" in request.line:
                reached.set()
                await peer.closed()
                ended.set()
                return
            await peer.send(OK)

    reached, ended = asyncio.Event(), asyncio.Event()
    async with serving(script) as old, gateway(one(old), server) as gw, gw.client() as client:
        await client.send(b"".join(head_of("GET", f"/{number}") for number in range(1, 5)))
        await reached.wait()
        await client.leave()
        await ended.wait()
        await gw.until_counted(total=2)
        assert gw.requests == {("none", "fixed", "200"): 1, ("none", "fixed", "499"): 1}


@applies(*OUR_EDGE)
@pytest.mark.parametrize("upgrade", ["h2c", "TLS/1.2"])
async def test_an_upgrade_that_nobody_serves_is_refused_and_the_connection_goes_on(server, upgrade):
    lines = ("connection: Upgrade, HTTP2-Settings", f"upgrade: {upgrade}", "http2-settings: AAMAAABkAARAAAAA")
    async with serving(answer_all) as old, gateway(one(old), server) as gw, gw.client() as client:
        posted = head_of("POST", "/2", *lines, "content-length: 2") + b"hi"
        await client.send(head_of("GET", "/1", *lines) + posted + head_of("GET", "/3"))
        assert [(await client.reply()).status for _ in range(3)] == [501, 501, 200]
        assert (await client.get("/4")).status == 200
        assert [request.line.split()[1] for request in old.requests] == [b"/3", b"/4"]


@applies(*OUR_EDGE)
async def test_what_follows_a_refused_websocket_is_no_request(server):
    lines = ("connection: upgrade", "upgrade: websocket", "content-length: 40")
    async with serving(answer_all) as old, gateway(one(old), server) as gw, gw.client() as client:
        await client.send(head_of("GET", "/", *lines) + head_of("GET", "/smuggled"))
        reply = await client.reply()
        assert (reply.status, reply[b"connection"]) == (400, b"close")
        assert await client.closed() == b""
        assert old.requests == []


@applies(*OUR_EDGE)
async def test_an_http_1_0_client_gets_no_chunks_and_the_end_of_the_connection(server):
    reply = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    async with serving(answering(reply)) as old, gateway(one(old), server) as gw, gw.client() as client:
        await client.send(b"GET / HTTP/1.0\r\n\r\n")
        got = await client.reply()
        assert got.all(b"transfer-encoding") == []
        assert (got[b"connection"], got.body) == (b"close", b"hello")
        assert dict(old.requests[0].fields)[b"host"] == old.url.removeprefix("http://").encode()


@applies(*OUR_EDGE)
async def test_an_http_1_0_client_sees_a_broken_reply_as_broken(server):
    async def script(peer):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n")
        await seen.wait()

    seen = asyncio.Event()
    async with serving(script) as old, gateway(one(old), server) as gw, gw.client() as client:
        await client.send(b"GET / HTTP/1.0\r\n\r\n")
        await client.head()
        assert await client.reader.readexactly(5) == b"hello"
        seen.set()
        with pytest.raises(ConnectionResetError):
            await client.reader.read()


@applies(*OUR_EDGE)
@pytest.mark.parametrize(
    ("target", "sent"), [("http://shop.example/a?b", b"/a?b"), ("http://shop.example", b"/"), ("/a?", b"/a?")]
)
async def test_the_target_goes_on_as_it_is_or_without_its_authority(server, target, sent):
    async with serving(answer_all) as old, gateway(one(old), server) as gw, gw.client() as client:
        host = "shop.example" if "shop" in target else "test"
        assert (await client.get(target, f"host: {host}")).status == 200
        assert old.requests[0].line == b"GET " + sent + b" HTTP/1.1"
        assert [value for name, value in old.requests[0].fields if name == b"host"] == [host.encode()]


@applies(*OUR_EDGE)
async def test_trailers_are_no_headers(server):
    async with serving(answer_all) as old, gateway(one(old), server) as gw, gw.client() as client:
        await client.send(
            head_of("POST", "/", "transfer-encoding: chunked") + b"2\r\nhi\r\n0\r\nauthorization: x\r\nhost: b\r\n\r\n"
        )
        assert (await client.reply()).status == 200
        assert b"authorization" not in dict(old.requests[0].fields)
        assert old.requests[0].body == b"hi"


# -- draining


@applies(*OUR_EDGE)
async def test_a_drain_answers_with_connection_close_and_waits_for_what_runs(server):
    go = asyncio.Event()

    async def script(peer):
        while request := await peer.request():
            if b"slow" in request.line:
                await go.wait()
            await peer.send(OK)

    async with (
        serving(script) as old,
        gateway(one(old), server) as gw,
        gw.client() as slow,
        gw.client() as idle,
        gw.client() as fresh,
        gw.client() as half,
    ):
        await slow.send(head_of("GET", "/slow"))
        assert (await idle.get()).all(b"connection") == []
        await half.send(head_of("GET", "/half")[:-2])
        await eventually(lambda: len(old.requests) == 2)
        gw.server.announce_drain()
        assert (await fresh.get())[b"connection"] == b"close"
        assert await fresh.closed() == b""
        drain = asyncio.ensure_future(gw.server.drain(20))
        assert await idle.closed() == b""
        await half.send(b"\r\n")
        assert (await half.reply())[b"connection"] == b"close"
        assert not drain.done()
        go.set()
        assert (await slow.reply())[b"connection"] == b"close"
        assert await drain == 0


@applies(*OUR_EDGE)
async def test_what_a_drain_does_not_wait_for_is_answered_503_or_cut_without_noise(server):
    async def script(peer):
        request = await peer.request()
        if b"half" in request.line:
            await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")
        await peer.closed()

    async with serving(script) as old, gateway(one(old), server) as gw, gw.client() as waiting, gw.client() as reading:
        await waiting.send(head_of("GET", "/wait"))
        await reading.send(head_of("GET", "/half"))
        await reading.head()
        await eventually(lambda: len(old.requests) == 2)
        gw.server.announce_drain()
        assert await gw.server.drain(0.05) == 2
        reply = await waiting.reply()
        assert (reply.status, reply[b"connection"]) == (503, b"close")
        assert await reading.closed() in (b"", b"half")
        await gw.until_counted(total=2)
        assert gw.attempts == {("fixed", "timeout"): 1, ("fixed", "ok"): 1}
