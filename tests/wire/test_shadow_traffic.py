"""Copies of requests: who gets them, when, with what, and that the client never notices."""

import asyncio
import gzip

import pytest

from gateway.model import BasisPoints
from gateway.rules.noise import Verdict
from tests.support.proxy_harness import OUR_EDGE, gateway, two
from tests.support.scripted_upstream import answer_all, applies, eventually, serving, unused_port
from tests.support.shadow_file import TARGET, USER, json_reply, raw_reply, saying, shadowed


@applies(*OUR_EDGE)
@pytest.mark.parametrize(("percent", "answers"), [(0, "old"), (100, "new")])
async def test_the_side_that_did_not_answer_gets_a_copy(server, percent, answers):
    async with (
        serving(answer_all) as old,
        serving(answer_all) as new,
        gateway(shadowed(old, new, percent=percent), server) as gw,
        gw.client() as client,
    ):
        lines = [USER, "host: shop.example", "cookie: a=b", "authorization: Bearer x", "x-request-id: one"]
        answer = await client.get(TARGET, *lines)
        assert (answer.status, answer.body) == (200, b"ok")
        await gw.until_shadowed(match=1)
        (given,), (copied,) = (old.requests, new.requests) if answers == "old" else (new.requests, old.requests)
        assert given.line == copied.line == b"GET /api/auth/x?y=1 HTTP/1.1"
        told = dict(copied.fields)
        assert told.pop(b"x-gateway-shadow") == b"1"
        assert b"x-gateway-shadow" not in dict(given.fields)
        same = (b"host", b"cookie", b"authorization", b"x-request-id", b"x-user", b"x-forwarded-for")
        assert {name: told[name] for name in same} == {name: dict(given.fields)[name] for name in same}
        assert gw.requests == {("auth", "legacy" if answers == "old" else "new", "200"): 1}
        assert len(gw.attempts) == 1, "a shadow is no attempt"


@applies(*OUR_EDGE)
async def test_a_client_cannot_pass_for_a_shadow(server):
    async with (
        serving(answer_all) as old,
        serving(answer_all) as new,
        gateway(two(old, new, percent=0), server) as gw,
        gw.client() as client,
    ):
        await client.get(TARGET, USER, "x-gateway-shadow: 1", "x_gateway_shadow: 1")
        (given,) = old.requests
        assert [name for name, _ in given.fields if b"gateway" in name] == []
        assert (gw.shadowed, new.requests) == ({}, [])


@applies(*OUR_EDGE)
async def test_it_is_sent_when_the_client_has_its_answer(server):
    order = []

    async def slow_end(peer):
        while await peer.request():
            await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab")
            await asyncio.wait_for(half_read.wait(), 10)
            order.append("answered")
            await peer.send(b"cd")

    async def note(peer):
        while await peer.request():
            order.append("shadow")
            await peer.send(raw_reply(b"abcd"))

    half_read = asyncio.Event()
    async with (
        serving(slow_end) as old,
        serving(note) as new,
        gateway(shadowed(old, new), server) as gw,
        gw.client() as client,
    ):
        await client.send(b"GET /api/auth/x HTTP/1.1\r\nhost: test\r\n\r\n")
        await client.head()
        assert await client.reader.readexactly(2) == b"ab"
        half_read.set()
        assert await client.reader.readexactly(2) == b"cd"
        await gw.until_shadowed(match=1)
        assert order == ["answered", "shadow"]


