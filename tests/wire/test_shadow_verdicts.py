"""What a copy is called once both sides have answered: where one could be wrong about new."""

import itertools

import pytest

from tests.support.proxy_harness import OUR_EDGE, gateway
from tests.support.scripted_upstream import applies, serving
from tests.support.shadow_file import TARGET, USER, json_reply, raw_reply, saying, shadowed


def changing(make):
    """A service whose every reply is another one. make: gets 0, 1, 2..."""
    numbers = itertools.count()

    async def script(peer):
        while await peer.request():
            await peer.send(make(next(numbers)))

    return script


async def only_kept(old, new, server):
    """The paths of the one mismatch."""
    async with (
        serving(old) as legacy,
        serving(new) as young,
        gateway(shadowed(legacy, young), server) as gw,
        gw.client() as client,
    ):
        await client.get(TARGET, USER)
        await gw.until_shadowed(mismatch=1)
        (kept,) = gw.book.kept
        return [(each.path, each.legacy, each.new) for each in kept.differences]


@applies(*OUR_EDGE)
async def test_what_changes_in_one_row_does_not_excuse_the_next(server):
    def rows(total):
        return lambda at: json_reply({"rows": [{"name": "now", "v": at}, {"name": "total", "v": total}]})

    assert await only_kept(changing(rows(100)), changing(rows(999)), server) == [("$.rows[1].v", 100, 999)]


@applies(*OUR_EDGE)
async def test_what_changes_in_one_line_does_not_excuse_the_next(server):
    def page(total, side):
        return lambda at: raw_reply(f"<p>\n{side}{at}\nTotal: {total}\n".encode(), "content-type: text/html")

    found = await only_kept(changing(page(100, "a")), changing(page(999, "b")), server)
    assert found == [("line 3", "Total: 100", "Total: 999")]


@applies(*OUR_EDGE)
@pytest.mark.parametrize("kind", ["text/html; charset=iso-8859-1", "application/json", "text/event-stream"])
async def test_bytes_that_are_no_utf8_are_compared(server, kind):
    old, new = (raw_reply(f"data: caf{letter}\n\n".encode("latin-1"), f"content-type: {kind}") for letter in "éè")
    if "event-stream" in kind:  # such a one is not shadowed; under a rule a text is read as one
        kind = "text/plain"
        old, new = (each.replace(b"text/event-stream", b"text/plain") for each in (old, new))
        rule = "compare: {body: events}"
    else:
        rule = ""
    async with (
        serving(saying(old)) as legacy,
        serving(saying(new)) as young,
        gateway(shadowed(legacy, young, feature=rule), server) as gw,
        gw.client() as client,
    ):
        await client.get(TARGET, USER)
        await gw.until_shadowed(mismatch=1)


# -- the client's own copy


@applies(*OUR_EDGE)
async def test_what_the_client_asks_of_its_copy_is_not_asked_of_new(server):
    async with (
        serving(saying(json_reply({"n": 1}, "etag: old"))) as old,
        serving(saying(json_reply({"n": 1}, "etag: new"))) as new,
        gateway(shadowed(old, new, feature="compare: {ignore: ['header:etag']}"), server) as gw,
        gw.client() as client,
    ):
        since = "if-modified-since: Mon, 30 Nov 2026 10:00:00 GMT"
        answer = await client.get(TARGET, USER, "if-none-match: mine", since, "accept: a/b")
        await gw.until_shadowed(match=1)
        assert answer.status == 200
        (given,), (copied,) = old.requests, new.requests
        assert dict(given.fields)[b"if-none-match"] == b"mine"
        assert {b"if-none-match", b"if-modified-since"} <= dict(given.fields).keys()
        assert not {b"if-none-match", b"if-modified-since"} & dict(copied.fields).keys()
        assert dict(copied.fields)[b"accept"] == b"a/b"


