"""Replies that do not end by themselves: nothing of them waits here, and they may be silent as long as they want."""

import asyncio

import pytest

from tests.support.edge_cases import BOTH_LOOPS, EDGE
from tests.support.proxy_harness import ANY_SERVER, CUT, BrokenReplyError, gateway, head_of
from tests.support.scripted_upstream import OK, applies, eventually, serving

HTTP1 = "connect_timeout_seconds: 5"
HTTPX = "client: httpx, connect_timeout_seconds: 5"
FILE = """
version: 1
upstreams:
  old: {{url: "{old}", {options}}}
  new: {{url: "{new}"}}
features:
  auth: {{legacy: old, new: new, percent: 100}}
routes:
  - {{path: "/events", upstream: old, stream: true}}
  - {{path: "/plain", upstream: old}}
  - {{path: "/auth", feature: auth, stream: true}}
"""
SSE = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n"
FRAMINGS = {"chunked": b"transfer-encoding: chunked\r\n\r\n", "close": b"\r\n"}


def routed(old, new=None, *, options=HTTP1):
    return FILE.format(old=old.url, new=(new or old).url, options=options)


class Events:
    """An upstream that says what a test tells it to, and knows when it is left."""

    def __init__(self, framing="chunked", head=SSE):
        self.head = head + FRAMINGS[framing]
        self.framing = framing
        self.peers = []
        self.left = asyncio.Event()

    async def __call__(self, peer):
        await peer.request()
        await peer.send(self.head)
        self.peers.append(peer)
        await peer.closed()
        self.left.set()

    async def say(self, text, peer=None):
        for each in [peer] if peer else self.peers:
            await each.send(b"%x\r\n%b\r\n" % (len(text), text) if self.framing == "chunked" else text)


@applies(*ANY_SERVER)
@pytest.mark.parametrize("options", [HTTP1, HTTPX])
@pytest.mark.parametrize("framing", list(FRAMINGS))
async def test_each_event_arrives_before_the_next_is_there(server, options, framing):
    events = Events(framing)
    async with serving(events) as old, gateway(routed(old, options=options), server) as gw, gw.client() as client:
        await client.send(head_of("GET", "/events"))
        status, fields = await client.head()  # before there is any event
        assert (status, dict(fields)[b"content-type"]) == (200, b"text/event-stream")
        assert b"content-length" not in dict(fields)
        for number in range(5):
            await events.say(b"data: %d\n\n" % number)
            assert await client.chunk() == b"data: %d\n\n" % number
        await client.leave()
        await events.left.wait()


@applies(*EDGE)
async def test_an_http_1_0_client_gets_events_as_they_are_until_the_end():
    events = Events()
    async with serving(events) as old, gateway(routed(old)) as gw, gw.client() as client:
        await client.send(head_of("GET", "/events", version="1.0"))
        _, fields = await client.head()
        assert (b"connection", b"close") in fields
        assert b"transfer-encoding" not in dict(fields)
        await events.say(b"data: 1\n\n")
        assert await client.reader.readexactly(9) == b"data: 1\n\n"
        await events.peers[0].send(b"0\r\n\r\n")
        assert await client.closed() == b""


@applies(*BOTH_LOOPS)
@pytest.mark.parametrize("client_kind", ["http1", "httpx"])
@pytest.mark.parametrize("limit", ["idle_timeout_seconds: 0.1", "total_timeout_seconds: 0.3"])
async def test_a_stream_may_be_silent_when_others_are_cut(client_kind, limit):
    """That the time is over shows in the other request, which began later."""
    events = Events()
    options = f"client: {client_kind}, {limit}"
    async with (
        serving(events) as old,
        gateway(routed(old, options=options), noise=CUT) as gw,
        gw.client() as client,
        gw.client() as other,
    ):
        await client.send(head_of("GET", "/events"))
        await client.head()
        with pytest.raises(BrokenReplyError):
            await other.get("/plain")
        await gw.until_counted()
        await events.say(b"data: 1\n\n", events.peers[0])
        assert await client.chunk() == b"data: 1\n\n"
        (kind,) = gw.upstream_errors
        assert kind == ("old", limit.partition("_")[0] + "_timeout")


@applies(*BOTH_LOOPS)
@pytest.mark.parametrize("client_kind", ["http1", "httpx"])
async def test_the_head_of_a_stream_has_its_limits(client_kind):
    async def script(peer):
        await peer.request()
        await peer.closed()

    for limit in ("first_byte_timeout_seconds: 0.1", "total_timeout_seconds: 0.1"):
        options = f"client: {client_kind}, {limit}"
        async with serving(script) as old, gateway(routed(old, options=options)) as gw, gw.client() as client:
            assert (await client.get("/events")).status == 504


@applies(*ANY_SERVER)
@pytest.mark.parametrize("options", [HTTP1, HTTPX])
@pytest.mark.parametrize("target", ["/events", "/plain"])
async def test_a_client_that_leaves_a_silent_stream_leaves_its_upstream(server, options, target):
    events = Events()
    async with serving(events) as old, gateway(routed(old, options=options), server) as gw:
        async with gw.client() as client:
            await client.send(head_of("GET", target))
            await client.head()
            await events.say(b"data: 1\n\n")
            assert await client.chunk() == b"data: 1\n\n"
            await client.leave()
            await events.left.wait()
        await gw.until_counted()
        assert gw.requests == {("none", "fixed", "499"): 1}
        assert gw.upstream_errors == {}


@applies(*ANY_SERVER)
async def test_streams_stay_out_of_durations(server):
    async def script(peer):
        while await peer.request():
            await peer.send(OK)

    async with serving(script) as old, gateway(routed(old), server) as gw, gw.client() as client:
        for number, (target, counted) in enumerate((("/events", 0), ("/plain", 1)), 1):
            assert (await client.get(target)).status == 200
            await gw.until_counted(total=number)
            assert sum(gw._samples("gateway_request_duration_seconds_count", "side").values()) == counted
            assert sum(gw._samples("gateway_attempt_duration_seconds_count", "side").values()) == counted
        assert gw.attempts == {("fixed", "ok"): 2}


@applies(*BOTH_LOOPS)
async def test_a_kill_cuts_what_the_route_calls_a_stream_whatever_its_type():
    events = Events(head=b"HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\n")
    async with (
        serving(events) as old,
        serving(events) as new,
        gateway(routed(old, new), noise=CUT) as gw,
        gw.client() as client,
    ):
        await client.send(head_of("GET", "/auth"))
        await client.head()
        await eventually(lambda: gw.proxy.streams.open)
        gw.kill()
        gw.proxy.streams.cut("auth")
        await events.left.wait()
        assert await client.closed() == b""
        await gw.until_counted()
        assert gw.attempts == {("new", "ok"): 1}
