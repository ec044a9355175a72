"""What a client sees when something fails, and who is blamed for it. Under any ASGI server."""

import asyncio
import json
import re

import pytest

from tests.support.proxy_harness import ANY_SERVER, CUT, BrokenReplyError, gateway, head_of, one, two
from tests.support.scripted_upstream import OK, answer_all, answering, applies, serving, unused_port


class Nowhere:
    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"


def assert_problem(reply, status, title):
    document = json.loads(reply.body)
    assert reply.status == document["status"] == status
    assert reply[b"content-type"] == b"application/problem+json"
    assert reply[b"cache-control"] == b"no-store"
    assert len(reply.all(b"date")) == 1
    assert set(document) == {"type", "title", "status", "detail", "request_id"}
    assert document["type"] == "about:blank"
    assert document["title"] == title
    assert document["detail"]
    assert document["request_id"] == reply[b"x-request-id"].decode()
    return document


@applies(*ANY_SERVER)
async def test_an_upstream_that_refuses_is_502_and_the_next_request_works(server):
    with unused_port() as port:
        async with gateway(one(Nowhere(port)), server) as gw, gw.client() as client:
            for number in (1, 2):
                assert_problem(await client.get(), 502, "Upstream unreachable")
                await gw.until_counted(total=number)
            assert gw.requests == {("none", "fixed", "502"): 2}
            assert gw.attempts == {("fixed", "refused"): 2}
            assert gw.upstream_errors == {("old", "refused"): 2}


@applies(*ANY_SERVER)
@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (b"", "closed"),
        (b"HTTP/1.1 200 OK\r\ncontent-le", "closed"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", "malformed"),
        (b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n", "malformed"),
    ],
)
async def test_a_reply_that_is_none_is_502_and_counts_once(server, reply, kind):
    async with serving(answering(reply)) as old, gateway(one(old), server) as gw, gw.client() as client:
        assert_problem(await client.get(), 502, "Bad reply from upstream")
        await gw.until_counted()
        assert gw.attempts == {("fixed", "truncated"): 1}
        assert gw.upstream_errors == {("old", kind): 1}


@applies(*ANY_SERVER)
async def test_an_upstream_that_hangs_is_504(server):
    async def hang(peer):
        await peer.request()
        assert await peer.closed() == b""

    options = "first_byte_timeout_seconds: 0.1"
    async with serving(hang) as old, gateway(one(old, options=options), server) as gw, gw.client() as client:
        assert_problem(await client.get(), 504, "Upstream timed out")
        await gw.until_counted()
        assert gw.attempts == {("fixed", "timeout"): 1}
        assert gw.upstream_errors == {("old", "first_byte_timeout"): 1}


@applies(*ANY_SERVER)
async def test_a_busy_pool_is_503_with_retry_after(server):
    async def hang(peer):
        await peer.request()
        await peer.closed()

    options = "max_connections: 1, connect_timeout_seconds: 0.5"
    async with (
        serving(hang) as old,
        gateway(one(old, options=options), server) as gw,
        gw.client() as first,
        gw.client() as second,
    ):
        await first.send(head_of("GET", "/"))
        reply = await second.get()
        assert_problem(reply, 503, "Service unavailable")
        assert reply[b"retry-after"] == b"1"


BROKEN = [
    b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
]


@applies(*ANY_SERVER)
@pytest.mark.parametrize("reply", BROKEN)
async def test_a_reply_that_breaks_off_is_broken_for_the_client_too(server, reply):
    async with serving(answering(reply)) as old, gateway(one(old), server, noise=CUT) as gw, gw.client() as client:
        with pytest.raises(BrokenReplyError):
            await client.get()
        await gw.until_counted()
        assert gw.attempts == {("fixed", "truncated"): 1}
        assert sum(gw.upstream_errors.values()) == 1
        assert bool(gw.noise.lines) == (server == "uvicorn")


