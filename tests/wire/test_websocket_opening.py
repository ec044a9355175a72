"""The opening handshake (RFC 6455, 4): the decision, what the upstream sees of it, its yes, its no, and its silence."""

import asyncio
import json

import pytest

from gateway.edge.state import SWEEP_SECONDS
from tests.support.proxy_harness import ANY_SERVER, CUT, OUR_EDGE, BrokenReplyError, gateway, one, two
from tests.support.scripted_upstream import OK, answer_all, answering, applies, eventually, serving, unused_port
from tests.support.websocket_peer import (
    CLOSE,
    HANDSHAKE,
    KEY,
    TEXT,
    Upstreams,
    accept,
    asked,
    echo,
    handshake,
    proof,
    switching,
    upgrade,
)

PLACES = """
version: 1
upstreams: {old: {url: "%s"}}
routes:
  - {path: "%s", upstream: old}
  - {path: /b, upstream: old}
"""


async def closing(peer):
    """A script: accepts, and closes."""
    end = await accept(peer)
    await end.close(1000)
    await end.gone()


def fields_of(received):
    return [(name.lower(), value) for name, value in received.fields]


# -- the decision


@applies(*ANY_SERVER)
@pytest.mark.parametrize(("percent", "side"), [(100, "new"), (0, "legacy")])
async def test_the_flag_decides_and_the_handshake_says_so(server, percent, side):
    async with serving(closing) as old, serving(closing) as new:
        text = two(old, new, percent=percent, top="expose_decision: true")
        async with gateway(text, server) as gw, gw.client() as client:
            socket = await upgrade(client, "/api/auth/live", "x-user: ada")
            named = dict(socket.head)
            assert named[b"x-gateway-feature"] == b"auth"
            assert named[b"x-gateway-side"] == side.encode()
            assert named[b"x-gateway-reason"] == b"split"
            assert len(named[b"x-request-id"]) == 32
            await socket.expect_close(1000)
            await gw.until_counted()
            assert gw.requests == {("auth", side, "101"): 1}
            assert gw.attempts == {(side, "ok"): 1}
            assert len((new if side == "new" else old).peers) == 1
            assert len((old if side == "new" else new).peers) == 0


@applies(*ANY_SERVER)
async def test_a_user_without_a_key_gets_the_cookie_and_stays_on_its_side(server):
    feature = "key: ['cookie:gateway_id'], no_key: issue"
    sides = set()
    async with serving(closing) as old, serving(closing) as new:
        text = two(old, new, percent=50, feature=feature, top="expose_decision: true")
        async with gateway(text, server) as gw:
            while len(sides) < 2:
                async with gw.client() as client:
                    named = dict((await upgrade(client, "/api/auth/live")).head)
                cookie = named[b"set-cookie"]
                assert b"HttpOnly" in cookie
                first = named[b"x-gateway-side"]
                sides.add(first)
                for _ in range(2):
                    async with gw.client() as client:
                        back = "cookie: " + cookie.partition(b";")[0].decode()
                        named = dict((await upgrade(client, "/api/auth/live", back)).head)
                    assert named[b"x-gateway-side"] == first
                    assert b"set-cookie" not in named


@applies(*ANY_SERVER)
async def test_a_websocket_and_a_request_of_one_user_go_to_one_side(server):
    def script(name):
        async def either(peer):
            received = await asked(peer)
            if b"upgrade" in dict(fields_of(received)):
                await peer.send(switching(received, f"x-answered: {name}"))
            else:
                await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx-answered: %b\r\n\r\n" % name.encode())

        return either

    seen = set()
    async with (
        serving(script("old")) as old,
        serving(script("new")) as new,
        gateway(two(old, new, percent=50), server) as gw,
    ):
        for number in range(20):
            user = f"x-user: u{number}"
            async with gw.client() as client:
                by_request = (await client.get("/api/auth/x", user))[b"x-answered"]
            async with gw.client() as client:
                assert dict((await upgrade(client, "/api/auth/x", user)).head)[b"x-answered"] == by_request
            seen.add(by_request)
    assert seen == {b"old", b"new"}


