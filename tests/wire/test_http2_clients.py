"""HTTP/2 from clients: the app without our edge, under an ASGI server that speaks it."""

import asyncio
import contextlib
import socket
import ssl

import h2.config
import h2.connection
import h2.errors
import h2.events
import httpx
import pytest
from hypercorn.asyncio import serve
from hypercorn.config import Config

from gateway import recorder
from tests.support.proxy_harness import Gateway, gateway, one, two
from tests.support.scripted_upstream import LOOPS, OK, PATIENCE, answer_all, answering, applies, eventually, serving
from tests.support.tls_peer import issue, trusting

HTTP2 = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", LOOPS)]
KEY = "key: ['cookie:gateway_id'], no_key: issue"


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return issue(tmp_path_factory.mktemp("tls"), "localhost")


FORBIDDEN = {b"connection", b"keep-alive", b"proxy-connection", b"te", b"transfer-encoding", b"upgrade"}
"""RFC 9113 section 8.2.2. Hypercorn would take them out; another server may not."""


def listening_to(app, said):
    """The app, and the names of all fields that it has given to its server."""

    async def wrapped(scope, receive, send):
        async def tell(message):
            said.update(name for name, _ in message.get("headers", ()))
            await send(message)

        await app(scope, receive, tell)

    return wrapped


@contextlib.asynccontextmanager
async def http2(text, pair):
    """The data plane's app under Hypercorn, over TLS. It never says what HTTP/2 forbids."""
    gw = Gateway(text)
    config, stop, said = Config(), asyncio.Event(), set()
    config.errorlog = None
    config.certfile, config.keyfile = str(pair.certificate), str(pair.key)
    config.alpn_protocols = ["h2"]
    listener = socket.create_server(("127.0.0.1", 0))
    gw.port = listener.getsockname()[1]
    config.bind = [f"fd://{listener.detach()}"]
    config.keep_alive_timeout = 0.5  # a stream whose app has failed is left open for as long
    config.graceful_timeout = 1
    before, recorder.log = recorder.log, gw.logged
    server = asyncio.create_task(
        serve(listening_to(gw.proxy, said), config, shutdown_trigger=stop.wait), name="hypercorn"
    )
    try:
        async with asyncio.timeout(PATIENCE * 3):
            yield gw
            await eventually(lambda: not gw.busy)
        assert not said & FORBIDDEN
    finally:
        stop.set()
        await server
        recorder.log = before
        for client in gw.clients.values():
            await client.aclose()


def user(gw, **more):
    """A browser: HTTP/2 alone, with a jar of cookies of its own."""
    context = trusting()
    context.set_alpn_protocols(["h2"])
    return httpx.AsyncClient(http1=False, http2=True, verify=context, base_url=f"https://localhost:{gw.port}", **more)


