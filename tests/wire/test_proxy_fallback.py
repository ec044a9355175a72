"""Legacy answers what new could not: when, when not, what is counted, and that legacy is not drowned."""

import asyncio

import pytest

from tests.support.proxy_harness import OUR_EDGE, BrokenReplyError, gateway, head_of, two
from tests.support.scripted_upstream import OK, answer_all, answering, applies, eventually, serving, unused_port

USER = "x-user: a"


class Nowhere:
    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"


def text_of(old, new, *, feature="fallback: legacy", route="", options="first_byte_timeout_seconds: 5"):
    text = two(
        old,
        new,
        options=options,
        top="expose_decision: true",
        feature=f"key: ['header:x-user'], {feature}",
        percent=100,
    )
    return text.replace("feature: auth}", f"feature: auth{route}}}")


def replying(status):
    reply = b"HTTP/1.1 %d X\r\nset-cookie: from=new\r\ncontent-length: 3\r\n\r\nnew" % status

    async def script(peer):
        while await peer.request():
            await peer.send(reply)

    return script


async def hang(peer):
    await peer.request()
    await peer.closed()


BREAKING = {
    "refused": None,
    "first_byte_timeout": hang,
    "closed": answering(b""),
    "malformed": answering(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    "502": replying(502),
    "503": replying(503),
    "504": replying(504),
}


@applies(*OUR_EDGE)
@pytest.mark.parametrize("cause", list(BREAKING))
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_legacy_answers_and_new_is_blamed(server, cause, method):
    options = f"first_byte_timeout_seconds: {0.1 if cause == 'first_byte_timeout' else 30}"
    with unused_port() as port:
        async with serving(answer_all) as old, serving(BREAKING[cause] or answer_all) as failing:
            new = failing if BREAKING[cause] else Nowhere(port)
            async with gateway(text_of(old, new, options=options), server) as gw, gw.client() as client:
                reply = await client.get("/api/auth/x?y=1", USER, method=method)
                assert (reply.status, reply.body) == (200, b"" if method == "HEAD" else b"ok")
                assert (reply[b"x-gateway-side"], reply[b"x-gateway-reason"]) == (b"legacy", b"fallback")
                assert reply.all(b"set-cookie") == []
                assert [request.line for request in old.requests] == [b"%b /api/auth/x?y=1 HTTP/1.1" % method.encode()]
                await gw.until_counted()
                assert gw.requests == {("auth", "legacy", "200"): 1}
                assert gw.fallbacks == {("auth", cause): 1}
                ((side, outcome),) = gw.attempts.keys() - {("legacy", "ok")}
                expected = {"refused": "refused", "first_byte_timeout": "timeout", "closed": "truncated"}
                assert side == "new"
                assert outcome == expected.get(cause, "5xx" if cause.isdigit() else "truncated")
                assert [event["reason"] for event in gw.logged.events] == ["fallback"]


@applies(*OUR_EDGE)
@pytest.mark.parametrize("status", [200, 302, 400, 401, 404, 405, 429, 500, 501])
async def test_other_answers_of_new_are_its_answers(server, status):
    async with (
        serving(answer_all) as old,
        serving(replying(status)) as new,
        gateway(text_of(old, new), server) as gw,
        gw.client() as client,
    ):
        reply = await client.get("/api/auth/x", USER)
        assert (reply.status, reply.body, reply[b"x-gateway-side"]) == (status, b"new", b"new")
        assert old.requests == []


@applies(*OUR_EDGE)
@pytest.mark.parametrize("status", [404, 405, 500, 501])
async def test_what_is_asked_for_falls_back_too(server, status):
    feature = f"fallback: legacy, fallback_on: [{status}]"
    async with (
        serving(answer_all) as old,
        serving(replying(status)) as new,
        gateway(text_of(old, new, feature=feature), server) as gw,
        gw.client() as client,
    ):
        reply = await client.get("/api/auth/x", USER)
        assert (reply.status, reply[b"x-gateway-reason"]) == (200, b"fallback")
        assert gw.fallbacks == {("auth", str(status)): 1}


@applies(*OUR_EDGE)
@pytest.mark.parametrize(
    ("method", "route", "falls"),
    [
        ("POST", ", fallback_idempotent: true", False),
        ("PATCH", ", fallback_idempotent: true", False),
        ("PUT", "", False),
        ("DELETE", "", False),
        ("PUT", ", fallback_idempotent: true", True),
        ("DELETE", ", fallback_idempotent: true", True),
    ],
)
async def test_only_what_does_no_harm_twice(server, method, route, falls):
    async with (
        serving(answer_all) as old,
        serving(replying(503)) as new,
        gateway(text_of(old, new, route=route), server) as gw,
        gw.client() as client,
    ):
        reply = await client.ask(method, "/api/auth/x", USER, "content-length: 4", body=b"body")
        assert (reply.status == 200) == falls
        assert [request.body for request in old.requests] == ([b"body"] if falls else [])
        assert [request.body for request in new.requests] == [b"body"]


@applies(*OUR_EDGE)
@pytest.mark.parametrize(("size", "falls"), [(65_536, True), (65_537, False), (300_000, False)])
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_that_arrives_in_pieces_is_kept_up_to_64_kib(server, size, falls, chunked):
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    async with (
        serving(answer_all) as old,
        serving(replying(503)) as new,
        gateway(text_of(old, new, route=", fallback_idempotent: true"), server) as gw,
        gw.client() as client,
    ):
        head = head_of(
            "PUT", "/api/auth/x", USER, "transfer-encoding: chunked" if chunked else f"content-length: {size}"
        )
        await client.send(head)
        for start in range(0, size, 10_000):
            piece = body[start : start + 10_000]
            await client.send(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if chunked:
            await client.send(b"0\r\n\r\n")
        reply = await client.reply()
        assert reply.status == (200 if falls else 503)
        assert [request.body for request in new.requests] == [body]
        assert [request.body for request in old.requests] == ([body] if falls else [])


@applies(*OUR_EDGE)
async def test_a_client_that_leaves_inside_a_body_that_is_collected_blames_nobody(server):
    async with (
        serving(answer_all) as old,
        serving(answer_all) as new,
        gateway(text_of(old, new, route=", fallback_idempotent: true"), server) as gw,
    ):
        async with gw.client() as client:
            await client.send(head_of("PUT", "/api/auth/x", USER, "content-length: 4") + b"bo")
            await eventually(lambda: gw.metrics.in_flight)
        await gw.until_counted()
        assert gw.requests == {("auth", "new", "499"): 1}
        assert gw.attempts == {}
        assert new.requests == old.requests == []


@applies(*OUR_EDGE)
async def test_once_news_reply_has_begun_it_is_the_answer_even_broken(server):
    async with (
        serving(answer_all) as old,
        serving(answering(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")) as new,
        gateway(text_of(old, new), server) as gw,
        gw.client() as client,
    ):
        with pytest.raises(BrokenReplyError):
            await client.get("/api/auth/x", USER)
        assert old.requests == []


@applies(*OUR_EDGE)
@pytest.mark.parametrize("feature", ["on_unhealthy: fail", "reversible: false"])
async def test_without_fallback_new_is_the_answer(server, feature):
    async with (
        serving(answer_all) as old,
        serving(replying(503)) as new,
        gateway(text_of(old, new, feature=feature), server) as gw,
        gw.client() as client,
    ):
        assert (await client.get("/api/auth/x", USER)).status == 503
        assert old.requests == []


@applies(*OUR_EDGE)
async def test_an_issued_key_is_given_though_legacy_answers(server):
    with unused_port() as port:
        async with serving(answer_all) as old:
            text = text_of(old, Nowhere(port)).replace("key: ['header:x-user']", "key: ['cookie:id'], no_key: issue")
            async with gateway(text, server) as gw, gw.client() as client:
                reply = await client.get("/api/auth/x")
                assert reply[b"x-gateway-reason"] == b"fallback"
                assert reply[b"set-cookie"].startswith(b"id=")


@applies(*OUR_EDGE)
async def test_over_its_cap_legacy_is_not_asked_and_news_failure_is_the_answer(server):
    release = asyncio.Event()

    async def slow(peer):
        while await peer.request():
            await release.wait()
            await peer.send(OK)

    feature = "fallback: legacy, fallback_max_in_flight: 2"
    async with (
        serving(slow) as old,
        serving(replying(503)) as new,
        gateway(text_of(old, new, feature=feature, options="breaker: {enabled: false}"), server) as gw,
        gw.client() as one,
        gw.client() as other,
        gw.client() as third,
    ):
        for number, client in enumerate((one, other), 1):
            await client.send(head_of("GET", "/api/auth/x", USER))
            await eventually(lambda number=number: len(old.requests) == number)
        over = await third.get("/api/auth/x", USER)
        assert (over.status, over.body, over[b"x-gateway-side"]) == (503, b"new", b"new")
        release.set()
        assert (await one.reply()).status == (await other.reply()).status == 200
        assert (await third.get("/api/auth/x", USER)).status == 200
        assert gw.fallbacks == {("auth", "503"): 3}


@applies(*OUR_EDGE)
async def test_a_legacy_that_is_down_too_is_not_asked(server):
    quick = "breaker: {consecutive_failures: 1, open_seconds: 60}"
    with unused_port() as port:
        async with serving(replying(503)) as new:
            text = text_of(Nowhere(port), new, options="breaker: {enabled: false}")
            text = text.replace('"}', f'", {quick}}}', 1)
            async with gateway(text, server) as gw, gw.client() as client:
                first = await client.get("/api/auth/x", USER)
                assert (first.status, first[b"x-gateway-reason"]) == (502, b"fallback")
                second = await client.get("/api/auth/x", USER)
                assert (second.status, second.body, second[b"x-gateway-side"]) == (503, b"new", b"new")


@applies(*OUR_EDGE)
async def test_death_of_new_costs_safe_requests_nothing(server):
    """From the first failure to the open breaker and beyond: not one is lost."""
    with unused_port() as port:
        async with (
            serving(answer_all) as old,
            gateway(text_of(old, Nowhere(port)), server) as gw,
            gw.client() as client,
        ):
            replies = [await client.get("/api/auth/x", USER) for _ in range(30)]
            assert {reply.status for reply in replies} == {200}
            reasons = [reply[b"x-gateway-reason"] for reply in replies]
            assert reasons == [b"fallback"] * 5 + [b"unhealthy"] * 25
