"""What the upstream sees: framing, bytes, bodies of every kind. For both clients."""

import asyncio
import socket
import threading

import pytest

from gateway.errors import UpstreamError, UpstreamErrorKind
from gateway.upstream.api import BodyLengthError, DecisionChangedError
from tests.support.scripted_upstream import (
    BOTH,
    HTTP1,
    OK,
    answer_all,
    applies,
    connected,
    eventually,
    fetch,
    read_all,
    request,
    serving,
)


async def pieces(*parts):
    for part in parts:
        yield part


@applies(*BOTH)
async def test_target_and_headers_arrive_byte_for_byte_and_in_order(kind):
    target = b"/a%20b/../c//d;e?q=%2F&&r=[]|\"<>'"
    headers = [(b"x-a", b"1"), (b"cookie", b"a=1"), (b"cookie", b"b=2"), (b"x-a", b"\xe4 2"), (b"accept", b"")]
    async with serving(answer_all) as upstream, connected(kind, upstream.url) as client:
        assert await fetch(client, request(b"GET", target, headers)) == (200, b"ok")
        (seen,) = upstream.requests
        assert seen.line == b"GET " + target + b" HTTP/1.1"
        assert seen.fields == [(b"host", b"test"), *headers]


@applies(*BOTH)
@pytest.mark.parametrize(
    ("method", "body", "length", "framing"),
    [
        (b"GET", None, None, []),
        (b"HEAD", None, None, []),
        (b"DELETE", None, None, []),
        (b"OPTIONS", None, None, []),
        (b"POST", None, None, [(b"content-length", b"0")]),
        (b"PUT", None, None, [(b"content-length", b"0")]),
        (b"PATCH", None, None, [(b"content-length", b"0")]),
        (b"DELETE", None, 0, [(b"content-length", b"0")]),
        (b"POST", b"", None, [(b"content-length", b"0")]),
        (b"POST", b"abc", None, [(b"content-length", b"3")]),
        (b"GET", b"abc", None, [(b"content-length", b"3")]),
        (b"POST", (b"ab", b"", b"c"), 3, [(b"content-length", b"3")]),
        (b"POST", (), 0, [(b"content-length", b"0")]),
        (b"POST", (b"ab", b"", b"c"), None, [(b"transfer-encoding", b"chunked")]),
        (b"POST", (), None, [(b"transfer-encoding", b"chunked")]),
    ],
)
async def test_bodies_are_framed(kind, method, body, length, framing):
    sent = pieces(*body) if isinstance(body, tuple) else body
    async with serving(answer_all) as upstream, connected(kind, upstream.url) as client:
        response = await client.send(request(method, body=sent, content_length=length))
        await response.aclose()
        (seen,) = upstream.requests
        assert seen.fields[1:] == framing
        assert seen.body == b"".join(body if isinstance(body, tuple) else [body or b""])


@applies(*BOTH)
async def test_a_body_without_an_aclose_is_sent_too(kind):
    class Body:
        def __init__(self):
            self.left = [b"a", b"b"]

        def __aiter__(self):
            return self

        async def __anext__(self):
            if not self.left:
                raise StopAsyncIteration
            return self.left.pop(0)

    async with serving(answer_all) as upstream, connected(kind, upstream.url) as client:
        await fetch(client, request(b"POST", body=Body()))
        assert upstream.requests[0].body == b"ab"


@applies(*BOTH)
@pytest.mark.parametrize("parts", [(b"abc",), (), (b"ab", b"cd", b"efg"), (b"abcde", b"x"), (b"abc", b"de", b"x")])
async def test_a_body_that_is_not_as_long_as_declared_is_never_complete(kind, parts):
    async def script(peer):
        peer.whole = await peer.request()
        peer.number = "ended"

    async with serving(script) as upstream, connected(kind, upstream.url) as client:
        with pytest.raises(BodyLengthError):
            await client.send(request(b"POST", body=pieces(*parts), content_length=5))
        await eventually(lambda: not upstream.peers or upstream.peers[0].number == "ended")
        assert not upstream.peers or upstream.peers[0].whole is None


@applies(*BOTH)
async def test_a_complete_body_that_contradicts_its_length_is_not_sent(kind):
    async with serving(answer_all) as upstream, connected(kind, upstream.url) as client:
        for body, length in ((b"abc", 2), (None, 2), (b"", 1)):
            with pytest.raises(BodyLengthError):
                await client.send(request(b"POST", body=body, content_length=length))
        assert not upstream.peers


