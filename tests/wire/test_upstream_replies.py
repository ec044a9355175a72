"""What comes back: replies of every framing, malformed, truncated, or more than was asked for. For both clients."""

import asyncio

import pytest

from gateway.errors import UpstreamError, UpstreamErrorKind
from tests.support.scripted_upstream import (
    BOTH,
    HTTP1,
    OK,
    answer_all,
    answering,
    applies,
    connected,
    eventually,
    fetch,
    read_all,
    request,
    serving,
)


async def read_into(pieces, response):
    while piece := await response.read():
        pieces.append(piece)


CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@applies(*BOTH)
@pytest.mark.parametrize(
    ("reply", "body", "length"),
    [
        (OK, b"ok", 2),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil close", b"until close", None),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil close", b"until close", None),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", b"ok", 2),
        (CHUNKED + b"1\r\no\r\n1;x=y\r\nk\r\n0\r\nx-trailer: 1\r\n\r\n", b"ok", None),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + OK, b"ok", 2),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", b"", 0),
    ],
)
async def test_a_reply_is_read_as_its_framing_says(kind, reply, body, length):
    async with serving(answering(reply)) as upstream, connected(kind, upstream.url) as client:
        response = await client.send(request())
        assert (response.status, response.content_length) == (200, length)
        assert {name for name, _ in response.headers} <= {b"link"}
        assert await read_all(response) == body
        assert await response.read() == b""


@applies(*BOTH)
async def test_fields_keep_their_order_and_repeats(kind):
    reply = (
        b"HTTP/1.1 201 Yes\r\nSet-Cookie: a=1\r\nDate: x\r\nSet-Cookie: b=2 \r\nX-Y: \xe4\r\nContent-Length: 0\r\n\r\n"
    )
    async with serving(answering(reply)) as upstream, connected(kind, upstream.url) as client:
        response = await client.send(request())
        expected = [(b"set-cookie", b"a=1"), (b"date", b"x"), (b"set-cookie", b"b=2"), (b"x-y", b"\xe4")]
        assert (response.status, response.headers) == (201, expected)
        await response.aclose()


@applies(*BOTH)
@pytest.mark.parametrize(
    ("method", "status", "length"), [(b"HEAD", 200, 5), (b"HEAD", 404, None), (b"GET", 204, None), (b"GET", 304, 5)]
)
async def test_replies_without_a_body_leave_the_connection_usable(kind, method, status, length):
    field = b"" if length is None else b"content-length: 5\r\n"

    async def script(peer):
        await peer.request()
        await peer.send(b"HTTP/1.1 %d X\r\n%b\r\n" % (status, field))
        await answer_all(peer)

    async with serving(script) as upstream, connected(kind, upstream.url) as client:
        response = await client.send(request(method))
        assert (response.status, response.content_length) == (status, length)
        assert await read_all(response) == b""
        assert await fetch(client) == (200, b"ok")
        assert len(upstream.peers) == 1


@applies(*BOTH)
@pytest.mark.parametrize(
    "reply",
    [
        b"garbage\r\n\r\n",
        b"HTTP/3.0 200 OK\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/1.1 099 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 600 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\na\0: b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\na: b\0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\na: b\x01\r\n\r\n",
        b"HTTP/1.1 200 OK\r\na : b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\na: " + b"b" * 200_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\na: " + b"b" * 70_000 + b"\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 201 + b"content-length: 0\r\n\r\n",
    ],
)
async def test_a_malformed_or_ambiguous_reply_is_refused_and_its_connection_cut(kind, reply):
    async with serving(answering(reply, close=False)) as upstream, connected(kind, upstream.url) as client:
        with pytest.raises(UpstreamError) as caught:
            await client.send(request())
        assert caught.value.kind is UpstreamErrorKind.MALFORMED
        assert (caught.value.sent, caught.value.reused, caught.value.status) == (True, False, 502)
        assert client.in_flight == 0
        await eventually(lambda: client.idle == 0)


@applies(*HTTP1)
@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 2, 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\na: b\r\n c\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\ncontent-length: 0\n\n",
        b"HTTP/1.1 200 O\0K\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 11 + OK,
    ],
)
async def test_ours_also_refuses(kind, reply):
    async with serving(answering(reply, close=False)) as upstream, connected(kind, upstream.url) as client:
        with pytest.raises(UpstreamError) as caught:
            await client.send(request())
        assert caught.value.kind is UpstreamErrorKind.MALFORMED