class Raw:
    """One connection of frames, for what no client library would send."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        # What is forbidden goes out, and what comes is checked strictly.
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(validate_outbound_headers=False, normalize_outbound_headers=False)
        )
        self.h2.initiate_connection()
        self.events = []

    async def send(self):
        self.writer.write(self.h2.data_to_send())
        await self.writer.drain()

    async def ask(self, *fields, method="GET", path="/", authority="test", body=None, end=True):
        stream = self.h2.get_next_available_stream_id()
        pseudo = [(":method", method), (":scheme", "https"), (":authority", authority), (":path", path)]
        self.h2.send_headers(stream, pseudo + list(fields), end_stream=end and body is None)
        if body is not None:
            self.h2.send_data(stream, body, end_stream=end)
        await self.send()
        return stream

    async def until(self, kind, stream=None):
        """The next event of a kind; fails when the connection ends first."""
        while True:
            for event in self.events:
                if isinstance(event, kind) and (stream is None or event.stream_id == stream):
                    return event
            data = await self.reader.read(65_536)
            if not data:
                raise ConnectionError("it has ended")
            self.events += self.h2.receive_data(data)
            await self.send()


@contextlib.asynccontextmanager
async def frames(gw):
    context = trusting()
    context.set_alpn_protocols(["h2"])
    reader, writer = await asyncio.open_connection("127.0.0.1", gw.port, ssl=context, server_hostname="localhost")
    try:
        yield Raw(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()


# -- requests


@applies(*HTTP2)
async def test_many_requests_on_one_connection(pair):
    async with serving(answer_all) as old, http2(one(old), pair) as gw, user(gw) as client:
        replies = await asyncio.gather(*(client.get(f"/a%2Fb/{number}?q=1&q=%20") for number in range(30)))
        assert {(reply.status_code, reply.http_version, reply.text) for reply in replies} == {(200, "HTTP/2", "ok")}
        lines = {request.line for request in old.requests}
        assert lines == {b"GET /a%%2Fb/%d?q=1&q=%%20 HTTP/1.1" % number for number in range(30)}
        fields = dict(old.requests[0].fields)
        assert fields[b"host"] == f"localhost:{gw.port}".encode()
        assert fields[b"x-forwarded-proto"] == b"https"
        assert all(not name.startswith(b":") for request in old.requests for name, _ in request.fields)
        assert gw.requests == {("none", "fixed", "200"): 30}


@applies(*HTTP2)
async def test_a_streamed_upload_arrives_while_it_is_sent(pair):
    async def body():
        yield b"first"
        await asyncio.wait_for(arrived.wait(), 10)
        for _ in range(64):
            yield b"x" * 16_384

    async def script(peer):
        head = await peer.reader.readuntil(b"\r\n\r\n")
        assert b"transfer-encoding: chunked" in head
        assert await peer.reader.readexactly(10) == b"5\r\nfirst\r\n"
        arrived.set()
        while (size := int(await peer.reader.readuntil(b"\r\n"), 16)) > 0:
            sizes.append(size)
            await peer.reader.readexactly(size + 2)
        await peer.send(OK)

    arrived, sizes = asyncio.Event(), []
    async with serving(script) as old, http2(one(old), pair) as gw, user(gw) as client:
        reply = await client.post("/", content=body())
        assert (reply.status_code, sum(sizes)) == (200, 64 * 16_384)


@applies(*HTTP2)
async def test_a_streamed_answer_arrives_while_it_is_sent(pair):
    async def script(peer):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await asyncio.wait_for(seen.wait(), 10)
        await peer.send(b"4\r\nlast\r\n0\r\n\r\n")

    seen = asyncio.Event()
    async with (
        serving(script) as old,
        http2(one(old), pair) as gw,
        user(gw) as client,
        client.stream("GET", "/") as reply,
    ):
        pieces = reply.aiter_raw()
        assert await anext(pieces) == b"first"
        seen.set()
        assert b"".join([piece async for piece in pieces]) == b"last"


@applies(*HTTP2)
async def test_the_split_is_sticky_and_the_same_as_over_http_1(pair):
    async with serving(answer_all) as old, serving(answer_all) as new:
        text = two(old, new, percent=50, feature=KEY, top="expose_decision: true")
        async with http2(text, pair) as gw:
            seen = {}
            for _ in range(24):
                async with user(gw) as client:
                    replies = [await client.get("/api/auth/x") for _ in range(3)]
                    assert len({reply.headers["x-gateway-side"] for reply in replies}) == 1
                    assert ["set-cookie" in reply.headers for reply in replies] == [True, False, False]
                    assert "; Secure" in replies[0].headers["set-cookie"]
                    seen[client.cookies["gateway_id"]] = replies[0].headers["x-gateway-side"]
            assert set(seen.values()) == {"legacy", "new"}
        await _same_over_http_1(text, seen)


async def _same_over_http_1(text, seen):
    async with gateway(text) as gw, gw.client() as client:
        for key, side in seen.items():
            assert (await client.get("/api/auth/x", f"cookie: gateway_id={key}"))[b"x-gateway-side"] == side.encode()


@applies(*HTTP2)
async def test_cookies_in_several_fields_are_one_to_the_origin(pair):
    """RFC 9113 section 8.2.3."""
    async with serving(answer_all) as old, serving(answer_all) as new:
        text = two(old, new, percent=100, feature="key: ['cookie:gateway_id'], no_key: legacy")
        async with http2(text, pair) as gw, frames(gw) as client:
            stream = await client.ask(("cookie", "a=b"), ("cookie", "gateway_id=alice"), path="/api/auth/x")
            await client.until(h2.events.StreamEnded, stream)
            assert old.requests == []
            assert [value for name, value in new.requests[0].fields if name == b"cookie"] == [b"a=b; gateway_id=alice"]


# -- what does not pass


@applies(*HTTP2)
async def test_fields_of_a_connection_do_not_reach_the_client(pair):
    hop = b"connection: close, x-hop\r\nkeep-alive: timeout=5\r\nproxy-connection: x\r\nupgrade: h2c\r\nx-hop: 1\r\n"
    reply = b"HTTP/1.1 200 OK\r\n" + hop + b"x-kept: 1\r\ncontent-length: 2\r\n\r\nok"
    async with serving(answering(reply)) as old, http2(one(old), pair) as gw, frames(gw) as client:
        stream = await client.ask()
        got = await client.until(h2.events.ResponseReceived, stream)  # which refuses what HTTP/2 forbids
        names = {name for name, _ in got.headers}
        assert b"x-kept" in names
        assert not names & (FORBIDDEN | {b"x-hop"})


@applies(*HTTP2)
async def test_an_expectation_is_no_reason_to_say_close(pair):
    text = "version: 1\nupstreams: {{old: {{url: '{old}'}}}}\nroutes: [{{path: /a, upstream: old}}]\n"
    async with serving(answer_all) as old, http2(text.format(old=old.url), pair) as gw, frames(gw) as client:
        stream = await client.ask(("expect", "100-continue"), method="POST", path="/nowhere", end=False)
        got = await client.until(h2.events.ResponseReceived, stream)
        assert (b":status", b"404") in got.headers
        assert b"connection" not in dict(got.headers)


@applies(*HTTP2)
async def test_te_and_what_a_client_may_not_say_of_itself_do_not_reach_the_origin(pair):
    lines = [("te", "trailers"), ("x-forwarded-for", "192.0.2.1"), ("x-gateway-side", "new"), ("x-kept", "1")]
    async with serving(answer_all) as old, http2(one(old), pair) as gw, frames(gw) as client:
        await client.until(h2.events.StreamEnded, await client.ask(*lines))
        fields = dict(old.requests[0].fields)
        assert fields[b"x-kept"] == b"1"
        assert fields[b"x-forwarded-for"] == b"127.0.0.1"
        assert not {b"te", b"x-gateway-side", b"transfer-encoding", b"connection"} & set(fields)


@applies(*HTTP2)
@pytest.mark.parametrize(
    "field",
    [("connection", "x"), ("transfer-encoding", "chunked"), ("upgrade", "h2c"), ("keep-alive", "1"), ("X-A", "b")],
)
async def test_what_http2_forbids_is_no_request(pair, field):
    async with serving(answer_all) as old, http2(one(old), pair) as gw, frames(gw) as client:
        await client.ask(field)
        with contextlib.suppress(ConnectionError):
            await client.until((h2.events.StreamReset, h2.events.ConnectionTerminated))
        assert old.requests == []


@applies(*HTTP2)
@pytest.mark.parametrize("sent", [b"half", b"more than it has said"])
async def test_a_body_of_another_length_than_declared_is_never_whole(pair, sent):
    async with serving(answer_all) as old, http2(one(old), pair) as gw, frames(gw) as client:
        await client.ask(("content-length", "10"), method="POST", body=sent)
        with contextlib.suppress(ConnectionError):
            await client.until((h2.events.StreamReset, h2.events.ConnectionTerminated))
        await eventually(lambda: not gw.busy)
        assert old.requests == []


@applies(*HTTP2)
@pytest.mark.parametrize("host", ["a b", "a/b", "a@b"])
async def test_an_authority_that_is_none_is_400(pair, host):
    async with serving(answer_all) as old, http2(one(old), pair) as gw, frames(gw) as client:
        got = await client.until(h2.events.ResponseReceived, await client.ask(authority=host))
        assert dict(got.headers)[b":status"] == b"400"
        assert old.peers == []


# -- streams that end early


@applies(*HTTP2)
async def test_a_stream_that_is_reset_ends_what_is_done_for_it_and_no_other(pair):
    async def script(peer):
        request = await peer.request()
        if b"/slow" in request.line:
            await peer.closed()
            ended.set()
        else:
            await peer.send(OK)

    ended = asyncio.Event()
    async with serving(script) as old, http2(one(old), pair) as gw, frames(gw) as client:
        slow = await client.ask(path="/slow")
        await eventually(lambda: old.requests)
        client.h2.reset_stream(slow, h2.errors.ErrorCodes.CANCEL)
        await client.send()
        await asyncio.wait_for(ended.wait(), 10)
        await client.until(h2.events.StreamEnded, await client.ask(path="/other"))
        await gw.until_counted(total=2)
        assert gw.requests == {("none", "fixed", "499"): 1, ("none", "fixed", "200"): 1}


@applies(*HTTP2)
async def test_an_upload_that_is_reset_is_never_whole(pair):
    async with serving(answer_all) as old, http2(one(old), pair) as gw, frames(gw) as client:
        stream = await client.ask(method="POST", body=b"half", end=False)
        await eventually(lambda: old.peers)
        client.h2.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
        await client.send()
        await gw.until_counted()
        assert old.requests == []
        assert gw.requests == {("none", "fixed", "499"): 1}


@applies(*HTTP2)
async def test_an_answer_that_breaks_off_is_not_taken_for_whole(pair):
    broken = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"
    async with serving(answering(broken)) as old, http2(one(old), pair) as gw, frames(gw) as client:
        stream = await client.ask()
        await client.until(h2.events.ResponseReceived, stream)
        with contextlib.suppress(ConnectionError):
            await client.until((h2.events.StreamReset, h2.events.ConnectionTerminated, h2.events.StreamEnded))
        assert not [event for event in client.events if isinstance(event, h2.events.StreamEnded)]
        assert gw.attempts == {("fixed", "truncated"): 1}
