"""A user's browser against a server that answers to the byte as the test says."""

import asyncio
import contextlib

import pytest

from traffic.browser import Browser, Target
from traffic.failures import NoAnswerError
from traffic.wire import Request

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
GET = Request("GET", "/x")
POST = Request("POST", "/x", (("x-a", "b"),), b"body")
CLOSE = object()


class Server:
    """Answers each request with the next of its lines; CLOSE ends the connection instead."""

    def __init__(self, script):
        self.script = list(script)
        self.heads = []
        self.connections = 0

    async def serve(self, reader, writer):
        self.connections += 1
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while self.script:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                self.heads.append(head)
                if "content-length: 4" in head:
                    await reader.readexactly(4)
                for part in self.script.pop(0):
                    if part is CLOSE:
                        writer.close()
                        return
                    writer.write(part)
                    await writer.drain()
            await reader.read()
        writer.close()


@contextlib.asynccontextmanager
async def browsing(*script, patience=5.0):
    server = Server(script)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    browser = Browser(Target("http", "127.0.0.1", listener.sockets[0].getsockname()[1]), "a browser", patience=patience)
    try:
        yield browser, server
    finally:
        await browser.close()
        listener.close()
        await listener.wait_closed()


async def test_one_connection_is_kept_for_all_requests():
    async with browsing([OK], [OK], [OK]) as (browser, server):
        for _ in range(3):
            assert (await browser.ask(GET)).body == b"ok"
    assert server.connections == 1


async def test_a_request_has_the_browser_s_name_and_its_own_headers():
    async with browsing([OK]) as (browser, server):
        await browser.ask(POST)
    head = server.heads[0].split("\r\n")
    assert head[0] == "POST /x HTTP/1.1"
    assert {"user-agent: a browser", "x-a: b", "content-length: 4"} <= set(head)


async def test_cookies_are_kept_and_sent():
    first = b"HTTP/1.1 200 OK\r\nset-cookie: gateway_id=1; Path=/\r\nSet-Cookie: b=2\r\ncontent-length: 0\r\n\r\n"
    again = b"HTTP/1.1 200 OK\r\nset-cookie: gateway_id=3\r\ncontent-length: 0\r\n\r\n"
    async with browsing([first], [again], [OK]) as (browser, server):
        for _ in range(3):
            await browser.ask(GET)
    cookies = [[line for line in head.split("\r\n") if line.startswith("cookie")] for head in server.heads]
    assert cookies == [[], ["cookie: gateway_id=1; b=2"], ["cookie: gateway_id=3; b=2"]]


async def test_chunks_pieces_and_interim_replies_are_one_answer():
    parts = [
        b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 20", b"1 Created\r\ntransfer-encoding: chunked\r\n",
        b"x-gateway-side: new\r\n\r\n3\r\nabc\r\n", b"2\r\nde\r\n0\r\n\r\n",
    ]  # fmt: skip
    async with browsing(parts, [OK]) as (browser, server):
        answer = await browser.ask(GET)
        assert (answer.status, answer.body, answer.side, answer.header("link")) == (201, b"abcde", "new", "")
        assert (await browser.ask(GET)).body == b"ok"
    assert server.connections == 1


async def test_an_answer_may_end_with_the_connection():
    async with browsing([b"HTTP/1.1 200 OK\r\n\r\nall", CLOSE], [OK]) as (browser, server):
        assert (await browser.ask(GET)).body == b"all"
        assert (await browser.ask(GET)).body == b"ok"
    assert server.connections == 2


async def test_a_connection_that_is_to_be_closed_is_not_used_again():
    async with browsing([b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n"], [OK]) as (browser, server):
        await browser.ask(GET)
        await browser.ask(GET)
    assert server.connections == 2


async def test_a_get_that_a_kept_connection_swallows_is_asked_again_and_counted():
    async with browsing([OK], [CLOSE], [OK]) as (browser, server):
        await browser.ask(GET)
        assert (await browser.ask(GET)).body == b"ok"
        assert browser.repeated == 1
    assert server.connections == 2


async def test_a_post_never_is():
    async with browsing([OK], [CLOSE], [OK]) as (browser, server):
        await browser.ask(GET)
        with pytest.raises(NoAnswerError, match="ended before the answer"):
            await browser.ask(POST)
    assert len(server.heads) == 2


@pytest.mark.parametrize(
    "begun", [b"H", b"HTTP/1.1 200 OK\r\ncontent-le", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nha"]
)
async def test_an_answer_that_is_cut_is_a_failure_and_not_asked_again(begun):
    async with browsing([OK], [begun, CLOSE], [OK]) as (browser, server):
        await browser.ask(GET)
        with pytest.raises(NoAnswerError, match=r"ended (inside|before) the answer"):
            await browser.ask(GET)
    assert len(server.heads) == 2


async def test_a_get_on_a_new_connection_is_not_asked_again():
    async with browsing([CLOSE], [OK]) as (browser, server):
        with pytest.raises(NoAnswerError, match="before the answer"):
            await browser.ask(GET)
    assert len(server.heads) == 1


async def test_more_than_one_answer_is_a_failure():
    async with browsing([OK + OK]) as (browser, _):
        with pytest.raises(NoAnswerError, match="more came"):
            await browser.ask(GET)


async def test_what_is_no_http_is_a_failure():
    async with browsing([b"SSH-2.0-x\r\n"]) as (browser, _):
        with pytest.raises(NoAnswerError, match="no HTTP"):
            await browser.ask(GET)


@pytest.mark.parametrize("some", [[], [b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nh"]])
async def test_an_answer_that_does_not_come_is_waited_for_so_long(some):
    async with browsing(some, patience=0.2) as (browser, _):
        with pytest.raises(NoAnswerError, match=r"within 0\.2 s"):
            await browser.ask(GET)


async def test_a_stream_is_read_as_it_comes_and_its_connection_used_again():
    parts = [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\na\r\n", b"1\r\nb\r\n0\r\n\r\n"]
    async with browsing(parts, [OK]) as (browser, server):
        async with browser.stream(GET) as (answer, pieces):
            assert answer.status == 200
            assert b"".join([piece async for piece in pieces]) == b"ab"
        await browser.ask(GET)
    assert server.connections == 1


async def test_a_stream_that_is_left_in_the_middle_gives_up_its_connection():
    parts = [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n"]
    async with browsing(parts, [OK]) as (browser, server):
        async with browser.stream(GET) as (_, pieces):
            assert await anext(pieces) == b"a"
        assert (await browser.ask(GET)).body == b"ok"
    assert server.connections == 2


async def test_a_stream_that_is_cut_or_falls_silent_says_so():
    start = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n"
    async with browsing([start, CLOSE], [start], patience=2) as (browser, _):
        for words in ("inside the answer", "nothing more within"):
            async with browser.stream(GET) as (_, pieces):
                assert await anext(pieces) == b"a"
                with pytest.raises(NoAnswerError, match=words):
                    await anext(pieces)


async def test_nobody_there_is_no_answer():
    listener = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    listener.close()
    await listener.wait_closed()
    with pytest.raises(NoAnswerError, match="no connection"):
        await Browser(Target("http", "127.0.0.1", port), "a", patience=1).ask(GET)