@applies(*BOTH)
@pytest.mark.parametrize(
    ("reply", "arrived"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", b"half"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", b""),
        (CHUNKED + b"4\r\nhalf\r\n", b"half"),
        (CHUNKED + b"4\r\nhalf\r\n0\r\n", b"half"),
        (CHUNKED + b"9\r\nhalf", b"half"),
    ],
)
async def test_a_body_that_ends_early_is_truncated_after_what_arrived_of_it(kind, reply, arrived):
    async with serving(answering(reply)) as upstream, connected(kind, upstream.url) as client:
        response = await client.send(request())
        got = []
        with pytest.raises(UpstreamError) as caught:
            await read_into(got, response)
        assert caught.value.kind is UpstreamErrorKind.TRUNCATED
        assert b"".join(got) == arrived
        await response.aclose()
        assert client.idle == 0


@applies(*BOTH)
async def test_a_reset_inside_a_body_without_length_is_no_end(kind):
    async def script(peer):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        await started.wait()
        peer.reset()

    started = asyncio.Event()
    async with serving(script) as upstream, connected(kind, upstream.url) as client:
        response = await client.send(request())
        assert await response.read() == b"half"
        started.set()
        with pytest.raises(UpstreamError) as caught:
            await response.read()
        assert caught.value.kind is UpstreamErrorKind.TRUNCATED
        await response.aclose()


@applies(*BOTH)
@pytest.mark.parametrize("rest", [b"zz\r\n", b"-1\r\n", b"4\r\nhalfmore\r\n"])
async def test_chunks_that_are_not_valid_are_malformed(kind, rest):
    script = answering(CHUNKED + b"2\r\nok\r\n" + rest, close=False)
    async with serving(script) as upstream, connected(kind, upstream.url) as client:
        with pytest.raises(UpstreamError) as caught:
            await fetch(client)
        assert caught.value.kind is UpstreamErrorKind.MALFORMED
        assert client.idle == 0


@applies(*BOTH)
@pytest.mark.parametrize("reply", [b"", b"HTTP/1.1 200 OK\r\nx: ", b"HTTP/1.1 100 Continue\r\n\r\n"])
@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_connection_that_ends_before_the_head_is_closed(kind, reply, how):
    async def script(peer):
        await peer.request()
        if reply:
            await peer.send(reply)
        getattr(peer, how)()

    async with serving(script) as upstream, connected(kind, upstream.url) as client:
        with pytest.raises(UpstreamError) as caught:
            await client.send(request())
        error = caught.value
        assert (error.kind, error.sent, error.reused) == (UpstreamErrorKind.CLOSED, True, False)


@applies(*BOTH)
@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
@pytest.mark.parametrize("extra", [b"\r\n", b"x", OK, b"HTTP/1.1 200 Evil\r\ncontent-length: 4\r\n\r\nevil"])
@pytest.mark.parametrize(
    "reply", [OK, CHUNKED + b"2\r\nok\r\n0\r\n\r\n", OK.replace(b"200", b"204").replace(b"ok", b"")]
)
async def test_what_follows_a_reply_is_never_anyone_elses_answer(kind, reply, extra, method):
    """The reply itself is good; the connection that goes on talking is not used again."""

    async def script(peer):
        while await peer.request():
            if method == b"GET":
                await peer.send(reply + extra)
            else:
                await peer.send(reply.split(b"\r\n\r\n")[0] + b"\r\n\r\n" + extra)

    async with serving(script) as upstream, connected(kind, upstream.url) as client:
        for _ in range(3):
            response = await client.send(request(method))
            assert response.status in {200, 204}
            assert await read_all(response) in {b"ok", b""}
        assert len(upstream.peers) == 3


@applies(*HTTP1)
async def test_read_nowait_says_what_is_there(kind):
    go_on = asyncio.Event()

    async def script(peer):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nhe")
        await go_on.wait()
        await peer.send(b"re")

    async with serving(script) as upstream, connected(kind, upstream.url) as client:
        response = await client.send(request())
        assert await response.read() == b"he"
        assert response.read_nowait() is None
        go_on.set()
        assert await response.read() == b"re"
        assert response.read_nowait() == b""
        await response.aclose()
        await response.aclose()


@applies(*BOTH)
async def test_the_first_piece_does_not_wait_for_the_second(kind):
    go_on = asyncio.Event()

    async def script(peer):
        await peer.request()
        await peer.send(CHUNKED + b"2\r\n1\n\r\n")
        await go_on.wait()
        await peer.send(b"2\r\n2\n\r\n0\r\n\r\n")

    async with serving(script) as upstream, connected(kind, upstream.url) as client:
        response = await client.send(request())
        assert await response.read() == b"1\n"
        go_on.set()
        assert await response.read() == b"2\n"
        assert await response.read() == b""
        await response.aclose()