class KilledWhenDecided:
    """The proxy's phases, with a kill after each decision."""

    def __init__(self, gw):
        self._gw = gw

    def __getattr__(self, name):
        return getattr(self._gw.proxy, name)

    def decide(self, exchange):
        self._gw.proxy.decide(exchange)
        self._gw.kill()


@applies(*ANY_SERVER)
async def test_a_kill_before_the_handshake_goes_out_sends_it_to_legacy(server):
    async def untouched(peer):
        assert await peer.closed() == b""

    async with (
        serving(closing) as old,
        serving(untouched) as new,
        gateway(two(old, new), server) as gw,
        gw.client() as client,
    ):
        gw.proxy.websockets._phases = KilledWhenDecided(gw)
        socket = await upgrade(client, "/api/auth/live", "x-user: ada")
        await socket.expect_close(1000)
        assert len(new.peers) == len(old.requests) == 1
        await gw.until_counted()
        assert gw.attempts == {("legacy", "ok"): 1}


@applies(*ANY_SERVER)
async def test_a_kill_while_new_considers_the_handshake_sends_it_to_legacy(server):
    async with serving(closing) as old:

        async def script(peer):
            received = await asked(peer)
            gw.kill()
            await peer.send(switching(received))
            end = await peer.closed()
            assert end[0] == 0x80 | CLOSE

        async with serving(script) as new, gateway(two(old, new), server) as gw, gw.client() as client:
            socket = await upgrade(client, "/api/auth/live", "x-user: ada")
            await socket.expect_close(1000)
            assert len(old.requests) == len(new.requests) == 1
            await gw.until_counted()
            assert gw.requests == {("auth", "legacy", "101"): 1}


# -- what the upstream sees


@applies(*OUR_EDGE)
async def test_the_upstream_sees_the_clients_handshake_with_a_key_of_the_gateways(server):
    lines = (
        "Origin: https://app.example",
        "cookie: a=1",
        "x-b: 1",
        "sec-websocket-extensions: permessage-deflate; client_max_window_bits",
        "x-gateway-side: new",
        "x-forwarded-for: 6.6.6.6",
        "x-b: \xe4 2",
        "cookie: b=2",
        "keep-alive: timeout=5",
    )
    async with serving(closing) as old:
        async with gateway(one(old, top="encoded_slash: data"), server) as gw, gw.client() as client:
            socket = await upgrade(client, "//a/%2F/../b%C3%A9?q=%zz&&r", *lines)
            await socket.expect_close(1000)
        (request,) = old.requests
        assert request.line == b"GET //a/%2F/../b%C3%A9?q=%zz&&r HTTP/1.1"
        fields = fields_of(request)
        assert fields[0] == (b"host", b"test")
        assert [value for name, value in fields if name == b"x-b"] == [b"1", b"\xe4 2"]
        assert [value for name, value in fields if name == b"cookie"] == [b"a=1", b"b=2"]
        named = dict(fields)
        assert named[b"origin"] == b"https://app.example"
        assert named[b"x-forwarded-for"] == b"127.0.0.1"
        assert named[b"x-forwarded-proto"] == b"http"
        assert named[b"x-request-id"] == dict(socket.head)[b"x-request-id"]
        assert len(named[b"traceparent"]) == 55
        own = [field for field in fields if field[0] in (b"connection", b"upgrade") or b"websocket" in field[0]]
        assert own[:3] == [(b"connection", b"Upgrade"), (b"upgrade", b"websocket"), (b"sec-websocket-version", b"13")]
        assert [name for name, _ in own[3:]] == [b"sec-websocket-key"]
        assert own[3][1] != KEY
        assert not {b"x-gateway-side", b"keep-alive", b"content-length", b"transfer-encoding"} & set(named)


@applies(*ANY_SERVER)
@pytest.mark.parametrize("target", ["/", "/?", "/a?b?c", "/" + "a" * 6000])
async def test_the_path_arrives_byte_for_byte(server, target):
    async with serving(closing) as old, gateway(one(old), server) as gw, gw.client() as client:
        if server == "uvicorn" and target.endswith("?"):
            target = "/"
        await (await upgrade(client, target)).expect_close(1000)
        assert old.requests[0].line == f"GET {target} HTTP/1.1".encode()


