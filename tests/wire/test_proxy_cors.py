"""CORS at the gateway: preflights without any upstream, the same words for both sides, and errors that can be read."""

import json

import pytest

from tests.support.edge_cases import EDGE
from tests.support.proxy_harness import ANY_SERVER, gateway, head_of
from tests.support.scripted_upstream import OK, answer_all, applies, eventually, serving, unused_port

ORIGIN = "https://app.example.com"
CORS = f"""
cors:
  origins: ["{ORIGIN}"]
  methods: [GET, HEAD, POST, PUT]
  headers: [content-type, x-team]
  exposed_headers: [x-request-id]
  credentials: true
  max_age_seconds: 60
"""
FILE = """
version: 1
upstreams:
  old: {{url: "{old}"}}
  new: {{url: "{new}"}}
features:
  auth: {{legacy: old, new: new, percent: {percent}}}
routes:
  - {{path: "/auth/*", feature: auth}}
  - {{path: "/own/*", upstream: old, cors: {{origins: ["https://own.example.com"]}}}}
  - {{path: "/off/*", upstream: old, cors: false}}
  - {{path: "/put/*", upstream: old, methods: [PUT]}}
  - {{path: "/team/*", upstream: old, headers: {{x-team: blue}}}}
{top}
"""
PREFLIGHT = (f"origin: {ORIGIN}", "access-control-request-method: PUT", "access-control-request-headers: x-team")
PREFLIGHT_FIELDS = [
    (b"vary", b"Origin"),
    (b"access-control-allow-origin", ORIGIN.encode()),
    (b"access-control-allow-credentials", b"true"),
    (b"access-control-allow-methods", b"GET, HEAD, POST, PUT"),
    (b"access-control-allow-headers", b"content-type, x-team"),
    (b"access-control-max-age", b"60"),
]
REPLY_FIELDS = [
    (b"vary", b"Origin"),
    (b"access-control-allow-origin", ORIGIN.encode()),
    (b"access-control-allow-credentials", b"true"),
    (b"access-control-expose-headers", b"x-request-id"),
]
LAX = OK.replace(
    b"content-length",
    b"access-control-allow-origin: *\r\nAccess-Control-Allow-Credentials: true\r\naccess-control-max-age: 9\r\n"
    b"vary: accept\r\ncontent-length",
)


def routed(old, new=None, *, percent=0, top=CORS):
    return FILE.format(old=old.url, new=(new or old).url, percent=percent, top=top)


def said(reply):
    return [field for field in reply.fields if field[0] == b"vary" or field[0].startswith(b"access-control-")]


async def lax(peer):
    while await peer.request():
        await peer.send(LAX)


@applies(*ANY_SERVER)
@pytest.mark.parametrize("percent", [0, 100])
async def test_a_preflight_is_answered_here_and_alike_for_both_sides(server, percent):
    async with (
        serving(answer_all) as old,
        serving(answer_all) as new,
        gateway(routed(old, new, percent=percent), server) as gw,
        gw.client() as client,
    ):
        for number in (1, 2):
            reply = await client.get("/auth/x", *PREFLIGHT, method="OPTIONS")
            assert (reply.status, reply.body, reply.all(b"content-length")) == (204, b"", [])
            assert said(reply) == PREFLIGHT_FIELDS
            assert len(reply[b"x-request-id"]) == 32
            await gw.until_counted(total=number)
        assert gw.requests == {("none", "none", "204"): 2}
        assert (old.peers, new.peers) == ([], [])


@applies(*EDGE)
@pytest.mark.parametrize("origin", ["https://evil.test", "null", f"{ORIGIN}.evil.test", "http://app.example.com"])
async def test_a_preflight_of_another_origin_is_told_nothing(origin):
    async with serving(answer_all) as old, gateway(routed(old)) as gw, gw.client() as client:
        reply = await client.get("/auth/x", f"origin: {origin}", *PREFLIGHT[1:], method="OPTIONS")
        assert (reply.status, said(reply)) == (204, [(b"vary", b"Origin")])
        assert old.peers == []


