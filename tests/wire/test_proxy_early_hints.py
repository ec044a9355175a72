"""1xx replies: they reach clients that can read them, but 100, which is the gateway's to say; none is a beginning."""

import asyncio

import pytest

from tests.support.edge_cases import BOTH_LOOPS, EDGE
from tests.support.proxy_harness import BrokenReplyError, gateway, head_of, one, two
from tests.support.scripted_upstream import BOTH, OK, answer_all, answering, applies, connected, fetch, serving

HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
HTTPX = "client: httpx, connect_timeout_seconds: 5"


def hints(number):
    return b"HTTP/1.1 103 Early Hints\r\nlink: <%d>\r\n\r\n" % number


async def heads(client, method="GET"):
    """The statuses of all heads up to the final reply, the fields of the interim ones, and that reply."""
    interim = []
    while True:
        status, fields = await client.head()
        if status >= 200:
            body = b"" if method == "HEAD" else await client.body(dict(fields))
            return interim, status, body
        interim.append((status, fields))


@applies(*BOTH_LOOPS)
async def test_early_hints_arrive_before_the_answer_is_there():
    seen = asyncio.Event()

    async def script(peer):
        await peer.request()
        await peer.send(HINTS)
        await seen.wait()
        await peer.send(OK)

    async with serving(script) as old, gateway(one(old)) as gw, gw.client() as client:
        await client.send(head_of("GET", "/"))
        raw = await client.reader.readuntil(b"\r\n\r\n")
        assert raw == b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\n"
        seen.set()
        assert (await client.reply()).status == 200


@applies(*EDGE)
async def test_hints_lose_what_a_final_reply_would_lose():
    sent = (
        b"HTTP/1.1 103 Early Hints\r\nconnection: x-hop, close\r\nx-hop: 1\r\nkeep-alive: timeout=5\r\n"
        b"x-gateway-side: new\r\nx-request-id: theirs\r\nupgrade: h2c\r\nlink: </a>\r\nlink: </b>\r\nx-other: 2\r\n\r\n"
    )
    async with serving(answering(sent + OK)) as old, gateway(one(old)) as gw, gw.client() as client:
        await client.send(head_of("GET", "/"))
        interim, status, _ = await heads(client)
        assert interim == [(103, [(b"link", b"</a>"), (b"link", b"</b>"), (b"x-other", b"2")])]
        assert status == 200


@applies(*EDGE)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
async def test_hints_pass_for_every_method_in_order_and_the_connections_go_on(method):
    async def script(peer):
        while await peer.request():
            final = OK.removesuffix(b"ok") if method == "HEAD" else OK
            await peer.send(hints(1) + hints(2) + final)

    async with serving(script) as old, gateway(one(old)) as gw, gw.client() as client:
        for _ in range(3):
            await client.send(head_of(method, "/"))
            interim, status, _ = await heads(client, method)
            assert interim == [(103, [(b"link", b"<1>")]), (103, [(b"link", b"<2>")])]
            assert status == 200
        assert len(old.peers) == 1


@applies(*EDGE)
@pytest.mark.parametrize("lines", [(), ("connection: keep-alive",)])
async def test_an_http_1_0_client_gets_none(lines):
    async with serving(answering(HINTS + OK)) as old, gateway(one(old)) as gw, gw.client() as client:
        assert (await client.get("/", *lines, version="1.0")).status == 200


@applies(*BOTH_LOOPS)
@pytest.mark.parametrize(
    ("server", "options"), [("edge", HTTPX), ("uvicorn", HTTPX), ("uvicorn", "connect_timeout_seconds: 5")]
)
async def test_where_nobody_can_pass_them_on_they_are_dropped(server, options):
    async with (
        serving(answering(HINTS + OK)) as old,
        gateway(one(old, options=options), server) as gw,
        gw.client() as client,
    ):
        reply = await client.get()
        assert (reply.status, reply.body) == (200, b"ok")
        assert reply.all(b"link") == []


@applies(*EDGE)
@pytest.mark.parametrize("status", [b"102 Processing", b"104 Upload Resumption", b"199 X"])
async def test_others_pass_too(status):
    """RFC 9110 section 15.2: a proxy forwards what it has not asked for itself."""
    sent = b"HTTP/1.1 " + status + b"\r\nx-interim: 1\r\n\r\n"
    async with serving(answering(sent + HINTS + OK)) as old, gateway(one(old)) as gw, gw.client() as client:
        await client.send(head_of("GET", "/"))
        interim, final, _ = await heads(client)
        assert interim == [(int(status[:3]), [(b"x-interim", b"1")]), (103, [(b"link", b"</a.css>; rel=preload")])]
        assert final == 200


@applies(*EDGE)
@pytest.mark.parametrize("status", [b"100 Continue", b"102 Processing"])
async def test_a_100_that_nobody_asked_for_ends_here_and_http_1_0_gets_none(status):
    sent = b"HTTP/1.1 " + status + b"\r\nx-interim: 1\r\n\r\n"
    async with serving(answering(sent + OK)) as old, gateway(one(old)) as gw, gw.client() as client:
        reply = await client.get("/", version="1.1" if status.startswith(b"100") else "1.0")
        assert (reply.status, reply.all(b"x-interim")) == (200, [])


@applies(*EDGE)
async def test_ten_at_most():
    seen = asyncio.Event()

    async def script(peer):
        await peer.request()
        for number in range(10):
            await peer.send(hints(number))
        await seen.wait()
        await peer.send(hints(10))
        assert await peer.closed() == b""

    async with serving(script) as old, gateway(one(old)) as gw, gw.client() as client:
        await client.send(head_of("GET", "/"))
        for number in range(10):
            assert await client.head() == (103, [(b"link", b"<%d>" % number)])
        seen.set()
        assert (await client.reply()).status == 502
        assert gw.upstream_errors == {("old", "malformed"): 1}


