"""Expect: 100-continue from end to end: the upstream says whether it wants the body, and no byte goes before that."""

import asyncio

import pytest

from gateway.upstream import exchange
from tests.support.edge_cases import BOTH_LOOPS, EDGE
from tests.support.proxy_harness import ANY_SERVER, gateway, head_of, one, two
from tests.support.scripted_upstream import CONTINUE, OK, answer_all, applies, connected, request, serving

LENGTH = "content-length: 5"
CHUNKED = "transfer-encoding: chunked"
EXPECT = "expect: 100-continue"
BODIES = {LENGTH: b"hello", CHUNKED: b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"}


@pytest.fixture
def _soon(monkeypatch, _patient):
    """Upstreams that never say 100 are not waited for as long as they would be."""
    monkeypatch.setattr(exchange, "CONTINUE_SECONDS", 0.05)


@pytest.fixture(autouse=True)
def _patient(monkeypatch):
    """Nothing in a test happens because time has passed."""
    monkeypatch.setattr(exchange, "CONTINUE_SECONDS", 1000.0)


def expectations(head):
    return [line for line in head.lower().split(b"\r\n") if line.startswith(b"expect")]


@applies(*ANY_SERVER)
@pytest.mark.parametrize("framing", [LENGTH, CHUNKED])
async def test_the_client_is_told_to_go_on_when_the_upstream_says_so(server, framing):
    said = asyncio.Event()

    async def script(peer):
        for _ in range(2):
            head = await peer.head()
            assert expectations(head) == [b"expect: 100-continue"]
            said.set()
            await peer.send(CONTINUE)
            if framing == LENGTH:
                assert await peer.reader.readexactly(5) == b"hello"
            else:
                assert (await peer.reader.readuntil(b"0\r\n\r\n")).count(b"he") == 1
            await peer.send(OK)
        await peer.closed()

    async with serving(script) as old, gateway(one(old), server) as gw, gw.client() as client:
        for _ in range(2):
            said.clear()
            await client.send(head_of("POST", "/", framing, EXPECT))
            assert await client.reader.readuntil(b"\r\n\r\n") == CONTINUE
            assert said.is_set()
            await client.send(BODIES[framing])
            reply = await client.reply()
            assert (reply.status, reply.all(b"connection")) == (200, [])
        assert len(old.peers) == 1


@applies(*ANY_SERVER)
@pytest.mark.parametrize("framing", [LENGTH, CHUNKED])
@pytest.mark.parametrize("status", [b"401", b"413", b"417", b"200", b"500"])
async def test_an_answer_instead_of_100_is_the_answer_and_nothing_of_the_body_is_asked_for(server, framing, status):
    left = []

    async def script(peer):
        await peer.head()
        await peer.send(b"HTTP/1.1 " + status + b" X\r\ncontent-length: 2\r\n\r\nno")
        left.append(await peer.closed())

    async with serving(script) as old, gateway(one(old), server) as gw:
        async with gw.client() as client:
            await client.send(head_of("POST", "/", framing, EXPECT))
            reply = await client.reply()  # a 100 would be taken for the reply
            assert (reply.status, reply.body) == (int(status), b"no")
            assert reply[b"connection"] == b"close"
            assert await client.closed() == b""
        await gw.until_counted()
        assert left == [b""]


@applies(*BOTH_LOOPS)
async def test_an_answer_right_behind_100_needs_no_body():
    async def script(peer):
        await peer.head()
        await peer.send(CONTINUE + b"HTTP/1.1 401 X\r\ncontent-length: 0\r\n\r\n")
        assert await peer.closed() == b""

    async with serving(script) as old, gateway(one(old)) as gw, gw.client() as client:
        await client.send(head_of("POST", "/", LENGTH, EXPECT))
        assert (await client.reply()).status == 401


@applies(*ANY_SERVER)
@pytest.mark.usefixtures("_soon")
async def test_an_upstream_that_never_says_100_gets_the_body_after_a_moment(server):
    async def script(peer):
        head = await peer.head()
        assert len(expectations(head)) == 1
        assert await peer.reader.readexactly(5) == b"hello"
        await peer.send(OK)

    async with serving(script) as old, gateway(one(old), server) as gw, gw.client() as client:
        await client.send(head_of("POST", "/", LENGTH, EXPECT))
        assert await client.reader.readuntil(b"\r\n\r\n") == CONTINUE
        await client.send(b"hello")
        assert (await client.reply()).status == 200


@applies(*BOTH_LOOPS)
async def test_a_client_that_does_not_wait_is_not_told_to_go_on_and_its_body_waits():
    got = asyncio.Event()

    async def script(peer):
        await peer.head()
        await got.wait()
        await peer.send(CONTINUE)
        assert await peer.reader.readexactly(5) == b"hello"
        await peer.send(OK)

    async with serving(script) as old, gateway(one(old)) as gw, gw.client() as client:
        await client.send(head_of("POST", "/", LENGTH, EXPECT) + b"hello")
        got.set()
        assert (await client.reply()).status == 200


@applies(*EDGE)
async def test_hints_may_come_before_100():
    async def script(peer):
        await peer.head()
        await peer.send(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + CONTINUE + CONTINUE)
        assert await peer.reader.readexactly(5) == b"hello"
        await peer.send(OK)

    async with serving(script) as old, gateway(one(old)) as gw, gw.client() as client:
        await client.send(head_of("POST", "/", LENGTH, EXPECT))
        assert [(await client.head())[0] for _ in range(2)] == [103, 100]
        await client.send(b"hello")
        assert (await client.reply()).status == 200


@applies(*EDGE)
@pytest.mark.parametrize("lines", [(), ("content-length: 0",)])
async def test_without_a_body_there_is_no_expectation(lines):
    async with serving(answer_all) as old, gateway(one(old)) as gw, gw.client() as client:
        for _ in range(2):
            await client.send(head_of("POST", "/", EXPECT, *lines))
            assert (await client.reply()).status == 200
        assert [expectations(each.head) for each in old.requests] == [[], []]


@applies(*EDGE)
async def test_an_http_1_0_client_expects_nothing():
    async with serving(answer_all) as old, gateway(one(old)) as gw, gw.client() as client:
        assert (await client.ask("POST", "/", LENGTH, EXPECT, body=b"hello", version="1.0")).status == 200
        assert (old.requests[0].body, expectations(old.requests[0].head)) == (b"hello", [])


@applies(*ANY_SERVER)
async def test_an_upstream_behind_httpx_is_not_asked(server):
    """The gateway says 100 itself, once there is a connection."""

    async def script(peer):
        head = await peer.head()
        assert expectations(head) == []
        assert await peer.reader.readexactly(5) == b"hello"
        await peer.send(OK)

    options = "client: httpx, connect_timeout_seconds: 5"
    async with (
        serving(script) as old,
        gateway(one(old, options=options), server) as gw,
        gw.client() as client,
    ):
        await client.send(head_of("POST", "/", LENGTH, EXPECT))
        assert await client.reader.readuntil(b"\r\n\r\n") == CONTINUE
        await client.send(b"hello")
        assert (await client.reply()).status == 200


@applies(*BOTH_LOOPS)
async def test_a_client_that_leaves_while_it_waits():
    """Under a foreign server nobody can ask whether a client is there without telling it to go on."""
    reached, gone = asyncio.Event(), asyncio.Event()

    async def script(peer):
        await peer.head()
        reached.set()
        assert await peer.closed() == b""
        gone.set()

    async with serving(script) as old, gateway(one(old)) as gw:
        async with gw.client() as client:
            await client.send(head_of("POST", "/", LENGTH, EXPECT))
            await reached.wait()
            await client.leave()
        await gone.wait()
        await gw.until_counted()
        assert gw.requests == {("none", "fixed", "499"): 1}


@applies(*BOTH_LOOPS)
async def test_a_client_that_leaves_during_an_answer_that_came_instead_of_100():
    gone = asyncio.Event()

    async def script(peer):
        await peer.head()
        await peer.send(b"HTTP/1.1 401 X\r\n\r\nbecause")
        await peer.closed()
        gone.set()

    for server in ("edge", "uvicorn"):
        gone.clear()
        async with serving(script) as old, gateway(one(old), server) as gw:
            async with gw.client() as client:
                await client.send(head_of("POST", "/", LENGTH, EXPECT))
                assert (await client.head())[0] == 401
                await client.leave()
            await gone.wait()


@applies(*EDGE)
@pytest.mark.parametrize(("method", "status"), [("PUT", 200), ("POST", 502)])
async def test_a_stale_connection_is_no_failure_where_a_second_try_does_no_harm(method, status):
    async def script(peer):
        if peer.number == 0:
            await peer.request()
            await peer.send(OK)
            await peer.head()
            return
        await answer_all(peer)

    async with serving(script) as old, gateway(one(old)) as gw, gw.client() as client:
        await client.get()
        await client.send(head_of(method, "/", LENGTH, EXPECT))
        if status == 200:
            assert (await client.head())[0] == 100
            await client.send(b"hello")
        assert (await client.reply()).status == status
        assert [each.body for each in old.requests] == [b"", b"hello"][: 1 + (status == 200)]


FALLING = """
version: 1
upstreams:
  old: {{url: "{0.url}"}}
  new: {{url: "{1}"}}
features:
  auth: {{legacy: old, new: new, percent: 100, fallback: legacy}}
routes:
  - {{path: "/*", feature: auth, fallback_idempotent: true}}
"""


@applies(*EDGE)
@pytest.mark.parametrize("refuses", [True, False])
async def test_a_body_that_nobody_has_asked_for_can_still_go_to_legacy(refuses):
    async def failing(peer):
        await peer.head()
        await peer.send(b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n")
        assert await peer.closed() == b""

    async with serving(answer_all) as old, serving(failing) as new:
        url = "http://127.0.0.1:1" if refuses else new.url
        async with gateway(FALLING.format(old, url)) as gw, gw.client() as client:
            await client.send(head_of("PUT", "/", LENGTH, EXPECT))
            assert (await client.head())[0] == 100
            await client.send(b"hello")
            assert (await client.reply()).status == 200
            assert old.requests[0].body == b"hello"
            assert expectations(old.requests[0].head) == [b"expect: 100-continue"]
            assert sum(gw.fallbacks.values()) == 1


@applies(*EDGE)
async def test_a_body_that_new_has_asked_for_cannot():
    async def failing(peer):
        await peer.request()
        await peer.send(b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n")

    async with (
        serving(answer_all) as old,
        serving(failing) as new,
        gateway(FALLING.format(old, new.url)) as gw,
        gw.client() as client,
    ):
        await client.send(head_of("PUT", "/", LENGTH, EXPECT))
        assert (await client.head())[0] == 100
        await client.send(b"hello")
        assert (await client.reply()).status == 503
        assert old.requests == []


@applies(*EDGE)
async def test_a_kill_while_the_upstream_is_asked_lets_the_request_finish():
    asked, killed = asyncio.Event(), asyncio.Event()

    async def script(peer):
        await peer.head()
        asked.set()
        await killed.wait()
        await peer.send(CONTINUE)
        assert await peer.reader.readexactly(5) == b"hello"
        await peer.send(OK)

    async with (
        serving(answer_all) as old,
        serving(script) as new,
        gateway(two(old, new, feature="key: [client_ip]")) as gw,
        gw.client() as client,
    ):
        await client.send(head_of("POST", "/api/auth/x", LENGTH, EXPECT))
        await asked.wait()
        gw.kill()
        killed.set()
        assert (await client.head())[0] == 100
        await client.send(b"hello")
        assert (await client.reply()).status == 200
        assert old.requests == []


@applies(*BOTH_LOOPS)
async def test_an_answer_that_came_instead_of_100_and_then_stops_lets_no_body_go():
    async def script(peer):
        await peer.head()
        await peer.send(b"HTTP/1.1 401 X\r\ncontent-length: 9\r\n\r\nhalf")
        assert await peer.closed() == b""

    options = "idle_timeout_seconds: 0.1"
    async with serving(script) as old, gateway(one(old, options=options)) as gw, gw.client() as client:
        await client.send(head_of("POST", "/", LENGTH, EXPECT))
        assert (await client.head())[0] == 401
        await client.send(b"hello")
        await gw.until_counted()
        assert gw.upstream_errors == {("old", "idle_timeout"): 1}


@pytest.mark.anyio
async def test_closing_a_response_that_came_instead_of_100_leaves_the_body_untouched():
    touched = []

    async def body():
        touched.append(1)
        yield b"hello"

    async def script(peer):
        await peer.head()
        await peer.send(b"HTTP/1.1 401 X\r\ncontent-length: 0\r\n\r\n")
        assert await peer.closed() == b""

    async with serving(script) as upstream, connected("http1", upstream.url) as client:
        held = body()
        response = await client.send(request(b"POST", body=held, content_length=5, expects_continue=True))
        assert response.status == 401
        await response.aclose()
        assert (touched, client.idle) == ([], 0)
        await held.aclose()