@applies(*ANY_SERVER)
async def test_the_upstreams_fields_reach_the_client_without_its_own_handshake(server):
    async def script(peer):
        await accept(peer, "set-cookie: s=1", "x-a: 1", "set-cookie: t=2", "x-gateway-side: mine", "server: up/1")

    async with serving(script) as old, gateway(one(old), server) as gw, gw.client() as client:
        socket = await upgrade(client)
        assert [value for name, value in socket.head if name == b"x-a"] == [b"1"]
        assert b"x-gateway-side" not in dict(socket.head)
        assert len([name for name, _ in socket.head if name.lower() == b"sec-websocket-accept"]) == 1
        assert len([name for name, _ in socket.head if name.lower() == b"date"]) == 1
        if server == "edge":  # uvicorn's own keeps one of repeated fields
            assert [value for name, value in socket.head if name == b"set-cookie"] == [b"s=1", b"t=2"]
        await socket.expect_close(1011)


# -- subprotocols


@applies(*ANY_SERVER)
@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (("chat, superchat",), "superchat"),
        (("a", "b,c"), "b"),
        (("chat",), None),
        ((), None),
        (("v1.x+json",), "v1.x+json"),
    ],
)
async def test_subprotocols_are_offered_on_and_the_upstreams_choice_is_answered(server, offered, chosen):
    answer = [f"Sec-WebSocket-Protocol: {chosen}"] if chosen else []
    ends = Upstreams(*answer)
    async with serving(ends) as old, gateway(one(old), server) as gw, gw.client() as client:
        lines = [f"sec-websocket-protocol: {each}" for each in offered]
        socket = await upgrade(client, "/", *lines)
        there = await ends.next()
        seen = [value for name, value in fields_of(there.head) if name == b"sec-websocket-protocol"]
        assert b", ".join(seen).replace(b" ", b"") == ",".join(offered).replace(" ", "").encode()
        named = {name.lower(): value for name, value in socket.head}
        assert named.get(b"sec-websocket-protocol") == (chosen.encode() if chosen else None)
        assert b"sec-websocket-extensions" not in named
        there.done.set()


@applies(*ANY_SERVER)
@pytest.mark.parametrize(
    "line",
    [
        "sec-websocket-protocol: nobody-offered",
        "sec-websocket-extensions: permessage-deflate",
        "sec-websocket-accept: " + proof(KEY).decode(),
    ],
)
async def test_an_upstream_that_chooses_what_was_not_offered_is_not_believed(server, line):
    async def script(peer):
        await accept(peer, line)
        await peer.closed()

    async with serving(script) as old, gateway(one(old), server) as gw, gw.client() as client:
        await client.send(handshake("/", "sec-websocket-protocol: chat"))
        reply = await client.reply()
        assert reply.status == 502
        assert json.loads(reply.body)["status"] == 502
        await gw.until_counted()
        assert gw.attempts == {("fixed", "truncated"): 1}
        assert gw.upstream_errors == {("old", "malformed"): 1}


@applies(*ANY_SERVER)
@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\nupgrade: websocket\nconnection: upgrade\n\n\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade : websocket\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 101\r\nx: " + b"a" * 70_000,
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * 11,
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"HTTP/1.1 1",
        b"",
    ],
    ids=lambda reply: reply[:12].decode() + str(len(reply)),
)
async def test_what_is_no_answer_is_502(server, reply):
    async with serving(answering(reply)) as old, gateway(one(old), server) as gw, gw.client() as client:
        await client.send(handshake())
        answer = await client.reply()
        assert answer.status == 502
        assert [name for name, _ in answer.fields if name.lower() == b"upgrade"] == []
        await gw.until_counted()
        assert gw.attempts == {("fixed", "truncated"): 1}


# -- the upstream's no