@applies(*OUR_EDGE)
async def test_a_write_is_not_shadowed_unless_its_route_says_so(server):
    async with (
        serving(answer_all) as old,
        serving(answer_all) as new,
        gateway(shadowed(old, new), server) as gw,
        gw.client() as client,
    ):
        await client.ask("POST", TARGET, "content-length: 2", body=b"hi")
        await gw.until_counted()
        assert (gw.shadowed, new.requests) == ({}, [])
    async with serving(answer_all) as old, serving(answer_all) as new:
        text = shadowed(old, new, route=", shadow: {methods: [POST]}")
        async with gateway(text, server) as gw, gw.client() as client:
            await client.ask("POST", TARGET, "content-length: 2", body=b"hi")
            await client.ask("POST", TARGET, "transfer-encoding: chunked", body=b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
            await gw.until_shadowed(match=2)
            assert [request.body for request in new.requests] == [b"hi", b"abcde"]
            await client.get(TARGET)
            await gw.until_counted(total=3)
            assert gw.shadowed == {"match": 2}


@applies(*OUR_EDGE)
async def test_a_difference_is_read_once_more_and_kept_with_both_replies(server):
    async with (
        serving(saying(json_reply({"id": 1, "name": "a"}))) as old,
        serving(saying(json_reply({"id": "1", "name": "a"}))) as new,
        gateway(shadowed(old, new), server) as gw,
        gw.client() as client,
    ):
        await client.get(TARGET)
        await gw.until_shadowed(mismatch=1)
        assert (len(old.requests), len(new.requests)) == (2, 2)
        (kept,) = gw.book.kept
        assert [(each.kind, each.path, each.legacy, each.new) for each in kept.differences] == [
            ("type", "$.id", 1, "1")
        ]
        assert (kept.legacy.json(), kept.new.json()) == ({"id": 1, "name": "a"}, {"id": "1", "name": "a"})
        assert (kept.route, kept.asked.target, kept.outcome) == ("/api/auth/*", TARGET, "mismatch")
        assert gw._samples("gateway_mismatches_total", "feature", "kind") == {("auth", "body"): 1}
        (seconds,) = gw._samples("gateway_shadow_duration_seconds_count", "side").values()
        assert seconds == 1


@applies(*OUR_EDGE)
async def test_what_is_not_seen_again_does_not_count(server):
    async with (
        serving(saying(json_reply({"n": 1}), json_reply({"n": 2}))) as old,
        serving(saying(json_reply({"n": 2}))) as new,
        gateway(shadowed(old, new), server) as gw,
        gw.client() as client,
    ):
        await client.get(TARGET)
        await gw.until_shadowed(unconfirmed=1)
        assert gw._samples("gateway_mismatches_total", "kind") == {}


def items(*ids):
    return json_reply({"items": [{"id": each, "current": each == "a"} for each in ids]})


@applies(*OUR_EDGE)
async def test_while_a_list_changes_both_are_read_again(server):
    """A list that is being changed may differ twice in a row at the same places, and legacy's own items be as many."""
    async with (
        serving(saying(items("b", "a"), items("c", "a"), items("a"))) as old,
        serving(saying(items("a"), items("a"), items("a"))) as new,
        gateway(shadowed(old, new), server) as gw,
        gw.client() as client,
    ):
        await client.get(TARGET)
        await gw.until_shadowed(unconfirmed=1)
        assert (len(old.requests), len(new.requests)) == (3, 3)


@applies(*OUR_EDGE)
async def test_what_differs_each_time_counts_though_the_list_changes(server):
    def numbered(number, n):
        return json_reply({"items": [{"at": number, "n": n}], "n": n})

    async with (
        serving(saying(*[numbered(number, 1) for number in range(9)])) as old,
        serving(saying(*[numbered(number, 2) for number in range(9)])) as new,
        gateway(shadowed(old, new), server) as gw,
        gw.client() as client,
    ):
        await client.get(TARGET)
        await gw.until_shadowed(mismatch=1)
        assert [each.path for each in gw.book.kept[0].differences] == ["$.items[0].n", "$.n"]
        assert (len(old.requests), len(new.requests)) == (4, 4)


@applies(*OUR_EDGE)
async def test_an_error_of_new_counts_though_it_is_not_seen_again(server):
    async with (
        serving(saying(json_reply({"n": 1}))) as old,
        serving(saying(json_reply({}, status=500), json_reply({"n": 1}))) as new,
        gateway(shadowed(old, new), server) as gw,
        gw.client() as client,
    ):
        await client.get(TARGET)
        await gw.until_shadowed(mismatch=1)
        assert gw._samples("gateway_mismatches_total", "kind") == {("status",): 1}


@applies(*OUR_EDGE)
async def test_a_mismatch_of_a_write_is_not_asked_again(server):
    async with serving(answer_all) as old, serving(saying(raw_reply(b"no"))) as new:
        text = shadowed(old, new, route=", shadow: {methods: [POST]}")
        async with gateway(text, server) as gw, gw.client() as client:
            await client.ask("POST", TARGET, "content-length: 2", body=b"hi")
            await gw.until_shadowed(mismatch=1)
            assert (len(old.requests), len(new.requests)) == (1, 1)


@applies(*OUR_EDGE)
async def test_rules_of_the_file_hold(server):
    async with (
        serving(saying(json_reply({"token": "a", "at": 1, "n": [1, 2]}, "etag: 1"))) as old,
        serving(saying(json_reply({"token": "b", "at": 9, "n": [2, 1]}, "etag: 2"))) as new,
    ):
        rules = 'compare: {ignore: ["$.token", "header:etag"], unordered: ["$.n"], tolerance: {"$.at": 10}}'
        async with gateway(shadowed(old, new, feature=rules), server) as gw, gw.client() as client:
            await client.get(TARGET)
            await gw.until_shadowed(match=1)


@applies(*OUR_EDGE)
async def test_packed_bodies_are_unpacked(server):
    packed = gzip.compress(b'{"n": 1}'), gzip.compress(b'{"n": 2}')
    kind = "content-type: application/json"
    async with (
        serving(saying(raw_reply(packed[0], kind, "content-encoding: gzip"))) as old,
        serving(saying(raw_reply(b'{"n":1}', kind), raw_reply(packed[1], kind, "content-encoding: gzip"))) as new,
        gateway(shadowed(old, new), server) as gw,
        gw.client() as client,
    ):
        await client.get(TARGET, "accept-encoding: gzip")
        await gw.until_shadowed(match=1)
        await client.get(TARGET, "accept-encoding: gzip")
        await gw.until_shadowed(match=1, mismatch=1)
        assert [each.path for each in gw.book.kept[0].differences] == ["$.n"]


@applies(*OUR_EDGE)
async def test_what_cannot_be_unpacked_is_a_difference_and_a_bomb_is_dropped(server):
    good, bad = gzip.compress(b'{"n": 1}'), b"no gzip at all"
    bomb = gzip.compress(bytes(9_000_000))
    coding = "content-encoding: gzip"
    async with (
        serving(saying(raw_reply(good, coding))) as old,
        serving(saying(raw_reply(bad, coding), raw_reply(bad, coding), raw_reply(bomb, coding))) as new,
        gateway(shadowed(old, new), server) as gw,
        gw.client() as client,
    ):
        await client.get(TARGET)
        await gw.until_shadowed(mismatch=1)
        assert [each.path for each in gw.book.kept[0].differences] == ["header:content-encoding"]
        await client.get(TARGET)
        await gw.until_shadowed(mismatch=1, dropped_reply_too_large=1)


@applies(*OUR_EDGE)
async def test_locations_are_compared_as_the_client_knows_them(server):
    async def redirecting(peer):
        while request := await peer.request():
            own = peer.writer.get_extra_info("sockname")[1]
            assert request.line.startswith(b"GET ")
            await peer.send(raw_reply(b"", f"location: http://127.0.0.1:{own}/next", status=302))

    async with (
        serving(redirecting) as old,
        serving(redirecting) as new,
        gateway(shadowed(old, new), server) as gw,
        gw.client() as client,
    ):
        assert (await client.get(TARGET))[b"location"] == b"http://test/next"
        await gw.until_shadowed(match=1)


@applies(*OUR_EDGE)
async def test_of_a_reply_to_head_the_length_is_compared(server):
    async with (
        serving(saying(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n")) as old,
        serving(saying(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n")) as new,
        gateway(shadowed(old, new), server) as gw,
        gw.client() as client,
    ):
        await client.get(TARGET, method="HEAD")
        await gw.until_shadowed(mismatch=1)
        assert [each.path for each in gw.book.kept[0].differences] == ["header:content-length"]


# -- what cannot be sent, and what does not answer


@applies(*OUR_EDGE)
async def test_a_body_over_the_limit_is_passed_on_and_its_copy_dropped(server):
    big = b"x" * 3000
    text_top = "shadow: {max_body_bytes: 2000}"
    async with (
        serving(saying(raw_reply(big))) as old,
        serving(answer_all) as new,
        gateway(shadowed(old, new, top=text_top), server) as gw,
        gw.client() as client,
    ):
        assert (await client.get(TARGET)).body == big
        await gw.until_shadowed(dropped_reply_too_large=1)
        assert new.requests == []
    async with serving(answer_all) as old, serving(saying(raw_reply(big))) as new:
        text = shadowed(old, new, top=text_top, route=", shadow: {methods: [GET, POST]}")
        async with gateway(text, server) as gw, gw.client() as client:
            await client.ask("POST", TARGET, f"content-length: {len(big)}", body=big)
            await gw.until_shadowed(dropped_request_too_large=1)
            assert old.requests[0].body == big
            await client.get(TARGET)
            await gw.until_shadowed(dropped_request_too_large=1, dropped_reply_too_large=1)


@applies(*OUR_EDGE)
async def test_of_a_reply_that_says_it_is_too_large_nothing_is_read(server):
    async def huge(peer):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n")
        closed.append(await peer.closed())

    closed = []
    async with (
        serving(answer_all) as old,
        serving(huge) as new,
        gateway(shadowed(old, new), server) as gw,
        gw.client() as client,
    ):
        await client.get(TARGET)
        await gw.until_shadowed(dropped_reply_too_large=1)
        await eventually(lambda: closed == [b""])


@applies(*OUR_EDGE)
async def test_a_route_whose_replies_are_too_large_is_not_asked_again_and_again(server):
    async with (
        serving(answer_all) as old,
        serving(saying(raw_reply(b"x" * 3000))) as new,
        gateway(shadowed(old, new, top="shadow: {max_body_bytes: 2000}"), server) as gw,
        gw.client() as client,
    ):
        for number in range(6):
            await client.get(TARGET)
            await gw.until_shadowed(dropped_reply_too_large=number + 1)
        assert len(new.requests) == 3


@applies(*OUR_EDGE)
async def test_bytes_a_second_are_bounded(server):
    async with (
        serving(answer_all) as old,
        serving(saying(raw_reply(b"x" * 9000))) as new,
        gateway(shadowed(old, new, top="shadow: {max_bytes_per_second: 1000}"), server) as gw,
        gw.client() as client,
    ):
        await client.get(TARGET)
        await eventually(lambda: gw.shadows.in_flight == 0 and gw.shadowed == {"mismatch": 1})
        for _ in range(3):
            assert (await client.get(TARGET)).body == b"ok"
        await gw.until_shadowed(mismatch=1, dropped_budget=3)


@applies(*OUR_EDGE)
async def test_all_copies_together_are_bounded(server):
    async with (
        serving(saying(raw_reply(b"x" * 5000))) as old,
        serving(answer_all) as new,
        gateway(shadowed(old, new, top="shadow: {max_held_bytes: 4000}"), server) as gw,
        gw.client() as client,
    ):
        assert len((await client.get(TARGET)).body) == 5000
        await gw.until_shadowed(dropped_budget=1)


@applies(*OUR_EDGE)
async def test_over_the_cap_copies_are_dropped_and_clients_served(server):
    async def hang(peer):
        await peer.request()
        await dropped.wait()

    dropped = asyncio.Event()
    async with serving(answer_all) as old, serving(hang) as new:
        text = shadowed(old, new, top="shadow: {max_in_flight: 2, timeout_seconds: 30}")
        async with gateway(text, server) as gw, gw.client() as client:
            for _ in range(5):
                assert (await client.get(TARGET)).body == b"ok"
            await eventually(lambda: gw.shadowed == {"dropped_in_flight": 3})
            dropped.set()
            await gw.until_shadowed(dropped_in_flight=3, failed=2)


@applies(*OUR_EDGE)
@pytest.mark.parametrize(
    "garbage", [b"", b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab"]
)
async def test_a_side_that_answers_nothing_good_is_counted_as_failed(server, garbage):
    async def script(peer):
        await peer.request()
        await peer.send(garbage)

    async with (
        serving(answer_all) as old,
        serving(script) as new,
        gateway(shadowed(old, new), server) as gw,
        gw.client() as client,
    ):
        assert (await client.get(TARGET)).body == b"ok"
        await gw.until_shadowed(failed=1)
        assert not gw.guards["new"].is_down


@applies(*OUR_EDGE)
async def test_a_side_that_refuses_is_soon_asked_now_and_then_only(server):
    class Nowhere:
        url = ""

    with unused_port() as port:
        Nowhere.url = f"http://127.0.0.1:{port}"
        async with serving(answer_all) as old, gateway(shadowed(old, Nowhere), server) as gw, gw.client() as client:
            for number in range(5):
                assert (await client.get(TARGET)).body == b"ok"
                await gw.until_shadowed(failed=number + 1)
            for number in range(3):
                assert (await client.get(TARGET)).body == b"ok"
                await gw.until_shadowed(failed=5, dropped_unhealthy=number + 1)
            assert not gw.guards["new"].is_down, "what shadows meet opens no breaker of users' requests"


@applies(*OUR_EDGE)
async def test_streams_are_not_shadowed(server):
    events = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 8\r\n\r\ndata: 1\n"
    async with (
        serving(saying(events)) as old,
        serving(answer_all) as new,
        gateway(shadowed(old, new), server) as gw,
        gw.client() as client,
    ):
        await client.get(TARGET)
        await gw.until_shadowed(dropped_stream=1)
        assert new.requests == []


@applies(*OUR_EDGE)
async def test_a_request_that_failed_or_was_left_has_no_shadow(server):
    async def breaks_off(peer):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab")

    async with (
        serving(breaks_off) as old,
        serving(answer_all) as new,
        gateway(shadowed(old, new), server) as gw,
        gw.client() as client,
    ):
        await client.send(b"GET /api/auth/x HTTP/1.1\r\nhost: test\r\n\r\n")
        await client.closed()
        await gw.until_shadowed(dropped_primary_failed=1)
        assert new.requests == []


@applies(*OUR_EDGE)
async def test_a_fault_of_the_comparison_is_nobodys_but_ours_and_tells_no_secret(server, capsys):
    async def fails(*_, **__):
        raise ValueError("s3cret of a reply")

    async with (
        serving(answer_all) as old,
        serving(answer_all) as new,
        gateway(shadowed(old, new), server) as gw,
        gw.client() as client,
    ):
        gw.shadows._comparing.compare = fails
        for _ in range(2):
            assert (await client.get(TARGET)).body == b"ok"
        await gw.until_shadowed(failed=2)
    said = capsys.readouterr().out
    assert said.count("ValueError at test_shadow_traffic.py") == 1, "once in a while"
    assert "s3cret" not in said


# -- kills


@applies(*OUR_EDGE)
async def test_nothing_is_sent_to_new_from_a_kill_on(server):
    async with (
        serving(answer_all) as old,
        serving(answer_all) as new,
        gateway(shadowed(old, new), server) as gw,
        gw.client() as client,
    ):
        gw.kill()
        await client.get(TARGET)
        await gw.until_shadowed(dropped_killed=1)
        assert new.requests == []


@applies(*OUR_EDGE)
async def test_a_kill_ends_those_under_way(server):
    async def hang(peer):
        await peer.request()
        reached.set()
        await peer.closed()

    reached = asyncio.Event()
    async with (
        serving(answer_all) as old,
        serving(hang) as new,
        gateway(shadowed(old, new), server) as gw,
        gw.client() as client,
    ):
        await client.get(TARGET)
        await asyncio.wait_for(reached.wait(), 10)
        gw.kill()
        gw.shadows.kill("auth")
        await gw.until_shadowed(dropped_killed=1)


@applies(*OUR_EDGE)
async def test_stopping_gives_up_what_is_under_way(server):
    async def hang(peer):
        await peer.request()
        reached.set()
        await peer.closed()

    reached = asyncio.Event()
    async with (
        serving(answer_all) as old,
        serving(hang) as new,
        gateway(shadowed(old, new), server) as gw,
        gw.client() as client,
    ):
        await client.get(TARGET)
        await asyncio.wait_for(reached.wait(), 10)
        await gw.shadows.stop()
        await client.get(TARGET)
        await gw.until_shadowed(dropped_shutdown=2)


# -- noise


@applies(*OUR_EDGE)
async def test_legacy_is_asked_twice_for_a_pair(server):
    async with (
        serving(saying(json_reply({"n": 1, "t": 1}), json_reply({"n": 1, "t": 2}))) as old,
        serving(saying(json_reply({"n": 2, "t": 3}))) as new,
        gateway(shadowed(old, new, feature="noise_percent: 100"), server) as gw,
        gw.client() as client,
    ):
        await client.get(TARGET)
        await eventually(lambda: gw.shadows.in_flight == 0 and gw.shadowed)
        (pair,) = gw.book.pairs
        assert pair.legacy_places == {"body $.t"}
        assert pair.new_places == {"body $.t", "body $.n"}
        assert gw.shadowed == {"undecided": 1}, "$.t is legacy's own; of $.n it is not known yet"
        assert [each.path for each in gw.book.kept[0].differences] == ["$.n"]


@applies(*OUR_EDGE)
@pytest.mark.parametrize("verdict", ["noise", "mismatch", "undecided"])
async def test_what_is_known_of_noise_decides(server, verdict):
    async with (
        serving(saying(json_reply({"n": 1}))) as old,
        serving(saying(json_reply({"n": 2}))) as new,
        gateway(shadowed(old, new, feature="noise_percent: 100"), server) as gw,
        gw.client() as client,
    ):
        gw.book.verdicts["body $.n"] = Verdict(verdict)
        await client.get(TARGET)
        await gw.until_shadowed(**{verdict: 1})


@applies(*OUR_EDGE)
async def test_a_pair_where_new_answered_asks_legacy_twice_and_new_as_late(server):
    async with serving(answer_all) as old, serving(answer_all) as new:
        text = shadowed(old, new, percent=100, feature="noise_percent: 100")
        async with gateway(text, server) as gw, gw.client() as client:
            await client.get(TARGET, USER)
            await gw.until_shadowed(match=1)
            assert (len(old.requests), len(new.requests)) == (2, 2)
            (pair,) = gw.book.pairs
            assert (pair.legacy_places, pair.new_places) == (frozenset(), frozenset())


# -- how many


@applies(*OUR_EDGE)
async def test_a_share_is_a_share(server):
    async with serving(answer_all) as old, serving(answer_all) as new:
        text = shadowed(old, new, route=", shadow: {sample: 50}")
        async with gateway(text, server) as gw, gw.client() as client:
            gw.change(shadow=BasisPoints(4000))
            gw.shadows._random.seed(7)
            for _ in range(200):
                await client.get(TARGET)
            await eventually(lambda: gw.shadows.in_flight == 0)
            assert 20 <= gw.shadowed["match"] <= 60, "a fifth of them"
            gw.change(shadow=BasisPoints(0))
            before = gw.shadowed
            await client.get(TARGET)
            await gw.until_counted(total=201)
            assert gw.shadowed == before