@applies(*EDGE)
@pytest.mark.parametrize("target", ["/put/x", "/auth/x"])
async def test_a_preflight_takes_the_route_of_the_request_that_it_asks_for(target):
    async with serving(answer_all) as old, gateway(routed(old)) as gw, gw.client() as client:
        assert said(await client.get(target, *PREFLIGHT, method="OPTIONS")) == PREFLIGHT_FIELDS
        assert old.peers == []


@applies(*EDGE)
@pytest.mark.parametrize(
    ("target", "lines", "status"),
    [
        ("/put/x", (PREFLIGHT[0], "access-control-request-method: DELETE"), 404),
        ("/nowhere", PREFLIGHT, 404),
        ("/auth/%2F../../x", PREFLIGHT, 400),
    ],
)
async def test_a_preflight_of_what_has_no_route_is_refused_like_any_request(target, lines, status):
    async with serving(answer_all) as old, gateway(routed(old)) as gw, gw.client() as client:
        reply = await client.get(target, *lines, method="OPTIONS")
        assert (reply.status, reply[b"content-type"]) == (status, b"application/problem+json")
        assert old.peers == []


@applies(*EDGE)
@pytest.mark.parametrize("lines", [(PREFLIGHT[0],), PREFLIGHT[1:], ()])
async def test_other_options_go_to_the_upstream(lines):
    async with serving(answer_all) as old, gateway(routed(old)) as gw, gw.client() as client:
        assert (await client.get("/auth/x", *lines, method="OPTIONS")).status == 200
        assert old.requests[0].line == b"OPTIONS /auth/x HTTP/1.1"


@applies(*ANY_SERVER)
@pytest.mark.parametrize("percent", [0, 100])
async def test_what_the_upstream_says_is_replaced(server, percent):
    async with (
        serving(lax) as old,
        serving(lax) as new,
        gateway(routed(old, new, percent=percent), server) as gw,
        gw.client() as client,
    ):
        reply = await client.get("/auth/x", f"origin: {ORIGIN}")
        assert (reply.status, reply.body) == (200, b"ok")
        assert said(reply) == [(b"vary", b"accept"), *REPLY_FIELDS]
        for lines in ((), ("origin: https://evil.test",), ("origin: null",)):
            assert said(await client.get("/auth/x", *lines)) == [(b"vary", b"accept"), (b"vary", b"Origin")]
        request = (old if percent == 0 else new).requests[0]
        assert (b"origin", ORIGIN.encode()) in request.fields


@applies(*EDGE)
async def test_a_routes_own_wins_whole():
    own = "https://own.example.com"
    async with serving(lax) as old, gateway(routed(old)) as gw, gw.client() as client:
        reply = await client.get("/own/x", f"origin: {own}")
        assert said(reply) == [
            (b"vary", b"accept"),
            (b"vary", b"Origin"),
            (b"access-control-allow-origin", own.encode()),
        ]
        assert said(await client.get("/own/x", f"origin: {ORIGIN}"))[2:] == []
        preflight = await client.get("/own/x", f"origin: {own}", *PREFLIGHT[1:], method="OPTIONS")
        assert dict(said(preflight)) == {
            b"vary": b"Origin",
            b"access-control-allow-origin": own.encode(),
            b"access-control-allow-methods": b"GET, HEAD, POST",
            b"access-control-max-age": b"600",
        }


@applies(*EDGE)
@pytest.mark.parametrize(("target", "top"), [("/off/x", CORS), ("/auth/x", "")])
async def test_where_it_is_off_everything_is_the_upstreams(target, top):
    async with serving(lax) as old, gateway(routed(old, top=top)) as gw, gw.client() as client:
        reply = await client.get(target, f"origin: {ORIGIN}")
        assert dict(said(reply)) == {
            b"vary": b"accept",
            b"access-control-allow-origin": b"*",
            b"Access-Control-Allow-Credentials".lower(): b"true",
            b"access-control-max-age": b"9",
        }
        assert (await client.get(target, *PREFLIGHT, method="OPTIONS")).status == 200
        assert old.requests[1].line == b"OPTIONS " + target.encode() + b" HTTP/1.1"


