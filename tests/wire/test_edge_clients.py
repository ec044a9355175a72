"""Clients of every age and habit: HTTP/1.0, those that ask before a body, that send ahead, or that close one side."""

import asyncio

import pytest

from tests.support.edge_cases import BOTH_LOOPS, EDGE, LAST, SMUGGLED, assert_refused, play
from tests.support.proxy_harness import gateway, head_of, one
from tests.support.scripted_upstream import OK, answer_all, answering, applies, eventually, serving

CHUNKS = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\nhello"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
NOT_MODIFIED = b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n"


def old(*lines, method=b"GET"):
    return b"\r\n".join([method + b" /a HTTP/1.0", *lines, b"", b""])


# -- HTTP/1.0


@applies(*EDGE)
@pytest.mark.parametrize("reply", [OK, CHUNKS, UNTIL_CLOSE, NO_CONTENT, NOT_MODIFIED])
@pytest.mark.parametrize("lines", [(), (b"Host: test",), (b"Connection: close",), (b"Connection: keep-alive, close",)])
async def test_an_http_1_0_client_reads_to_the_end_of_the_connection(reply, lines):
    seen = await play(old(*lines) + LAST, script=answering(reply))
    (got,) = seen.replies
    assert got[b"connection"] == b"close"
    assert got.all(b"transfer-encoding") == []
    assert got.body in (b"ok", b"hello", b"")
    assert seen.requests[0].line == b"GET /a HTTP/1.1"


@applies(*EDGE)
@pytest.mark.parametrize(
    ("reply", "stays"), [(OK, True), (NO_CONTENT, True), (NOT_MODIFIED, True), (CHUNKS, False), (UNTIL_CLOSE, False)]
)
async def test_an_http_1_0_client_keeps_its_connection_where_the_length_is_known(reply, stays):
    async def script(peer):
        await peer.request()
        await peer.send(reply)
        if reply is not UNTIL_CLOSE:
            while await peer.request():
                await peer.send(OK)

    seen = await play(old(b"Connection: Keep-Alive") + LAST, script=script)
    assert seen.statuses == [int(reply[9:12])] + [200] * stays
    assert seen.replies[0][b"connection"] == (b"keep-alive" if stays else b"close")
    assert seen.replies[0].all(b"transfer-encoding") == []


@applies(*EDGE)
async def test_an_http_1_0_client_is_never_told_to_go_on():
    seen = await play(old(b"Expect: 100-continue", b"Content-Length: 2", method=b"POST") + b"hi")
    assert seen.statuses == [200]
    assert seen.requests[0].body == b"hi"


@applies(*EDGE)
async def test_head_of_an_http_1_0_client():
    async def script(peer):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")

    seen = await play(old(method=b"HEAD"), methods=["HEAD"], script=script)
    assert (seen.statuses, seen.replies[0].all(b"transfer-encoding")) == ([200], [])


# -- asking before the body


@applies(*EDGE)
@pytest.mark.parametrize("value", [b"100-continue", b"100-Continue"])
async def test_100_is_said_once_and_only_when_the_body_is_wanted(value):
    async with serving(answer_all) as upstream, gateway(one(upstream)) as gw, gw.client() as client:
        await client.send(head_of("POST", "/", b"expect: " + value, "content-length: 2"))
        assert (await client.head())[0] == 100
        await client.send(b"hi")
        assert (await client.reply()).status == 200
        assert (await client.get("/next")).status == 200
        assert upstream.requests[0].body == b"hi"


@applies(*EDGE)
@pytest.mark.parametrize(
    ("lines", "status"),
    [(("content-length: 2",), 404), (("content-length: 99",), 413), (("transfer-encoding: chunked",), 404)],
)
async def test_a_body_that_is_not_wanted_is_not_asked_for(lines, status):
    text = (
        "version: 1\nupstreams: {{old: {{url: '{old}'}}}}\nroutes: [{{path: /a, upstream: old, max_body_bytes: 9}}]\n"
    )
    async with serving(answer_all) as upstream, gateway(text.format(old=upstream.url)) as gw, gw.client() as client:
        await client.send(head_of("POST", "/a" if status == 413 else "/b", "expect: 100-continue", *lines))
        reply = await client.reply()
        assert (reply.status, reply[b"connection"]) == (status, b"close")
        assert await client.closed() == b""
        assert upstream.peers == []


@applies(*EDGE)
@pytest.mark.parametrize("value", [b"", b"200-ok", b"100-continue, x", b"100-continue;a=b", b"100 continue", b"x"])
async def test_any_other_expectation_is_417(value):
    raw = head_of("POST", "/", b"expect: " + value, "content-length: 2") + b"hi"
    await assert_refused(raw, 417, after=SMUGGLED)


@applies(*EDGE)
async def test_a_body_that_comes_unasked_needs_no_100():
    seen = await play(head_of("POST", "/", "expect: 100-continue", "content-length: 2") + b"hi" + LAST)
    assert seen.statuses == [200, 200]


