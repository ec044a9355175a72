"""What reaches which side, what each is told, and what comes back: on the wire, under any ASGI server."""

import asyncio
import dataclasses
import re

import pytest

from gateway.rules.explain import explain
from gateway.rules.split import bucket
from tests.support.proxy_harness import ANY_SERVER, CUT, OUR_EDGE, BrokenReplyError, gateway, head_of, one, two
from tests.support.scripted_upstream import OK, answer_all, answering, applies, eventually, serving

STICKY = "key: ['cookie:gateway_id'], no_key: issue"


def fields_of(request):
    return [(name.lower(), value) for name, value in request.fields]


def all_of(request, name):
    return [value for field, value in fields_of(request) if field == name]


@applies(*ANY_SERVER)
async def test_forwarding_fields_of_a_stranger_are_replaced(server):
    lies = ["x-forwarded-for: 6.6.6.6", "X_Forwarded_For: 6.6.6.6", "forwarded: for=6.6.6.6", "x-real-ip: 6.6.6.6"]
    lies += ["x-forwarded-proto: https", "x-forwarded-host: evil", "x-forwarded-port: 1", "via: 1.0 fred"]
    async with serving(answer_all) as old, gateway(one(old), server) as gw, gw.client() as client:
        await client.get("/", "host: shop.example:81", *lies)
        (request,) = old.requests
        assert "6.6.6.6" not in repr(request)
        assert "evil" not in repr(request)
        assert all_of(request, b"host") == [b"shop.example:81"]
        assert all_of(request, b"x-forwarded-for") == [b"127.0.0.1"]
        assert all_of(request, b"x-forwarded-proto") == [b"http"]
        assert all_of(request, b"x-forwarded-host") == [b"shop.example:81"]
        assert all_of(request, b"forwarded") == [b'for=127.0.0.1;host="shop.example:81";proto=http']
        assert all_of(request, b"via") == [b"1.0 fred, 1.1 gateway"]
        assert all_of(request, b"x-forwarded-port") == []


@applies(*ANY_SERVER)
async def test_forwarding_fields_of_a_trusted_proxy_are_continued(server):
    async with serving(answer_all) as old, serving(answer_all) as new:
        text = two(old, new, top="trusted_proxies: ['127.0.0.0/8']", feature=STICKY)
        async with gateway(text, server) as gw, gw.client() as client:
            said = ["x-forwarded-for: 1.2.3.4", "x-forwarded-proto: https", "x-forwarded-host: shop.example"]
            reply = await client.get("/api/auth/x", *said)
            (request,) = new.requests
            assert all_of(request, b"x-forwarded-for") == [b"1.2.3.4, 127.0.0.1"]
            assert all_of(request, b"x-forwarded-proto") == [b"https"]
            assert all_of(request, b"x-forwarded-host") == [b"shop.example"]
            assert reply[b"set-cookie"].endswith(b"; Secure")


@applies(*ANY_SERVER)
async def test_hop_by_hop_fields_stay_here_both_ways(server):
    reply = (
        b"HTTP/1.1 200 OK\r\nconnection: x-hop, keep-alive\r\nx-hop: 1\r\nkeep-alive: timeout=5\r\nserver: old\r\n"
        b"date: Mon, 01 Jan 2024 00:00:00 GMT\r\nx-end: 1\r\nproxy-authenticate: Basic\r\ncontent-length: 0\r\n\r\n"
    )
    hops = ["connection: x-mine, close", "x-mine: 1", "te: trailers", "keep-alive: 1", "proxy-authorization: Basic x"]
    async with serving(answering(reply)) as old, gateway(one(old), server) as gw, gw.client() as client:
        got = await client.get("/", *hops, "x-end: 1")
        names = {name for name, _ in fields_of(old.requests[0])}
        assert not names & {b"connection", b"x-mine", b"te", b"keep-alive", b"proxy-authorization"}
        assert b"x-end" in names
        assert got[b"x-end"] == b"1"
        assert got.all(b"server") == [b"old"]
        assert got.all(b"date") == [b"Mon, 01 Jan 2024 00:00:00 GMT"]
        assert got.all(b"connection") == [b"close"]  # the server's own, for the client asked for it
        assert not {name for name, _ in got.fields} & {b"x-hop", b"keep-alive", b"proxy-authenticate"}