@applies(*BOTH)
@pytest.mark.parametrize(
    "part",
    [
        {"target": b"/ HTTP/1.1\r\nx: y\r\n\r\nGET /"},
        {"target": b"/a b"},
        {"target": b"/\0"},
        {"method": b"GET /x"},
        {"method": b"GET\n"},
        {"headers": [(b"x", b"a\r\nb: c")]},
        {"headers": [(b"x", b"a\nb: c")]},
        {"headers": [(b"x", b"a\rb")]},
        {"headers": [(b"x", b"a\0b")]},
        {"headers": [(b"x\r\ny", b"z")]},
        {"headers": [(b"content-length", b"3")]},
        {"headers": [(b"transfer-encoding", b"chunked")]},
    ],
)
async def test_what_could_become_a_second_request_is_not_sent(kind, part):
    async with serving(answer_all) as upstream, connected(kind, upstream.url) as client:
        with pytest.raises(ValueError, match="request"):
            await client.send(request(**part))
        assert not upstream.peers


@applies(*BOTH)
async def test_an_error_of_the_bodys_iterator_cuts_the_connection_and_is_raised(kind):
    class ClientLeftError(Exception):
        pass

    async def body():
        yield b"abc"
        raise ClientLeftError

    async def script(peer):
        assert await peer.request() is None
        peer.number = "cut"

    async with serving(script) as upstream, connected(kind, upstream.url) as client:
        for length in (None, 10):
            with pytest.raises(ClientLeftError):
                await client.send(request(b"POST", body=body(), content_length=length))
        await eventually(lambda: [peer.number for peer in upstream.peers] == ["cut", "cut"])
        assert client.idle == 0


@applies(*BOTH)
async def test_a_bodys_own_timeout_is_not_taken_for_ours(kind):
    async def body():
        yield b"abc"
        raise TimeoutError("the body's")

    async with serving(answer_all) as upstream, connected(kind, upstream.url) as client:
        with pytest.raises(TimeoutError, match="the body's"):
            await client.send(request(b"POST", body=body()))


@applies(*HTTP1)
async def test_a_body_that_is_cancelled_by_others_is_not_waited_for(kind):
    async def body():
        yield b"abc"
        raise asyncio.CancelledError

    async with serving(answer_all) as upstream, connected(kind, upstream.url) as client:
        with pytest.raises(BodyLengthError):
            await client.send(request(b"POST", body=body()))


@applies(*BOTH)
async def test_the_body_is_closed_when_its_sending_ends_early(kind):
    closed = asyncio.Event()
    reading = asyncio.Event()

    async def body():
        try:
            while True:
                reading.set()
                yield b"x" * 1000
        finally:
            closed.set()

    async def script(peer):
        await peer.head()
        peer.reset()

    async with serving(script) as upstream, connected(kind, upstream.url) as client:
        with pytest.raises(UpstreamError) as caught:
            await client.send(request(b"POST", body=body()))
        assert caught.value.kind is UpstreamErrorKind.CLOSED
        assert caught.value.sent
        assert closed.is_set()


@applies(*BOTH)
async def test_admit_is_asked_before_the_head_and_its_refusal_sends_nothing(kind):
    asked = []

    def refuse():
        asked.append(len(upstream.requests))
        raise DecisionChangedError

    async with serving(answer_all) as upstream, connected(kind, upstream.url) as client:
        for _ in range(3):
            with pytest.raises(DecisionChangedError):
                await client.send(request(admit=refuse))
        assert upstream.requests == []
        assert await fetch(client, request(admit=lambda: asked.append("yes"))) == (200, b"ok")
        assert asked == [0, 0, 0, "yes"]
        assert len(upstream.requests) == 1


@applies(*HTTP1)
async def test_a_refusal_leaves_the_connection_in_the_pool(kind):
    def refuse():
        raise DecisionChangedError

    async with serving(answer_all) as upstream, connected(kind, upstream.url) as client:
        for _ in range(3):
            with pytest.raises(DecisionChangedError):
                await client.send(request(admit=refuse))
            assert (client.in_flight, client.idle) == (0, 1)
        await fetch(client)
        assert len(upstream.peers) == 1


@applies(*BOTH)
async def test_the_body_is_untouched_when_admit_refuses(kind):
    def refuse():
        raise DecisionChangedError

    body = pieces(b"a", b"b")
    async with serving(answer_all) as upstream, connected(kind, upstream.url) as client:
        with pytest.raises(DecisionChangedError):
            await client.send(request(b"POST", body=body, admit=refuse))
        await fetch(client, request(b"POST", body=body))
        assert upstream.requests[0].body == b"ab"