@applies(*EDGE)
@pytest.mark.parametrize(
    "interim",
    [
        b"HTTP/1.1 103 Early Hints\r\ncontent-length: 5\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\ntransfer-encoding: chunked\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nlink : x\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nlink: a\0b\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nlink: a\r\n b\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nlink: a\nx: b\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ],
)
async def test_an_interim_reply_that_is_none_is_502_and_its_connection_is_never_used_again(interim):
    async def script(peer):
        while await peer.request():
            await peer.send(interim + OK if peer.number == 0 else OK)

    async with serving(script) as old, gateway(one(old)) as gw, gw.client() as client:
        assert (await client.get("/one")).status == 502
        assert (await client.get("/two")).status == 200
        assert [len(peer.requests) for peer in old.peers] == [1, 1]


@applies(*BOTH_LOOPS)
async def test_after_hints_a_failure_can_still_be_told():
    async with serving(answering(HINTS)) as old, gateway(one(old)) as gw, gw.client() as client:
        await client.send(head_of("GET", "/"))
        interim, status, _ = await heads(client)
        assert ([code for code, _ in interim], status) == ([103], 502)
        assert gw.upstream_errors == {("old", "closed"): 1}


@applies(*BOTH_LOOPS)
@pytest.mark.parametrize("said", [HINTS, b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 2"])
async def test_a_kept_connection_that_ends_after_it_has_said_something_was_not_closed_before(said):
    """So the upstream has seen the request, and it is not sent again."""

    async def script(peer):
        await peer.request()
        await peer.send(OK)
        await peer.request()
        await peer.send(said)

    async with serving(script) as old, gateway(one(old)) as gw, gw.client() as client:
        await client.get("/one")
        await client.send(head_of("GET", "/two"))
        _, status, _ = await heads(client)
        assert status == 502
        assert [request.line.split()[1] for request in old.requests] == [b"/one", b"/two"]
        assert gw.retries == {}


@applies(*EDGE)
@pytest.mark.parametrize("after", [b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n", b"", b"nonsense\r\n\r\n"])
async def test_hints_do_not_forbid_a_fallback_and_those_of_a_second_attempt_are_dropped(after):
    seen = asyncio.Event()

    async def failing(peer):
        await peer.request()
        await peer.send(hints(1))
        await seen.wait()
        await peer.send(after)

    async with (
        serving(answering(hints(2) + OK)) as old,
        serving(failing) as new,
        gateway(two(old, new, feature="key: [client_ip], fallback: legacy")) as gw,
        gw.client() as client,
    ):
        await client.send(head_of("GET", "/api/auth/x"))
        assert await client.head() == (103, [(b"link", b"<1>")])
        seen.set()
        assert await heads(client) == ([], 200, b"ok")
        assert sum(gw.fallbacks.values()) == 1


@applies(*EDGE)
async def test_hints_of_legacy_pass_where_new_gave_none():
    async with (
        serving(answering(hints(2) + OK)) as old,
        serving(answering(b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n")) as new,
        gateway(two(old, new, feature="key: [client_ip], fallback: legacy")) as gw,
        gw.client() as client,
    ):
        await client.send(head_of("GET", "/api/auth/x"))
        assert await heads(client) == ([(103, [(b"link", b"<2>")])], 200, b"ok")


@applies(*BOTH_LOOPS)
async def test_a_client_that_leaves_after_hints_leaves_the_upstream_too():
    gone = asyncio.Event()

    async def script(peer):
        await peer.request()
        await peer.send(HINTS)
        await peer.closed()
        gone.set()

    async with serving(script) as old, gateway(one(old)) as gw:
        async with gw.client() as client:
            await client.send(head_of("GET", "/"))
            assert (await client.head())[0] == 103
            await client.leave()
        await gone.wait()
        await gw.until_counted()
        assert gw.requests == {("none", "fixed", "499"): 1}


@applies(*EDGE)
async def test_a_reply_that_breaks_off_after_hints_is_broken():
    sent = HINTS + b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"
    async with serving(answering(sent)) as old, gateway(one(old)) as gw, gw.client() as client:
        await client.send(head_of("GET", "/"))
        assert (await client.head())[0] == 103
        with pytest.raises(BrokenReplyError):
            await client.reply()


@applies(*BOTH)
async def test_both_clients_find_the_answer_behind_hints(kind):
    sent = b"".join(hints(number) for number in range(10)) + OK
    async with serving(answering(sent)) as upstream, connected(kind, upstream.url) as client:
        assert await fetch(client) == (200, b"ok")


@applies(*EDGE)
async def test_hints_cut_byte_by_byte():
    async def script(peer):
        await peer.request()
        for byte in HINTS + OK:
            await peer.send(bytes([byte]))
            await asyncio.sleep(0)

    async with serving(script) as old, gateway(one(old)) as gw, gw.client() as client:
        await client.send(head_of("GET", "/"))
        assert await heads(client) == ([(103, [(b"link", b"</a.css>; rel=preload")])], 200, b"ok")
        await client.send(head_of("GET", "/"))
        await heads(client)


@applies(*EDGE)
async def test_without_hints_nothing_is_said_before_the_answer():
    async with serving(answer_all) as old, gateway(one(old)) as gw, gw.client() as client:
        await client.send(head_of("GET", "/"))
        assert await heads(client) == ([], 200, b"ok")
