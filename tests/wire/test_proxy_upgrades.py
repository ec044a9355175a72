"""Upgrades to anything but WebSocket: refused with a word about what there is, and never a word of them upstream."""

import json

import pytest

from tests.support.edge_cases import EDGE, LAST, SMUGGLED, play
from tests.support.proxy_harness import ANY_SERVER, gateway, head_of, one
from tests.support.scripted_upstream import answer_all, applies, serving

NOISE = ("upgrade", "WebSocket")


@applies(*ANY_SERVER)
@pytest.mark.parametrize(
    "lines",
    [
        ("connection: Upgrade, HTTP2-Settings", "upgrade: h2c", "http2-settings: AAMAAABkAAQAAP__"),
        ("connection: upgrade", "upgrade: TLS/1.0, HTTP/1.1"),
        ("connection: keep-alive, Upgrade", "upgrade: unknown"),
        ("connection: x", "connection: UPGRADE", "upgrade: a", "upgrade: b/2"),
        ("connection: upgrade", "upgrade: websockets"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
async def test_another_upgrade_is_501_and_says_what_there_is(server, lines, method):
    async with (
        serving(answer_all) as old,
        gateway(one(old), server, noise=NOISE) as gw,
        gw.client() as client,
    ):
        reply = await client.get("/", *lines, method=method)
        assert (reply.status, reply[b"content-type"]) == (501, b"application/problem+json")
        document = json.loads(reply.body)
        assert document["title"] == "Not implemented"
        assert "websocket" in document["detail"]
        await gw.until_counted()
        assert gw.requests == {("none", "none", "501"): 1}
        assert old.peers == []


@applies(*EDGE)
@pytest.mark.parametrize("framing", ["content-length: 5", "transfer-encoding: chunked"])
async def test_a_body_before_an_upgrade_is_read_and_the_connection_goes_on(framing):
    body = b"hello" if "length" in framing else b"5\r\nhello\r\n0\r\n\r\n"
    raw = head_of("POST", "/", "connection: upgrade", "upgrade: h2c", framing) + body
    seen = await play(raw + LAST)
    assert (seen.statuses, seen.targets) == ([501, 200], [b"/last"])


@applies(*EDGE)
async def test_what_a_client_sends_as_if_it_had_been_upgraded_reaches_no_origin():
    raw = head_of("GET", "/", "connection: upgrade, http2-settings", "upgrade: h2c", "http2-settings: AAMAAABkAAQAAP__")
    seen = await play(raw + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SMUGGLED)
    assert (seen.statuses, seen.targets) == ([501, 505], [])


@applies(*EDGE)
@pytest.mark.parametrize(
    "lines",
    [
        (b"upgrade: h2c", b"http2-settings: AAMA"),
        (b"upgrade: h2c", b"connection: http2-settings, x-foo", b"http2-settings: AAMA", b"x-foo: 1"),
        (b"http2-settings: AAMA",),
        (b"HTTP2_Settings: AAMA", b"http2.settings: AAMA"),
        (b"connection: upgrade",),
        (b"upgrade-insecure-requests: 1",),
    ],
)
async def test_what_asks_for_no_upgrade_is_served_without_it(lines):
    seen = await play(head_of("GET", "/", *lines) + LAST)
    assert seen.statuses == [200, 200]
    head = seen.requests[0].head.lower()
    assert b"settings" not in head
    assert b"x-foo" not in head
    assert b"\r\nupgrade:" not in head
    assert b"\r\nconnection:" not in head
    assert (b"upgrade-insecure-requests: 1" in head) == (b"insecure" in lines[0])


@applies(*EDGE)
@pytest.mark.parametrize("protocol", [b"h2c", b"websocket"])
async def test_http_1_0_has_no_upgrades(protocol):
    lines = (b"connection: upgrade, keep-alive", b"upgrade: " + protocol, b"sec-websocket-version: 13")
    seen = await play(head_of("GET", "/", *lines, version="1.0") + LAST)
    assert (seen.statuses, seen.targets) == ([200, 200], [b"/", b"/last"])
    assert b"upgrade" not in seen.requests[0].head.lower()


@applies(*EDGE)
async def test_a_reply_that_offers_upgrades_loses_them():
    async def script(peer):
        while await peer.request():
            await peer.send(
                b"HTTP/1.1 200 OK\r\nconnection: upgrade, keep-alive\r\nupgrade: h2,h2c\r\ncontent-length: 2\r\n\r\nok"
            )

    seen = await play(head_of("GET", "/") + LAST, script=script)
    assert [reply.all(b"upgrade") for reply in seen.replies] == [[], []]
    assert seen.statuses == [200, 200]