# fmt: off
REFUSALS = {
    "401": (b"HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Basic\r\ncontent-length: 4\r\n\r\nnope", 401, b"nope"),
    "chunked": (b"HTTP/1.1 403 No\r\ntransfer-encoding: chunked\r\n\r\n2\r\nno\r\n2\r\npe\r\n0\r\n\r\n", 403, b"nope"),
    "until close": (b"HTTP/1.1 404 Not Found\r\n\r\nnope", 404, b"nope"),
    "no body": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
    "elsewhere": (b"HTTP/1.1 307 Temporary Redirect\r\nlocation: /there\r\ncontent-length: 0\r\n\r\n", 307, b""),
    "a plain 200": (b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nnope", 200, b"nope"),
    "after a 103": (b"HTTP/1.1 103 \r\n\r\nHTTP/1.1 503 No\r\nretry-after: 7\r\ncontent-length: 1\r\n\r\nn", 503, b"n"),
    "large": (b"HTTP/1.1 500 No\r\ncontent-length: 1000000\r\n\r\n" + b"n" * 1_000_000, 500, b"n" * 1_000_000),
}
# fmt: on


@applies(*ANY_SERVER)
@pytest.mark.parametrize("case", list(REFUSALS))
async def test_a_refusal_reaches_the_client_with_status_fields_and_body(server, case):
    sent, status, body = REFUSALS[case]
    async with serving(answering(sent)) as old, gateway(one(old), server) as gw, gw.client() as client:
        await client.send(handshake())
        reply = await client.reply()
        assert (reply.status, reply.body) == (status, body)
        named = {name.lower(): value for name, value in reply.fields}
        if status == 401:
            assert named[b"www-authenticate"] == b"Basic"
        if status == 503:
            assert named[b"retry-after"] == b"7"
        if status == 307:
            assert named[b"location"] == b"/there"
        assert await client.closed() == b""
        await gw.until_counted()
        outcome = "ok" if status < 400 else f"{status // 100}xx"
        assert gw.attempts == {("fixed", outcome): 1}
        assert gw.requests == {("none", "fixed", str(status)): 1}


@applies(*OUR_EDGE)
async def test_a_refusal_that_breaks_off_is_not_made_to_look_whole(server):
    sent = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 100\r\n\r\nonly this"
    async with serving(answering(sent)) as old, gateway(one(old), server, noise=CUT) as gw, gw.client() as client:
        await client.send(handshake())
        with pytest.raises(BrokenReplyError):
            await client.reply()
        await gw.until_counted()
        assert gw.attempts == {("fixed", "truncated"): 1}


@applies(*ANY_SERVER)
async def test_an_interim_reply_before_the_101_is_skipped(server):
    async def script(peer):
        received = await asked(peer)
        await peer.send(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + switching(received) + b"\x81\x02hi")

    async with serving(script) as old, gateway(one(old), server) as gw, gw.client() as client:
        await (await upgrade(client)).expect(TEXT, b"hi")


# -- the upstream's silence


@applies(*ANY_SERVER)
async def test_nobody_there_is_502(server):
    with unused_port() as port:
        async with gateway(PLACES % (f"http://127.0.0.1:{port}", "/*"), server) as gw, gw.client() as client:
            await client.send(handshake())
            reply = await client.reply()
            assert reply.status == 502
            assert json.loads(reply.body)["status"] == 502
            await gw.until_counted()
            assert gw.attempts == {("fixed", "refused"): 1}
            assert gw.upstream_errors == {("old", "refused"): 1}


@applies(*ANY_SERVER)
@pytest.mark.parametrize("limit", ["first_byte_timeout_seconds", "total_timeout_seconds"])
async def test_an_upstream_that_says_nothing_is_504(server, limit):
    async def script(peer):
        await asked(peer)
        assert await peer.closed() == b""

    async with serving(script) as old:
        text = one(old, options=f"connect_timeout_seconds: 5, {limit}: 0.2")
        async with gateway(text, server) as gw, gw.client() as client:
            await client.send(handshake())
            assert (await client.reply()).status == 504
            await gw.until_counted()
            assert gw.attempts == {("fixed", "timeout"): 1}


@applies(*ANY_SERVER)
async def test_another_target_is_asked_where_one_takes_no_connection(server):
    async with serving(closing) as old:
        with unused_port() as port:
            text = one(old).replace(f'url: "{old.url}"', f'urls: ["http://127.0.0.1:{port}", "{old.url}"]')
            async with gateway(text, server) as gw:
                for _ in range(4):
                    async with gw.client() as client:
                        await (await upgrade(client)).expect_close(1000)
                assert len(old.requests) == 4


@applies(*OUR_EDGE)
async def test_over_the_limit_of_connections_a_websocket_is_refused_and_room_is_made_when_one_ends(server):
    ends = Upstreams()
    async with serving(ends) as old, gateway(one(old, options="max_connections: 1"), server) as gw:
        async with gw.client() as first, gw.client() as second:
            here = await upgrade(first)
            there = await ends.next()
            await second.send(handshake())
            reply = await second.reply()
            assert (reply.status, reply[b"retry-after"]) == (503, b"1")
            await here.vanish()
            await there.gone()
            there.done.set()
        await gw.until_counted(total=2)
        async with gw.client() as third:
            await upgrade(third)
            (await ends.next()).done.set()


# -- the client


@applies(*ANY_SERVER)
async def test_a_client_that_leaves_while_the_upstream_considers_is_499_and_the_upstream_learns_it(server):
    reached = asyncio.Event()

    async def script(peer):
        await asked(peer)
        reached.set()
        async with asyncio.timeout(1.0):
            assert await peer.closed() == b""

    async with serving(script) as old, gateway(one(old), server) as gw, gw.client() as client:
        await client.send(handshake())
        await reached.wait()
        await client.leave()
        await gw.until_counted()
        assert gw.requests == {("none", "fixed", "499"): 1}
        assert gw.attempts == {("fixed", "client_gone"): 1}
        await eventually(old.peers[0].reader.at_eof)


@applies(*OUR_EDGE)
async def test_frames_that_come_with_a_handshake_are_not_lost(server):
    async with serving(echo) as old, gateway(one(old), server) as gw, gw.client() as client:
        socket = await upgrade(client, early=b"\x81\x82\0\0\0\0hi" * 1000)
        for _ in range(1000):
            await socket.expect(TEXT, b"hi")
        await socket.close(1000)
        await socket.expect_close(1000)


def without(name):
    return [line for line in HANDSHAKE if not line.startswith(name)]


NO_HANDSHAKE = {
    "another version": ([*without(b"sec-websocket-version"), b"sec-websocket-version: 8"], 426),
    "no version": (without(b"sec-websocket-version"), 426),
    "two versions": ([*HANDSHAKE, b"sec-websocket-version: 13"], 426),
    "no key": (without(b"sec-websocket-key"), 400),
    "two keys": ([*HANDSHAKE, HANDSHAKE[3]], 400),
    "a short key": ([*without(b"sec-websocket-key"), b"sec-websocket-key: c2hvcnQ="], 400),
    "a key that is no base64": ([*without(b"sec-websocket-key"), b"sec-websocket-key: " + b"!" * 24], 400),
}


@applies(*OUR_EDGE)
@pytest.mark.parametrize("case", list(NO_HANDSHAKE))
async def test_what_is_no_handshake_never_reaches_an_upstream(server, case):
    fields, status = NO_HANDSHAKE[case]
    async with serving(echo) as old, gateway(one(old), server) as gw, gw.client() as client:
        await client.send(handshake(fields=fields))
        reply = await client.reply()
        assert reply.status == status
        assert reply[b"content-type"] == b"application/problem+json"
        named = dict(reply.fields)
        assert named.get(b"sec-websocket-version") == (b"13" if status == 426 else None)
        assert named[b"connection"] == (b"close, upgrade" if status == 426 else b"close")
        assert await client.closed() == b""
        assert old.peers == []
        await gw.until_counted()
        assert gw.requests == {("none", "none", str(status)): 1}


@applies(*OUR_EDGE)
@pytest.mark.parametrize(
    "sent",
    [
        handshake(method=b"POST"),
        handshake(fields=without(b"connection")),
        handshake(fields=[*HANDSHAKE, b"content-length: 3"]) + b"abc",
    ],
    ids=["POST", "without Connection", "with a body"],
)
async def test_what_only_looks_like_a_handshake_is_refused(server, sent):
    async with serving(answer_all) as old, gateway(one(old), server) as gw, gw.client() as client:
        await client.send(sent)
        assert (await client.reply()).status == 400
        assert old.requests == []


@applies(*OUR_EDGE)
async def test_an_http_1_0_client_cannot_upgrade(server):
    async with serving(answer_all) as old, gateway(one(old), server) as gw, gw.client() as client:
        await client.send(handshake(version=b"1.0"))
        assert (await client.reply()).status == 200
        assert b"upgrade" not in dict(fields_of(old.requests[0]))


@applies(*OUR_EDGE)
async def test_a_handshake_behind_an_unanswered_request_does_not_take_its_connection(server):
    go = asyncio.Event()

    async def script(peer):
        await peer.request()
        await go.wait()
        await peer.send(OK)

    async with serving(script) as old, gateway(one(old), server) as gw, gw.client() as client:
        await client.send(b"GET /first HTTP/1.1\r\nhost: test\r\n\r\n" + handshake("/second"))
        await eventually(lambda: len(old.requests) == 1)
        go.set()
        reply = await client.reply()
        assert (reply.status, reply.body) == (200, b"ok")
        assert b"101 " not in await client.closed()


@applies(*OUR_EDGE)
async def test_a_websocket_follows_answered_requests_on_their_connection(server):
    async def script(peer):
        while received := await asked(peer):
            if b"upgrade" in dict(fields_of(received)):
                await peer.send(switching(received) + b"\x81\x02hi")
            else:
                await peer.send(OK)

    async with serving(script) as old, gateway(one(old), server) as gw, gw.client() as client:
        assert (await client.get("/")).body == b"ok"
        await (await upgrade(client)).expect(TEXT, b"hi")


@applies(*OUR_EDGE)
async def test_a_websocket_behind_an_answer_that_is_taken_slowly_stays_open(server):
    """The connection was told to wait with writing; who is told to go on is the WebSocket that has taken it over."""

    async def script(peer):
        while received := await asked(peer):
            if b"upgrade" in dict(fields_of(received)):
                await peer.send(switching(received))
                await go.wait()
                await peer.send(b"\x81\x02hi")
            else:
                await peer.send(OK)

    go = asyncio.Event()
    async with serving(script) as old, gateway(one(old), server) as gw, gw.client() as client:
        assert (await client.get("/")).body == b"ok"
        state = gw.server.server_state
        (edge,) = state.swept
        edge.pause_writing()  # as a transport does where the answer is larger than what the client has taken of it
        socket = await upgrade(client)
        opened = state.loop.time()
        await eventually(lambda: state.loop.time() > opened + 3 * SWEEP_SECONDS)
        go.set()
        await socket.expect(TEXT, b"hi")


@applies(*ANY_SERVER)
@pytest.mark.parametrize(("target", "status"), [("/nowhere", 404), ("/a/%2e%2e%2fb", 400)])
async def test_a_handshake_that_no_route_serves_is_answered_as_a_request_is(server, target, status):
    async with serving(echo) as old, gateway(PLACES % (old.url, "/a/*"), server) as gw, gw.client() as client:
        await client.send(handshake(target))
        reply = await client.reply()
        assert (reply.status, json.loads(reply.body)["status"]) == (status, status)


@applies(*ANY_SERVER)
async def test_a_rewritten_path_is_rewritten_for_a_websocket_too(server):
    async with serving(closing) as old, serving(closing) as new:
        feature = "key: ['header:x-user'], rewrite: {new: {from: /api/auth, to: /v2}}"
        async with gateway(two(old, new, feature=feature), server) as gw, gw.client() as client:
            await (await upgrade(client, "/api/auth/live?x=1", "x-user: ada")).expect_close(1000)
            assert new.requests[0].line == b"GET /v2/live?x=1 HTTP/1.1"
