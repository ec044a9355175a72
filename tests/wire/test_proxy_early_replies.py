"""Replies to uploads that are still on their way: what each side sees of it, to the last byte and the end."""

import asyncio

import pytest

from tests.support.edge_cases import BOTH_LOOPS
from tests.support.proxy_harness import ANY_SERVER, BrokenReplyError, gateway, head_of, one
from tests.support.scripted_upstream import OK, answer_all, applies, eventually, serving

LENGTH = "content-length: 1000000"
CHUNKED = "transfer-encoding: chunked"
BEGUN = {LENGTH: b"x" * 10, CHUNKED: b"a\r\nxxxxxxxxxx\r\n"}
REST = {LENGTH: b"x" * 999_990, CHUNKED: b"0\r\n\r\n"}


def refusing(head=b"connection: close", *, seen):
    """Reads what has come, answers, and notes whatever comes after the answer."""

    async def script(peer):
        if peer.number:
            await answer_all(peer)
            return
        text = await peer.reader.readuntil(b"xxxxxxxxxx")
        assert text.count(b"POST") == 1
        await peer.send(b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n" + head + b"\r\n\r\nbig")
        seen.append(await peer.closed())

    return script


@applies(*ANY_SERVER)
@pytest.mark.parametrize("framing", [LENGTH, CHUNKED])
@pytest.mark.parametrize("head", [b"connection: close", b"x-keeps: alive"])
async def test_the_answer_arrives_and_the_upload_stops_at_the_upstream(server, framing, head):
    seen = []
    async with serving(refusing(head, seen=seen)) as old, gateway(one(old), server) as gw, gw.client() as client:
        await client.send(head_of("POST", "/", framing) + BEGUN[framing])
        reply = await client.reply()
        assert (reply.status, reply.body) == (413, b"big")
        await gw.until_counted()
        await eventually(lambda: seen)
        assert not seen[0].endswith(b"0\r\n\r\n")  # never a whole body
        assert b"POST" not in seen[0]
        assert gw.attempts == {("fixed", "4xx"): 1}
        assert gw.upstream_errors == {}


@applies(*BOTH_LOOPS)
@pytest.mark.parametrize("framing", [LENGTH, CHUNKED])
async def test_what_comes_of_the_upload_after_the_answer_is_no_request(framing):
    seen = []
    async with serving(refusing(seen=seen)) as old, gateway(one(old)) as gw, gw.client() as client:
        await client.send(head_of("POST", "/", framing) + BEGUN[framing])
        reply = await client.reply()
        assert reply.status == 413
        if framing == LENGTH:  # the end of it is known and near: the connection goes on
            assert reply.all(b"connection") == []
            await client.send(REST[framing])
            assert (await client.get("/next")).status == 200
            assert [request.line for request in old.requests] == [b"GET /next HTTP/1.1"]
        else:
            assert reply[b"connection"] == b"close"
            await client.send(REST[framing] + head_of("GET", "/next"))
            assert await client.closed() == b""
            assert old.requests == []


@applies(*BOTH_LOOPS)
async def test_a_client_that_reads_only_when_all_is_sent_gets_the_answer():
    """Nothing is reset while it is still sending."""
    seen = []
    async with serving(refusing(seen=seen)) as old, gateway(one(old)) as gw, gw.client() as client:
        await client.send(head_of("POST", "/", LENGTH) + BEGUN[LENGTH])
        await eventually(lambda: seen)
        for _ in range(10):
            await client.send(b"x" * 99_999)
        assert (await client.reply()).status == 413


@applies(*BOTH_LOOPS)
async def test_an_answer_that_goes_on_while_the_body_does_ends_with_both():
    """The connection to the upstream is used again: request and reply were whole."""
    replied = asyncio.Event()

    async def script(peer):
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nready\r\n")
        replied.set()
        await peer.reader.readuntil(b"0\r\n\r\n")
        await peer.send(b"0\r\n\r\n")
        await answer_all(peer)

    async with serving(script) as old, gateway(one(old)) as gw, gw.client() as client:
        await client.send(head_of("POST", "/", CHUNKED) + BEGUN[CHUNKED])
        await replied.wait()
        await client.head()
        assert await client.chunk() == b"ready"
        await client.send(REST[CHUNKED])
        assert await client.chunk() == b""
        assert (await client.get("/next")).status == 200
        assert len(old.peers) == 1


@applies(*BOTH_LOOPS)
async def test_a_client_that_breaks_its_upload_off_after_the_answer_has_begun_breaks_the_request():
    async def script(peer):
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nready\r\n")
        seen.append(await peer.closed())

    seen = []
    async with serving(script) as old, gateway(one(old)) as gw:
        async with gw.client() as client:
            await client.send(head_of("POST", "/", CHUNKED) + BEGUN[CHUNKED])
            await client.head()
            assert await client.chunk() == b"ready"
            await client.leave()
        await eventually(lambda: seen)
        assert not seen[0].endswith(b"0\r\n\r\n")
        await gw.until_counted()
        assert gw.requests == {("none", "fixed", "499"): 1}


@applies(*BOTH_LOOPS)
async def test_nonsense_in_the_upload_after_the_answer_has_begun_cuts_both():
    async def script(peer):
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nready\r\n")
        seen.append(await peer.closed())

    seen = []
    async with serving(script) as old, gateway(one(old)) as gw, gw.client() as client:
        await client.send(head_of("POST", "/", CHUNKED) + BEGUN[CHUNKED])
        await client.head()
        assert await client.chunk() == b"ready"
        await client.send(b"nonsense\r\n0\r\n\r\n")
        assert await client.closed() == b""
        await eventually(lambda: seen)
        assert not seen[0].endswith(b"0\r\n\r\n")


@applies(*BOTH_LOOPS)
async def test_a_whole_answer_before_the_end_of_the_upload_leaves_no_connection_in_the_pool():
    """RFC 9112 section 9.3: the body that was announced will not come, so nothing may follow on that connection."""

    async def script(peer):
        if peer.number == 0:
            await peer.reader.readuntil(b"xxxxxxxxxx")
            await peer.send(OK)
            seen.append(await peer.closed())
        else:
            await answer_all(peer)

    seen = []
    async with serving(script) as old, gateway(one(old)) as gw, gw.client() as client, gw.client() as other:
        await client.send(head_of("POST", "/", LENGTH) + BEGUN[LENGTH])
        assert (await client.reply()).status == 200
        assert (await other.get("/next")).status == 200
        await eventually(lambda: seen)
        assert b"GET" not in seen[0]
        assert len(old.peers) == 2


@applies(*BOTH_LOOPS)
async def test_an_early_answer_that_breaks_off_is_broken():
    async def script(peer):
        await peer.reader.readuntil(b"xxxxxxxxxx")
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")

    async with serving(script) as old, gateway(one(old)) as gw, gw.client() as client:
        await client.send(head_of("POST", "/", LENGTH) + BEGUN[LENGTH])
        with pytest.raises(BrokenReplyError):
            await client.reply()
        await gw.until_counted()
        assert gw.attempts == {("fixed", "truncated"): 1}