@applies(*OUR_EDGE)
async def test_an_answer_about_the_clients_copy_is_not_compared(server):
    unchanged = b"HTTP/1.1 304 Not Modified\r\netag: old\r\n\r\n"
    part = raw_reply(b"ab", "content-range: bytes 0-1/9", status=206)
    async with (
        serving(saying(unchanged, part, json_reply({}))) as old,
        serving(saying(json_reply({}))) as new,
        gateway(shadowed(old, new, route=", shadow: {methods: [GET, PUT]}"), server) as gw,
        gw.client() as client,
    ):
        await client.get(TARGET, USER, "if-none-match: old")
        await gw.until_shadowed(dropped_conditional=1)
        await client.get(TARGET, USER, "range: bytes=0-1", "if-range: old")
        await gw.until_shadowed(dropped_conditional=2)
        await client.ask("PUT", TARGET, USER, "if-none-match: *", "content-length: 2", body=b"{}")
        await gw.until_shadowed(dropped_conditional=3)
        assert new.requests == []


# -- read again


def answering_first(reply):
    """A service that answers once and then closes every connection."""
    left = [reply]

    async def script(peer):
        while await peer.request() and left:
            await peer.send(left.pop())

    return script


@applies(*OUR_EDGE)
async def test_what_cannot_be_read_again_has_failed_and_is_not_called_unconfirmed(server):
    async with (
        serving(saying(json_reply({"n": 1}))) as old,
        serving(answering_first(json_reply({"n": 2}))) as new,
        gateway(shadowed(old, new), server) as gw,
        gw.client() as client,
    ):
        await client.get(TARGET, USER)
        await gw.until_shadowed(failed=1)
        assert gw.book.kept == []
        assert gw.shadows.budget.held == 0


@applies(*OUR_EDGE)
async def test_an_error_of_new_counts_though_it_cannot_be_read_again(server):
    async with (
        serving(saying(json_reply({"n": 1}))) as old,
        serving(answering_first(json_reply({}, status=500))) as new,
        gateway(shadowed(old, new), server) as gw,
        gw.client() as client,
    ):
        await client.get(TARGET, USER)
        await gw.until_shadowed(mismatch=1)


@applies(*OUR_EDGE)
async def test_copies_of_which_much_is_read_again_hold_no_more_for_it(server):
    """Each of its readings is 20 kB, of both sides, three times: more than is ever held at once."""
    old, new = ([number, side, "x" * 20_000] for number, side in ((1, "old"), (2, "new")))
    async with (
        serving(changing(lambda at: json_reply([at, *old]))) as legacy,
        serving(changing(lambda at: json_reply([at, *new]))) as young,
        gateway(shadowed(legacy, young, top="shadow: {max_held_bytes: 190000}"), server) as gw,
        gw.client() as client,
    ):
        await client.get(TARGET, USER)
        await gw.until_shadowed(mismatch=1)
        assert len(legacy.requests) == 4
        assert gw.shadows.budget.held == 0


# -- pairs


@applies(*OUR_EDGE)
async def test_where_new_has_answered_what_time_changes_is_not_held_against_it(server):
    """A clock ticks between the client's answer and the copy: new's first reply alone is of the time before."""
    clock = [0]

    async def script(peer):
        while request := await peer.request():
            await peer.send(json_reply({"at": clock[0]}))
            if b"x-gateway-shadow" not in dict(request.fields):
                clock[0] += 1

    async with (
        serving(script) as old,
        serving(script) as new,
        gateway(shadowed(old, new, percent=100, feature="noise_percent: 100"), server) as gw,
        gw.client() as client,
    ):
        for number in range(1, 4):
            await client.get(TARGET, USER)
            await gw.until_shadowed(unconfirmed=number)
        assert [(pair.legacy_places, pair.new_places) for pair in gw.book.pairs] == [(frozenset(), frozenset())] * 3


@applies(*OUR_EDGE)
async def test_a_pair_without_a_reply_is_none_and_the_copy_is_compared_all_the_same(server):
    async with (
        serving(answering_first(json_reply({"n": 1}))) as old,
        serving(saying(json_reply({"n": 1}))) as new,
        gateway(shadowed(old, new, percent=100, feature="noise_percent: 100"), server) as gw,
        gw.client() as client,
    ):
        await client.get(TARGET, USER)
        await gw.until_shadowed(match=1)
        assert gw.book.pairs == []