class Nowhere:
    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"


@applies(*ANY_SERVER)
async def test_browsers_can_read_the_gateways_own_errors(server):
    with unused_port() as port:
        async with gateway(routed(Nowhere(port)), server) as gw, gw.client() as client:
            for target, status in (("/auth/x", 502), ("/nowhere", 404), ("/auth/%2F../../x", 400)):
                reply = await client.get(target, f"origin: {ORIGIN}")
                assert (reply.status, said(reply)) == (status, REPLY_FIELDS)
                assert json.loads(reply.body)["status"] == status
            for _ in range(10):  # until the breaker is open
                reply = await client.get("/auth/x", f"origin: {ORIGIN}")
            assert (reply.status, said(reply)) == (503, REPLY_FIELDS)
            assert said(await client.get("/auth/x")) == [(b"vary", b"Origin")]
            assert said(await client.get("/off/x", f"origin: {ORIGIN}")) == []


@applies(*EDGE)
@pytest.mark.parametrize(
    ("top", "lines", "body", "status"),
    [
        ("limits: {max_body_bytes: 3}", ("content-length: 4",), b"", 413),
        ("limits: {max_body_bytes: 3}", ("transfer-encoding: chunked",), b"4\r\nmuch\r\n", 413),
        ("limits: {body_timeout_seconds: 0.1}", ("content-length: 4",), b"", 408),
        ("", ("transfer-encoding: chunked",), b"x", 400),
        ("", ("connection: upgrade", "upgrade: h2c"), b"", 501),
    ],
)
async def test_and_those_that_are_its_clients_fault(top, lines, body, status):
    async with serving(answer_all) as old, gateway(routed(old, top=CORS + top)) as gw, gw.client() as client:
        await client.send(head_of("POST", "/auth/x", f"origin: {ORIGIN}", *lines) + body)
        reply = await client.reply()
        assert (reply.status, said(reply)) == (status, REPLY_FIELDS)


@applies(*EDGE)
async def test_when_there_are_too_many_requests_browsers_can_read_that():
    top = CORS + "limits: {max_requests_in_flight: 1}"

    async def hang(peer):
        await peer.request()
        await peer.closed()

    async with (
        serving(hang) as old,
        gateway(routed(old, top=top)) as gw,
        gw.client() as first,
        gw.client() as second,
    ):
        await first.send(head_of("GET", "/own/x"))
        await eventually(lambda: old.requests)
        reply = await second.get("/own/x", "origin: https://own.example.com")
        assert reply.status == 503
        assert (b"access-control-allow-origin", b"https://own.example.com") in reply.fields
        await first.leave()


@applies(*EDGE)
@pytest.mark.parametrize("status", [b"204 X", b"304 X", b"404 X", b"500 X", b"302 X"])
async def test_every_status_says_it(status):
    async def script(peer):
        while await peer.request():
            await peer.send(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\n\r\n")

    async with serving(script) as old, gateway(routed(old)) as gw, gw.client() as client:
        reply = await client.get("/auth/x", f"origin: {ORIGIN}")
        assert (reply.status, said(reply)) == (int(status[:3]), REPLY_FIELDS)


@applies(*EDGE)
async def test_options_that_end_here_say_it_too():
    async with serving(answer_all) as old, gateway(routed(old)) as gw, gw.client() as client:
        reply = await client.get("/auth/x", f"origin: {ORIGIN}", "max-forwards: 0", method="OPTIONS")
        assert (reply.status, said(reply)) == (200, REPLY_FIELDS)
        assert old.peers == []