@applies(*ANY_SERVER)
async def test_a_reply_that_goes_wrong_in_its_body_is_broken_for_the_client_too(server):
    seen = asyncio.Event()

    async def script(peer):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n")
        await seen.wait()
        await peer.send(b"nonsense\r\n")

    async with serving(script) as old, gateway(one(old), server, noise=CUT) as gw, gw.client() as client:
        await client.send(head_of("GET", "/"))
        await client.head()
        assert await client.chunk() == b"half"
        seen.set()
        assert await client.closed() == b""
        await gw.until_counted()
        assert gw.upstream_errors == {("old", "malformed"): 1}


@applies(*ANY_SERVER)
async def test_a_reply_to_the_end_of_the_connection_that_is_reset_is_broken_for_the_client_too(server):
    async def script(peer):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        await seen.wait()
        peer.reset()

    seen = asyncio.Event()
    async with serving(script) as old, gateway(one(old), server, noise=CUT) as gw, gw.client() as client:
        await client.send(head_of("GET", "/"))
        await client.head()
        assert await client.chunk() == b"half"
        seen.set()
        assert await client.closed() == b""
        await gw.until_counted()
        assert gw.attempts == {("fixed", "truncated"): 1}


@applies(*ANY_SERVER)
@pytest.mark.parametrize("head", [b"content-length: 1000", b"transfer-encoding: chunked", b"x-until: close"])
async def test_a_reply_that_stops_is_cut_and_never_ends_well(server, head):
    async def script(peer):
        await peer.request()
        half = b"4\r\nhalf\r\n" if b"chunked" in head else b"half"
        await peer.send(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n" + half)
        await peer.closed()

    options = "idle_timeout_seconds: 0.1"
    async with (
        serving(script) as old,
        gateway(one(old, options=options), server, noise=CUT) as gw,
        gw.client() as client,
    ):
        with pytest.raises(BrokenReplyError):
            await client.get()
        await gw.until_counted()
        assert gw.attempts == {("fixed", "timeout"): 1}
        assert gw.upstream_errors == {("old", "idle_timeout"): 1}


@applies(*ANY_SERVER)
async def test_a_failure_answers_head_without_a_body(server):
    with unused_port() as port:
        async with gateway(one(Nowhere(port)), server) as gw, gw.client() as client:
            reply = await client.get(method="HEAD")
            assert reply.status == 502
            assert int(reply[b"content-length"]) > 100
            assert (await client.get()).status == 502


ROUTED = """
version: 1
upstreams:
  old: {{url: "{0.url}"}}
  other: {{url: "{0.url}"}}
routes:
  - {{path: "/a/*", upstream: old}}
  - {{path: "/b/*", upstream: other}}
"""


@applies(*ANY_SERVER)
@pytest.mark.parametrize(
    ("target", "lines", "status", "title"),
    [
        ("/nowhere", (), 404, "No such route"),
        ("/a/%2F../../b/x", (), 400, "Ambiguous path"),
        ("/a/x", ("host: a", "host: b"), 400, "Bad request"),
        ("/a/x", ("host: a/b",), 400, "Bad request"),
        ("/a/x", ('host: a"b',), 400, "Bad request"),
        ("/a/x", ("upgrade: websocket",), 400, "Bad request"),
        ("/a/x", ("transfer-encoding: gzip, chunked",), 501, "Not implemented"),
    ],
)
async def test_what_cannot_be_served_is_said(server, target, lines, status, title):
    async with (
        serving(answer_all) as old,
        gateway(ROUTED.format(old), server, noise=("upgrade", "WebSocket")) as gw,
        gw.client() as client,
    ):
        assert_problem(await client.get(target, *lines), status, title)
        await gw.until_counted()
        assert old.requests == []
        assert gw.attempts == {}
        ((_, _, counted),) = gw.requests
        assert counted == str(status)


@applies(*ANY_SERVER)
async def test_a_fault_of_ours_is_500_with_the_id_and_a_traceback_and_the_next_request_works(server):
    class Broken(dict):
        def get(self, name, default=None):
            raise ZeroDivisionError

    async with (
        serving(answer_all) as old,
        serving(answer_all) as new,
        gateway(two(old, new), server) as gw,
        gw.client() as client,
    ):
        good = gw.policies
        gw.policies = Broken()
        document = assert_problem(await client.get("/api/auth/x"), 500, "Internal error")
        await gw.until_counted()
        (fault,) = [event for event in gw.logged.events if "exc_info" in event]
        assert fault["level"] == "error"
        assert fault["request_id"] == document["request_id"]
        assert isinstance(fault["exc_info"], ZeroDivisionError)
        gw.policies = good
        assert (await client.get("/api/auth/x", "x-user: a")).status == 200


def stale(counts):
    """The first connection answers once and closes upon the second request; later ones answer all."""

    async def script(peer):
        if peer.number == 0:
            await peer.request()
            await peer.send(OK)
            if await peer.head():
                counts.append(peer.number)
            return
        await answer_all(peer)

    return script


@applies(*ANY_SERVER)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
async def test_a_stale_pooled_connection_is_no_failure_where_a_second_try_does_no_harm(server, method):
    reached = []
    async with serving(stale(reached)) as old, gateway(one(old), server) as gw, gw.client() as client:
        assert (await client.get()).status == 200
        body = (("content-length: 4",), b"body") if method == "PUT" else ((), b"")
        assert (await client.ask(method, "/", *body[0], body=body[1])).status == 200
        assert reached == [0]
        await gw.until_counted(total=2)
        assert gw.attempts == {("fixed", "ok"): 2, ("fixed", "truncated"): 1}
        assert old.peers[1].requests[0].body == body[1]


@applies(*ANY_SERVER)
async def test_a_post_that_may_have_been_read_is_not_sent_twice(server):
    reached = []
    async with serving(stale(reached)) as old, gateway(one(old), server) as gw, gw.client() as client:
        assert (await client.get()).status == 200
        assert_problem(await client.ask("POST", "/", "content-length: 4", body=b"body"), 502, "Bad reply from upstream")
        assert reached == [0]
        assert len(old.peers) == 1


@applies(*ANY_SERVER)
@pytest.mark.parametrize("framing", ["content-length: 8", "transfer-encoding: chunked"])
async def test_an_upload_that_went_by_in_pieces_is_not_replayed_as_an_empty_one(server, framing):
    async def script(peer):
        if peer.number == 0:
            await peer.request()
            await peer.send(OK)
            assert await peer.head() is not None
            await peer.reader.readuntil(b"head")
            began.set()
            await peer.reader.readuntil(b"last")  # the whole body, and then the end without a reply
            return
        await answer_all(peer)

    began = asyncio.Event()

    async with serving(script) as old, gateway(one(old), server) as gw, gw.client() as client:
        assert (await client.get()).status == 200
        pieces = [b"4\r\nhead\r\n", b"4\r\nlast\r\n0\r\n\r\n"] if "chunked" in framing else [b"head", b"last"]
        await client.send(head_of("PUT", "/", framing) + pieces[0])
        await began.wait()
        await client.send(pieces[1])
        assert_problem(await client.reply(), 502, "Bad reply from upstream")
        assert len(old.peers) == 1


@applies(*ANY_SERVER)
async def test_errors_are_logged_once_with_what_an_operator_needs_and_no_secrets(server):
    with unused_port() as port:
        text = one(Nowhere(port), top="log: {requests: errors}")
        async with gateway(text, server) as gw, gw.client() as client:
            reply = await client.get("/a?token=secret", "cookie: session=secret")
            await gw.until_counted()
            (line,) = gw.logged.events
            assert (line["status"], line["path"], line["upstream"]) == (502, "/a", "old")
            assert line["request_id"] == reply[b"x-request-id"].decode()
            assert "secret" not in repr(line)
            assert re.search(r"accept", line["error"])