@applies(*HTTP1)
async def test_an_early_reply_is_returned_while_the_upload_goes_on(kind):
    go_on = asyncio.Event()

    async def body():
        yield b"first"
        await go_on.wait()
        yield b"last"

    async def script(peer):
        if peer.number:
            await answer_all(peer)
            return
        await peer.head()
        await peer.send(OK)
        peer.rest = await peer.reader.readuntil(b"0\r\n\r\n")
        assert await peer.closed() == b""

    async with serving(script) as upstream, connected(kind, upstream.url) as client:
        response = await client.send(request(b"POST", body=body()))
        assert response.status == 200
        assert await response.read() == b"ok"
        assert await response.read() == b""
        go_on.set()
        await eventually(lambda: hasattr(upstream.peers[0], "rest"))
        assert b"first" in upstream.peers[0].rest
        assert b"last" in upstream.peers[0].rest
        await response.aclose()
        assert await fetch(client) == (200, b"ok")
        assert len(upstream.peers) == 2, "who answers before the body has come may take it for the next request"


@applies(*HTTP1)
async def test_an_upload_stops_when_the_reply_ends_the_connection(kind):
    stopped = asyncio.Event()

    async def body():
        try:
            yield b"first"
            await asyncio.Event().wait()
        finally:
            stopped.set()

    async def script(peer):
        await peer.head()
        await peer.send(OK.replace(b"200 OK\r\n", b"413 Too Large\r\nconnection: close\r\n"))
        await peer.closed()

    async with serving(script) as upstream, connected(kind, upstream.url) as client:
        response = await client.send(request(b"POST", body=body()))
        assert response.status == 413
        await stopped.wait()
        assert await read_all(response) == b"ok"
        assert client.idle == 0


@applies(*HTTP1)
async def test_closing_a_response_cancels_the_upload_and_cuts_the_connection(kind):
    stopped = asyncio.Event()

    async def body():
        try:
            yield b"first"
            await asyncio.Event().wait()
        finally:
            stopped.set()

    async def script(peer):
        await peer.head()
        await peer.send(OK)
        await peer.closed()
        peer.number = "cut"

    async with serving(script) as upstream, connected(kind, upstream.url) as client:
        response = await client.send(request(b"POST", body=body()))
        assert await read_all(response) == b"ok"
        assert stopped.is_set()
        assert (client.in_flight, client.idle) == (0, 0)
        await eventually(lambda: upstream.peers[0].number == "cut")


@applies(*HTTP1)
@pytest.mark.parametrize("finish", ["close", "reset"])
async def test_a_refusal_of_an_upload_arrives_although_the_upstream_stops_reading(kind, finish):
    """413 and the end of the connection with unread data: the reply is in the kernel while our writes already fail."""

    async def body():
        while True:
            yield b"x" * 65_536

    async def script(peer):
        await peer.head()
        await peer.send(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno")
        if finish == "close":
            peer.close()
        else:
            peer.writer.transport.abort()

    async with serving(script) as upstream, connected(kind, upstream.url) as client:
        for _ in range(30):
            response = await client.send(request(b"POST", body=body()))
            assert response.status == 413
            assert await read_all(response) == b"no"


@applies(*HTTP1)
async def test_a_reply_that_waits_in_the_kernel_is_read_although_a_write_has_failed(kind):
    """The upstream has answered, closed, and reset what came after; the loop hears of the failed write first."""
    ended = threading.Event()

    def upstream(listener):
        connection, _ = listener.accept()
        with connection:
            while b"first" not in connection.recv(65_536):
                pass
            connection.sendall(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno")
            more.set()
            while b"second" not in connection.recv(65_536, socket.MSG_PEEK):
                pass
        ended.set()

    async def body():
        (connection,) = client._pools[0].busy
        connection.pause_reading()  # the reply will be there, and not read
        yield b"first"
        await asyncio.to_thread(more.wait)
        yield b"second"
        await asyncio.to_thread(ended.wait)  # closed with unread data: reset
        while True:
            yield b"x" * 1000
            await asyncio.sleep(0)

    more = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        running = asyncio.create_task(asyncio.to_thread(upstream, listener))
        async with connected(kind, f"http://127.0.0.1:{listener.getsockname()[1]}") as client:
            response = await client.send(request(b"POST", body=body()))
            assert (response.status, await read_all(response)) == (413, b"no")
        await running


@applies(*HTTP1)
async def test_a_complete_body_that_the_upstream_did_not_read_ends_the_connection(kind):
    async def script(peer):
        await peer.head()
        await peer.send(OK)
        await asyncio.Event().wait()

    async with serving(script) as upstream, connected(kind, upstream.url) as client:
        response = await client.send(request(b"POST", body=b"x" * 30_000_000))
        assert await read_all(response) == b"ok"
        assert client.idle == 0