@applies(*EDGE)
async def test_without_a_body_there_is_nothing_to_ask_for():
    seen = await play(head_of("GET", "/", "expect: 100-continue") + LAST)
    assert seen.statuses[-1] == 200
    assert 100 not in seen.statuses


# -- sending ahead


@applies(*EDGE)
@pytest.mark.parametrize(
    "bad", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"\0", head_of("POST", "/", "content-length: x")]
)
@pytest.mark.parametrize("number", [1, 5])
async def test_what_came_before_nonsense_is_answered_first(bad, number):
    good = b"".join(head_of("POST", f"/{n}", "content-length: 2") + b"hi" for n in range(number))
    seen = await play(good + bad + SMUGGLED)
    assert seen.statuses == [200] * number + [400]
    assert seen.targets == [b"/%d" % n for n in range(number)]


@applies(*EDGE)
async def test_after_a_reply_that_closes_nothing_is_read():
    seen = await play(LAST + SMUGGLED)
    assert (seen.statuses, seen.targets) == ([200], [b"/last"])


@applies(*EDGE)
async def test_a_pipeline_longer_than_what_is_read_ahead():
    padding = "x-padding: " + "x" * 4000
    seen = await play(b"".join(head_of("GET", f"/{n}", padding) for n in range(100)) + LAST)
    assert seen.statuses == [200] * 101
    assert seen.targets == [b"/%d" % n for n in range(100)] + [b"/last"]


# -- bodies that the answer does not wait for


@applies(*EDGE)
@pytest.mark.parametrize("framing", ["content-length: 3000000", "transfer-encoding: chunked"])
async def test_a_refused_upload_ends_the_connection_and_its_answer_is_not_lost(framing):
    text = "version: 1\nupstreams: {{old: {{url: '{old}'}}}}\nroutes: [{{path: /a, upstream: old}}]\n"
    async with serving(answer_all) as upstream, gateway(text.format(old=upstream.url)) as gw, gw.client() as client:
        await client.send(head_of("POST", "/nowhere", framing) + b"ffffff\r\n" + b"x" * 500_000)
        reply = await client.reply()
        assert (reply.status, reply[b"connection"]) == (404, b"close")
        assert await client.closed() == b""
        assert upstream.peers == []


@applies(*EDGE)
async def test_the_rest_of_a_short_body_is_no_request():
    text = "version: 1\nupstreams: {{old: {{url: '{old}'}}}}\nroutes: [{{path: /last, upstream: old}}]\n"
    async with serving(answer_all) as upstream, gateway(text.format(old=upstream.url)) as gw, gw.client() as client:
        await client.send(head_of("POST", "/nowhere", f"content-length: {len(SMUGGLED)}"))
        reply = await client.reply()
        assert (reply.status, reply.all(b"connection")) == (404, [])
        await client.send(SMUGGLED + LAST)
        assert (await client.reply()).status == 200
        assert [request.line.split()[1] for request in upstream.requests] == [b"/last"]


# -- closing one side


@applies(*BOTH_LOOPS)
@pytest.mark.parametrize("number", [1, 3])
async def test_a_client_that_has_closed_its_side_gets_its_answers(number):
    async with serving(answer_all) as upstream, gateway(one(upstream)) as gw, gw.client() as client:
        await client.send(b"".join(head_of("POST", f"/{n}", "content-length: 2") + b"hi" for n in range(number)))
        client.writer.write_eof()
        for _ in range(number):
            assert (await client.reply()).status == 200
        assert await client.closed() == b""
        assert len(upstream.requests) == number


@applies(*BOTH_LOOPS)
async def test_a_client_that_has_closed_its_side_and_takes_its_answer_is_there():
    async def script(peer):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n")
        for _ in range(10):
            await asyncio.wait_for(asyncio.shield(more.wait()), 5)
            await peer.send(b"x")
            more.clear()

    more = asyncio.Event()
    top = "limits: {half_closed_seconds: 0.3}"
    async with serving(script) as upstream, gateway(one(upstream, top=top)) as gw, gw.client() as client:
        await client.send(head_of("GET", "/"))
        client.writer.write_eof()
        await client.head()
        loop = asyncio.get_running_loop()
        for _ in range(10):
            loop.call_later(0.05, more.set)
            assert await client.reader.readexactly(1) == b"x"
        assert await client.closed() == b""
        await gw.until_counted()
        assert gw.requests == {("none", "fixed", "200"): 1}


@applies(*BOTH_LOOPS)
async def test_a_client_that_has_closed_its_side_and_takes_its_answer_is_there_however_slow_that_is():
    async def script(peer):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n")
        await asyncio.wait_for(more.wait(), 5)
        await peer.send(b"x")

    more = asyncio.Event()
    top = "limits: {half_closed_seconds: 0.1}"
    async with serving(script) as upstream, gateway(one(upstream, top=top)) as gw, gw.client() as client:
        await client.send(head_of("GET", "/"))
        client.writer.write_eof()
        await client.head()
        asyncio.get_running_loop().call_later(0.4, more.set)
        assert await client.reader.readexactly(1) == b"x"
        await gw.until_counted()
        assert gw.requests == {("none", "fixed", "200"): 1}


