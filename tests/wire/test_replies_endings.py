"""Ends of replies: cut short, longer than they say, without a body, to the end of the connection, or too early."""

import asyncio

import pytest

from tests.support.edge_cases import BOTH_LOOPS
from tests.support.proxy_harness import gateway, one
from tests.support.reply_cases import CHUNKED, HEAD, LENGTH, OPTIONS, assert_ok, both_clients, views
from tests.support.scripted_upstream import OK, applies, serving

CHUNKS = b"2\r\nok\r\n0\r\n\r\n"
EVIL = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"
SHORT = [
    HEAD + b"content-length: 9\r\n\r\n", HEAD + b"content-length: 9\r\n\r\nok", CHUNKED, CHUNKED + b"2",
    CHUNKED + b"2\r\n", CHUNKED + b"2\r\no", CHUNKED + b"2\r\nok", CHUNKED + b"2\r\nok\r\n", CHUNKED + b"2\r\nok\r\n0",
    CHUNKED + b"2\r\nok\r\n0\r\n", CHUNKED + b"2\r\nok\r\n0\r\nx: y\r\n",
    b"HTTP/1.0 200 OK\r\ncontent-length: 9\r\n\r\nok",
]  # fmt: skip
UNBEGUN = [b"", b"H", b"HTTP/1.1 200 OK", b"HTTP/1.1 200 OK\r\n", HEAD + b"content-length: 2\r\n", HEAD + b"x: y\r\n\r"]


@pytest.mark.parametrize("cut", [False, True])
@both_clients
async def test_a_body_that_ends_early_is_broken_for_the_client(kind, cut):
    for view in await views(kind, SHORT, ends=True, cut=cut):
        assert (view.reply, view.reused) == (None, False), view


@both_clients
async def test_a_head_that_ends_early_is_502(kind):
    for view in await views(kind, UNBEGUN, ends=True):
        assert (view.status, view.reused) == (502, False), view


@both_clients
@pytest.mark.parametrize("extra", [b"\r\n", b"\n", b"x", b"\0", EVIL, b"GET / HTTP/1.1\r\n\r\n"])
async def test_what_follows_a_reply_is_nobodys_answer(kind, extra):
    await assert_ok(kind, [HEAD + LENGTH + extra, CHUNKED + CHUNKS + extra], reused=False)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("extra", [b"ok", EVIL, b"2\r\nok\r\n0\r\n\r\n"])
@both_clients
async def test_replies_without_a_body_that_have_one(kind, method, extra):
    """The head is good and passed on; what follows it is thrown away with the connection."""
    heads = [b"HTTP/1.1 204 X\r\n\r\n", b"HTTP/1.1 304 X\r\ncontent-length: 2\r\n\r\n", b"HTTP/1.1 304 X\r\n\r\n"]
    if method == "HEAD":
        heads += [HEAD + b"content-length: 2\r\n\r\n", HEAD + b"transfer-encoding: chunked\r\n\r\n", HEAD + b"\r\n"]
    for view in await views(kind, [head + extra for head in heads], method=method):
        assert view.reply is not None
        assert (view.status, view.reply.body, view.reused) == (int(view.sent[9:12]), b"", False), view


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@both_clients
async def test_replies_without_a_body_that_have_none(kind, method):
    heads = [
        b"HTTP/1.1 204 X\r\n\r\n",
        b"HTTP/1.1 304 X\r\ncontent-length: 2\r\n\r\n",
        b"HTTP/1.1 205 X\r\ncontent-length: 0\r\n\r\n",
        HEAD + b"content-length: 0\r\n\r\n",
    ]
    for view in await views(kind, heads, method=method):
        assert (view.status, view.reply.body, view.reused) == (int(view.sent[9:12]), b"", True), view


@both_clients
async def test_a_205_has_no_body_whatever_the_upstream_sends(kind):
    """RFC 9110 section 15.3.6."""
    head = b"HTTP/1.1 205 X\r\n"
    bodies = [LENGTH + b"ok", b"content-length: 9\r\n\r\nok", b"\r\nok"]
    bodies += [b"transfer-encoding: chunked\r\n\r\n" + CHUNKS, b"transfer-encoding: chunked\r\n\r\n9\r\nok"]
    for view in await views(kind, [head + body for body in bodies], ends=True):
        assert view.reply is not None, view
        assert (view.status, view.reply.body) == (205, b""), view
        assert view.reply.all(b"content-length") == [b"0"], view
        assert view.reply.all(b"transfer-encoding") == [], view


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
@pytest.mark.parametrize("cut", [False, True])
@both_clients
async def test_a_reply_without_a_length_goes_to_the_end_of_the_connection(kind, version, cut):
    head = b"HTTP/" + version + b" 200 OK\r\n"
    replies = [head + b"\r\nok", head + b"connection: close\r\n\r\nok", head + b"connection: keep-alive\r\n\r\nok"]
    for view in await assert_ok(kind, replies, reused=False, ends=True, cut=cut):
        assert view.reply.all(b"transfer-encoding") == [b"chunked"]


@both_clients
async def test_which_connections_are_used_again(kind):
    cases = [
        (b"HTTP/1.1 200 OK\r\n", True),
        (b"HTTP/1.1 200 OK\r\nconnection: close\r\n", False),
        (b"HTTP/1.1 200 OK\r\nconnection: x-y, Close\r\n", False),
        (b"HTTP/1.1 200 OK\r\nconnection: keep-alive\r\n", True),
        (b"HTTP/1.0 200 OK\r\n", False),
        (b"HTTP/1.0 200 OK\r\nconnection: close\r\n", False),
    ]
    for view, (_, reused) in zip(await views(kind, [head + LENGTH for head, _ in cases]), cases, strict=True):
        assert (view.status, view.reused) == (200, reused), view


@both_clients
@pytest.mark.parametrize("reply", [HEAD + LENGTH, CHUNKED + CHUNKS, HEAD + b"\r\nok"])
async def test_an_http_1_0_client_gets_no_chunks(kind, reply):
    (view,) = await views(kind, [reply], version="1.0", ends=True)
    assert (view.status, view.reply.body) == (200, b"ok")
    assert view.reply.all(b"transfer-encoding") == []
    assert view.reply[b"connection"] == b"close"
    assert view.reply.all(b"content-length") == ([b"2"] if b"length" in reply else [])


@applies(*BOTH_LOOPS)
@pytest.mark.parametrize("early", [EVIL, b"x", b"\r\n", b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n"])
async def test_what_a_kept_connection_says_before_a_request_answers_none(early):
    """Some servers say 408 before they close an idle connection."""
    said = asyncio.Event()

    async def script(peer):
        await peer.request()
        await peer.send(OK)
        if peer.number == 0:
            await peer.send(early)
            assert await peer.closed() == b""
            said.set()

    async with serving(script) as old, gateway(one(old, options=OPTIONS.format(kind="http1"))) as gw:
        async with gw.client() as client:
            assert (await client.get("/one")).body == b"ok"
            await said.wait()
            assert (await client.get("/two")).body == b"ok"
        assert [len(peer.requests) for peer in old.peers] == [1, 1]