@applies(*ANY_SERVER)
async def test_date_is_made_where_it_is_missing_and_server_is_not(server):
    async with serving(answer_all) as old, gateway(one(old), server) as gw, gw.client() as client:
        reply = await client.get()
        assert re.fullmatch(rb"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", reply[b"date"])
        assert reply.all(b"server") == []


@applies(*ANY_SERVER)
async def test_host_is_the_upstreams_own_where_the_file_says_so(server):
    options = "host_header: upstream"
    async with serving(answer_all) as old, gateway(one(old, options=options), server) as gw, gw.client() as client:
        await client.get("/", "host: shop.example")
        assert all_of(old.requests[0], b"host") == [old.url.removeprefix("http://").encode()]
        assert all_of(old.requests[0], b"x-forwarded-host") == [b"shop.example"]


@applies(*ANY_SERVER)
async def test_ids_are_passed_on_or_made(server):
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with serving(answer_all) as old, gateway(one(old), server) as gw, gw.client() as client:
        given = await client.get("/", "x-request-id: abc-1", f"traceparent: {trace}", "tracestate: a=b")
        made = await client.get("/", 'x-request-id: "; drop', "traceparent: 00-nonsense", "tracestate: a=b")
        first, second = old.requests
        assert given.all(b"x-request-id") == all_of(first, b"x-request-id") == [b"abc-1"]
        assert all_of(first, b"traceparent") == [trace.encode()]
        assert all_of(first, b"tracestate") == [b"a=b"]
        assert made.all(b"x-request-id") == all_of(second, b"x-request-id")
        assert re.fullmatch(rb"[0-9a-f]{32}", made[b"x-request-id"])
        assert re.fullmatch(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-00", all_of(second, b"traceparent")[0])
        assert all_of(second, b"tracestate") == []


@applies(*ANY_SERVER)
async def test_the_decision_is_shown_and_cannot_be_claimed(server):
    lies = ["x-gateway-side: new", "X_Gateway_Side: new", "x-gateway_reason: x", "x_gateway-feature: y"]
    claims = answering(b"HTTP/1.1 200 OK\r\nx-gateway-side: old\r\nx_gateway_reason: x\r\ncontent-length: 0\r\n\r\n")
    async with (
        serving(answer_all) as old,
        serving(claims) as new,
        gateway(two(old, new, top="expose_decision: true"), server) as gw,
        gw.client() as client,
    ):
        reply = await client.get("/api/auth/x", "x-user: a", *lies)
        assert reply[b"x-gateway-feature"] == b"auth"
        assert reply[b"x-gateway-side"] == b"new"
        assert reply[b"x-gateway-reason"] == b"split"
        assert reply.all(b"x_gateway_reason") == []
        assert not any(name.replace(b"_", b"-").startswith(b"x-gateway-") for name, _ in fields_of(new.requests[0]))
        fixed = await client.get("/other", *lies)
        assert (fixed[b"x-gateway-feature"], fixed[b"x-gateway-side"]) == (b"none", b"fixed")
        assert not any(name.replace(b"_", b"-").startswith(b"x-gateway-") for name, _ in fields_of(old.requests[0]))


@applies(*ANY_SERVER)
async def test_the_decision_is_not_shown_unless_asked_for(server):
    async with serving(answer_all) as old, gateway(one(old), server) as gw, gw.client() as client:
        assert not [name for name, _ in (await client.get()).fields if name.startswith(b"x-gateway")]


@applies(*ANY_SERVER)
async def test_paths_are_rewritten_there_and_back(server):
    reply = (
        b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:%d/auth/next?x=1\r\n"
        b"set-cookie: s=1; Path=/auth; HttpOnly\r\nset-cookie: t=1; path=/other\r\ncontent-length: 0\r\n\r\n"
    )

    async def script(peer):
        while await peer.request():
            await peer.send(reply % new.port)

    async with serving(answer_all) as old, serving(script) as new:
        feature = "key: ['header:x-user'], rewrite: {new: {from: /api/auth, to: /auth}}"
        async with gateway(two(old, new, feature=feature), server) as gw, gw.client() as client:
            got = await client.get("/api/auth/login%20x?a=/api/auth", "x-user: a", "host: shop.example")
            assert new.requests[0].line == b"GET /auth/login%20x?a=/api/auth HTTP/1.1"
            assert got[b"location"] == b"http://shop.example/api/auth/next?x=1"
            assert got.all(b"set-cookie") == [b"s=1; Path=/api/auth; HttpOnly", b"t=1; path=/other"]
            for climbing in ("/api/auth/../auth/x", "/api/%61uth/x%3Fy"):
                await client.get(climbing, "x-user: a")
            assert [request.line.split()[1] for request in new.requests[1:]] == [
                b"/auth/x",
                b"/auth/x%3Fy",
            ]


@applies(*ANY_SERVER)
async def test_a_user_without_a_key_gets_one_and_stays(server):
    async with serving(answer_all) as old, serving(answer_all) as new:
        text = two(old, new, percent=50, feature=STICKY, top="expose_decision: true")
        async with gateway(text, server) as gw, gw.client() as client:
            for _ in range(20):
                first = await client.get("/api/auth/x")
                cookie, *flags = first[b"set-cookie"].split(b"; ")
                assert re.fullmatch(rb"gateway_id=[0-9a-f]{32}", cookie)
                assert set(flags) == {b"Path=/", b"HttpOnly", b"SameSite=Lax", b"Max-Age=34560000"}
                assert first[b"cache-control"] == b"private"
                again = await client.get("/api/auth/x", b"cookie: " + cookie)
                assert again[b"x-gateway-side"] == first[b"x-gateway-side"]
                assert again.all(b"set-cookie") == again.all(b"cache-control") == []
                side = b"new" if bucket("auth", cookie.partition(b"=")[2]) < 5000 else b"legacy"
                assert first[b"x-gateway-side"] == side


@applies(*ANY_SERVER)
@pytest.mark.parametrize(
    "cacheable", [b"cache-control: public, max-age=60", b"last-modified: x", b"cdn-cache-control: max-age=1"]
)
async def test_a_reply_that_shared_caches_may_keep_carries_no_cookie(server, cacheable):
    reply = b"HTTP/1.1 200 OK\r\n" + cacheable + b"\r\ncontent-length: 0\r\n\r\n"
    async with (
        serving(answering(reply)) as old,
        serving(answering(reply)) as new,
        gateway(two(old, new, feature=STICKY), server) as gw,
        gw.client() as client,
    ):
        assert (await client.get("/api/auth/x")).all(b"set-cookie") == []


@applies(*ANY_SERVER)
async def test_a_percent_moves_keys_by_their_buckets(server):
    async with (
        serving(answer_all) as old,
        serving(answer_all) as new,
        gateway(two(old, new, top="expose_decision: true"), server) as gw,
        gw.client() as client,
    ):
        for percent in (0, 10, 50, 100):
            gw.percent(percent)
            for user in range(30):
                reply = await client.get("/api/auth/x", f"x-user: {user}")
                want = b"new" if bucket("auth", b"%d" % user) < percent * 100 else b"legacy"
                assert reply[b"x-gateway-side"] == want


@applies(*ANY_SERVER)
async def test_a_request_that_waits_for_a_connection_when_the_kill_comes_goes_to_legacy(server):
    release = asyncio.Event()

    async def one_at_a_time(peer):
        while await peer.request():
            await release.wait()
            await peer.send(OK)

    async with serving(answer_all) as old, serving(one_at_a_time) as new:
        text = two(old, new, options="max_connections: 1", top="expose_decision: true")
        async with gateway(text, server) as gw, gw.client() as first, gw.client() as second:
            await first.send(head_of("GET", "/api/auth/1", "x-user: a"))
            await eventually(lambda: new.requests)
            await second.send(head_of("POST", "/api/auth/2", "x-user: a", "content-length: 2") + b"hi")
            await eventually(lambda: gw.clients["new"].in_flight == 2)
            gw.kill()
            release.set()
            assert (await first.reply())[b"x-gateway-side"] == b"new"
            moved = await second.reply()
            assert (moved[b"x-gateway-side"], moved[b"x-gateway-reason"]) == (b"legacy", b"killed")
            assert [request.body for request in old.requests] == [b"hi"]
            assert len(new.requests) == 1
            await gw.until_counted(total=2)
            assert gw.attempts == {("new", "ok"): 1, ("legacy", "ok"): 1}


class FailsAfterOne(dict):
    """Policies that say once that their feature is killed, and then cannot be read."""

    def get(self, name, default=None):
        if not self:
            raise ZeroDivisionError
        return dataclasses.replace(self.pop(name), killed=True)


@applies(*ANY_SERVER)
async def test_a_try_that_a_kill_held_back_counts_for_nobody(server):
    release = asyncio.Event()

    async def one_at_a_time(peer):
        while await peer.request():
            await release.wait()
            await peer.send(OK)

    async with serving(answer_all) as old, serving(one_at_a_time) as new:
        text = two(old, new, options="max_connections: 1")
        async with gateway(text, server) as gw, gw.client() as first, gw.client() as second:
            await first.send(head_of("GET", "/api/auth/1", "x-user: a"))
            await eventually(lambda: new.requests)
            await second.send(head_of("GET", "/api/auth/2", "x-user: a"))
            await eventually(lambda: gw.clients["new"].in_flight == 2)
            gw.policies = FailsAfterOne(gw.policies)
            release.set()
            assert (await first.reply()).status == 200
            assert (await second.reply()).status == 500
            await gw.until_counted(total=2)
            assert gw.attempts == {("new", "ok"): 1}


@applies(*ANY_SERVER)
async def test_a_retry_after_a_kill_decides_again(server):
    async def script(peer):
        await peer.request()
        await peer.send(OK)
        if await peer.head():
            gw.kill()

    async with (
        serving(answer_all) as old,
        serving(script) as new,
        gateway(two(old, new), server) as gw,
        gw.client() as client,
    ):
        for _ in range(2):
            assert (await client.get("/api/auth/x", "x-user: a")).status == 200
        assert len(old.requests) == 1
        await gw.until_counted(total=2)
        assert gw.attempts == {("new", "ok"): 1, ("new", "truncated"): 1, ("legacy", "ok"): 1}


STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n"


@applies(*ANY_SERVER)
async def test_a_stream_of_news_is_cut_when_the_grace_is_over_and_nobody_is_blamed(server):
    async def script(peer):
        await peer.request()
        await peer.send(STREAM)
        await peer.closed()
        ended.set()

    ended = asyncio.Event()
    async with (
        serving(script) as old,
        serving(script) as new,
        gateway(two(old, new), server, noise=CUT) as gw,
        gw.client() as client,
        gw.client() as other,
    ):
        await client.send(head_of("GET", "/api/auth/x", "x-user: a"))
        await client.head()
        assert await client.chunk() == b"data: 1\n\n"
        await other.send(head_of("GET", "/stream"))
        await other.head()
        gw.kill()
        gw.proxy.streams.cut("auth")
        with pytest.raises((BrokenReplyError, asyncio.IncompleteReadError, ConnectionError)):
            await client.chunk()
        await ended.wait()
        await gw.until_counted()
        assert gw.attempts == {("new", "ok"): 1}
        assert await other.chunk() == b"data: 1\n\n"  # legacy's goes on


@applies(*ANY_SERVER)
async def test_a_stream_that_begins_after_the_kill_has_its_own_grace(server):
    async def script(peer):
        await peer.request()
        gw.kill()
        gw.proxy.streams.cut("auth")
        await peer.send(STREAM)
        await peer.closed()

    async with serving(answer_all) as old, serving(script) as new:
        text = two(old, new, top="kill_grace_seconds: 0.1")
        async with gateway(text, server, noise=CUT) as gw, gw.client() as client:
            await client.send(head_of("GET", "/api/auth/x", "x-user: a"))
            await client.head()
            assert not (await client.closed()).endswith(b"0\r\n\r\n")


@applies(*OUR_EDGE)
@pytest.mark.parametrize("percent", [0, 37, 100])
async def test_explain_agrees_with_the_proxy(server, percent):
    requests = [("GET", "/api/auth/x", [("x-user", str(user))]) for user in range(20)] + [
        ("POST", "/other?x=1", []),
        ("GET", "/api/auth/%2e%2e/x", [("x-user", "a")]),
        ("GET", "/api/auth/x", []),
        ("GET", "/api/auth/x", [("Host", "a b")]),
    ]
    async with serving(answer_all) as old, serving(answer_all) as new:
        text = two(old, new, percent=percent, top="expose_decision: true")
        async with gateway(text, server) as gw, gw.client() as client:
            for method, target, lines in requests:
                reply = await client.ask(method, target, *(f"{name}: {value}" for name, value in lines))
                told = explain(
                    gw.plan,
                    gw.policies,
                    method=method,
                    url=f"http://test{target}",
                    headers=lines,
                    client_ip="127.0.0.1",
                )
                if "status" in told:
                    assert told["status"] == reply.status
                    continue
                assert str(told["side"]).encode() == reply[b"x-gateway-side"]
                assert str(told["reason"]).encode() == reply[b"x-gateway-reason"]