@applies(*BOTH_LOOPS)
async def test_a_client_that_is_gone_before_it_could_take_its_answer_is_not_waited_for():
    async def script(peer):
        await peer.request()
        await asyncio.wait_for(left.wait(), 5)
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n")
        await peer.closed()
        ended.set()

    left, ended = asyncio.Event(), asyncio.Event()
    top = "limits: {half_closed_seconds: 0.1}"
    async with serving(script) as upstream, gateway(one(upstream, top=top)) as gw:
        async with gw.client() as client:
            await client.send(head_of("GET", "/"))
            await eventually(lambda: upstream.requests)
        left.set()
        async with asyncio.timeout(5):
            await ended.wait()
        await gw.until_counted()
        assert gw.requests == {("none", "fixed", "499"): 1}


@applies(*BOTH_LOOPS)
async def test_a_client_that_is_gone_is_not_waited_for():
    async def script(peer):
        await peer.request()
        await peer.closed()
        ended.set()

    ended = asyncio.Event()
    async with serving(script) as upstream, gateway(one(upstream)) as gw:
        async with gw.client() as client:
            await client.send(head_of("GET", "/"))
            await eventually(lambda: upstream.requests)
        async with asyncio.timeout(1):
            await ended.wait()
        await gw.until_counted()
        assert gw.requests == {("none", "fixed", "499"): 1}


@applies(*BOTH_LOOPS)
@pytest.mark.parametrize("sent", [b"GET / HT", b"GET / HTTP/1.1\r\nHost: test\r\n"])
async def test_half_a_head_and_no_more_is_400(sent):
    async with serving(answer_all) as upstream, gateway(one(upstream)) as gw, gw.client() as client:
        await client.send(sent)
        client.writer.write_eof()
        assert (await client.reply()).status == 400
        assert await client.closed() == b""
        assert upstream.peers == []


@applies(*BOTH_LOOPS)
@pytest.mark.parametrize("framing", ["content-length: 2", "transfer-encoding: chunked"])
async def test_a_body_that_came_with_its_expect_is_not_held(framing):
    """The client waits for nothing, so the upstream is not asked either, and its 100 is not waited for."""
    body = b"hi" if "length" in framing else b"2\r\nhi\r\n0\r\n\r\n"
    async with serving(answer_all) as upstream, gateway(one(upstream)) as gw, gw.client() as client:
        await client.send(head_of("POST", "/", "expect: 100-continue", framing) + body)
        assert (await client.reply()).status == 200
        (request,) = upstream.requests
        assert request.body == b"hi"
        assert b"expect" not in {name.lower() for name, _ in request.fields}


@applies(*BOTH_LOOPS)
async def test_half_a_body_sent_ahead_and_no_more_is_not_waited_for():
    """The body's time limit is not what ends it: the client can send no more, and gets both of its answers."""

    async def script(peer):
        await peer.request()
        await asyncio.wait_for(ended.wait(), 5)
        await peer.send(OK)
        await peer.closed()

    ended, top = asyncio.Event(), "limits: {half_closed_seconds: 5, body_timeout_seconds: 60}"
    async with serving(script) as upstream, gateway(one(upstream, top=top)) as gw, gw.client() as client:
        await client.send(head_of("GET", "/first") + head_of("POST", "/second", "content-length: 9") + b"half")
        client.writer.write_eof()
        await eventually(lambda: any(edge._half_closed for edge in gw.server.server_state.swept))
        ended.set()
        async with asyncio.timeout(10):
            assert (await client.reply()).status == 200
            assert (await client.reply()).status == 400
            assert await client.closed() == b""
        assert [request.line for request in upstream.requests] == [b"GET /first HTTP/1.1"]


@applies(*BOTH_LOOPS)
async def test_half_a_body_and_no_more_reaches_no_origin_as_a_whole():
    async with serving(answer_all) as upstream, gateway(one(upstream)) as gw, gw.client() as client:
        await client.send(head_of("POST", "/", "content-length: 9") + b"half")
        client.writer.write_eof()
        await client.closed()
        await gw.until_counted()
        assert upstream.requests == []


# -- what is reported


@applies(*EDGE)
async def test_a_refusal_is_counted_and_logged_without_the_query():
    async with serving(answer_all) as upstream, gateway(one(upstream)) as gw, gw.client() as client:
        reply = await client.get("/a?secret=1", "content-length: x", method="POST")
        assert gw.requests == {("none", "none", "400"): 1}
        (line,) = gw.logged.events
        assert (line["path"], line["method"], line["status"]) == ("/a", "POST", 400)
        assert line["request_id"].encode() == reply[b"x-request-id"]
        assert "secret" not in str(line)
