"""OPTIONS: Max-Forwards counts the hops that are left, and the server as a whole can be asked."""

import pytest

from tests.support.edge_cases import EDGE, LAST, SMUGGLED, play
from tests.support.proxy_harness import ANY_SERVER, gateway, head_of, one
from tests.support.scripted_upstream import answer_all, applies, serving

ROUTED = 'version: 1\nupstreams: {{old: {{url: "{old}"}}}}\nroutes: [{{path: "/a/*", upstream: old}}]\n'


@applies(*ANY_SERVER)
@pytest.mark.parametrize("target", ["/", "/a?b"])
async def test_one_that_may_not_go_on_is_answered_here(server, target):
    async with serving(answer_all) as old, gateway(one(old), server) as gw, gw.client() as client:
        for number in (1, 2):
            reply = await client.get(target, "max-forwards: 0", method="OPTIONS")
            assert (reply.status, reply.body, reply[b"content-length"]) == (200, b"", b"0")
            assert b"OPTIONS" in reply[b"allow"]
            assert len(reply[b"x-request-id"]) == 32
            assert len(reply.all(b"date")) == 1
            await gw.until_counted(total=number)
        assert gw.requests == {("none", "none", "200"): 2}
        assert gw.attempts == {}
        assert old.peers == []


@applies(*ANY_SERVER)
@pytest.mark.parametrize(("given", "sent"), [("1", b"0"), ("10", b"9"), ("007", b"6")])
async def test_one_that_may_go_on_has_one_hop_less(server, given, sent):
    async with serving(answer_all) as old, gateway(one(old), server) as gw, gw.client() as client:
        assert (await client.get("/", f"max-forwards: {given}", method="OPTIONS")).status == 200
        assert [value for name, value in old.requests[0].fields if name.lower() == b"max-forwards"] == [sent]


@applies(*EDGE)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("value", ["0", "5", "x"])
async def test_for_other_methods_it_is_a_field_like_any(method, value):
    seen = await play(head_of(method, "/", f"max-forwards: {value}") + LAST)
    assert seen.statuses == [200, 200]
    assert b"\r\nmax-forwards: " + value.encode() + b"\r\n" in seen.requests[0].head + b"\r\n"


@applies(*EDGE)
@pytest.mark.parametrize("lines", [(b"max-forwards: -1",), (b"max-forwards: x",), (b"max-forwards: 1",) * 2])
async def test_a_number_that_is_none_is_400(lines):
    seen = await play(head_of("OPTIONS", "/", *lines) + LAST)
    assert (seen.statuses, seen.targets) == ([400, 200], [b"/last"])


@applies(*EDGE)
@pytest.mark.parametrize("value", ["0", "1"])
async def test_trace_is_405_however_far_it_may_go(value):
    seen = await play(head_of("TRACE", "/", f"max-forwards: {value}") + SMUGGLED)
    assert (seen.statuses, seen.targets) == ([405], [])


@applies(*EDGE)
async def test_the_server_as_a_whole():
    asked = head_of("OPTIONS", "*", "max-forwards: 0") + head_of("OPTIONS", "*", "max-forwards: 1") + LAST
    seen = await play(asked)
    assert seen.statuses == [200, 200, 200]
    assert [request.line for request in seen.requests][:1] == [b"OPTIONS * HTTP/1.1"]
    assert len(seen.requests) == 2


@applies(*EDGE)
async def test_where_no_route_is_there_is_nothing_to_say():
    async with serving(answer_all) as old, gateway(ROUTED.format(old=old.url)) as gw, gw.client() as client:
        for target, status in (("/b", 404), ("*", 404), ("/a/x", 200)):
            assert (await client.get(target, "max-forwards: 0", method="OPTIONS")).status == status


@applies(*EDGE)
async def test_a_body_that_comes_with_it_is_read_and_dropped():
    asked = head_of("OPTIONS", "/", "max-forwards: 0", "content-length: 5") + b"hello"
    seen = await play(asked + LAST)
    assert (seen.statuses, seen.targets) == ([200, 200], [b"/last"])
