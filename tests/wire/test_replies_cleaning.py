"""What of a reply is for one hop alone stays on it, and what is for the client arrives in order and once."""

from tests.support.reply_cases import HEAD, LENGTH, assert_ok, both_clients, views


def fields_of(view):
    return [(name, value) for name, value in view.reply.fields if name not in {b"date", b"x-request-id"}]


@both_clients
async def test_hop_by_hop_fields_stay_here(kind):
    lines = [
        b"connection: x-hop, keep-alive, , X-Other", b"X-Hop: 1", b"x-other: 2", b"keep-alive: timeout=5",
        b"te: trailers", b"proxy-connection: keep-alive", b"proxy-authenticate: Basic", b"trailer: x-t",
        b"upgrade: h2c", b"http2-settings: AAMA", b"x-kept: 3",
    ]  # fmt: skip
    (view,) = await assert_ok(kind, [HEAD + b"\r\n".join(lines) + b"\r\n" + LENGTH])
    assert fields_of(view) == [(b"x-kept", b"3"), (b"content-length", b"2")]


@both_clients
async def test_what_connection_names_in_several_lines(kind):
    lines = b"connection: x-a\r\nx-a: 1\r\nx-b: 2\r\nx-c: 3\r\nConnection: X-B\r\n"
    (view,) = await assert_ok(kind, [HEAD + lines + LENGTH])
    assert fields_of(view) == [(b"x-c", b"3"), (b"content-length", b"2")]


@both_clients
async def test_repeated_fields_keep_their_order(kind):
    lines = b"Set-Cookie: a=1; Path=/\r\nLink: </a>\r\nset-cookie: b=2\r\nlink: </b>\r\nSET-COOKIE: a=3\r\nvary: x\r\n"
    (view,) = await assert_ok(kind, [HEAD + lines + LENGTH])
    assert fields_of(view)[:-1] == [
        (b"set-cookie", b"a=1; Path=/"),
        (b"link", b"</a>"),
        (b"set-cookie", b"b=2"),
        (b"link", b"</b>"),
        (b"set-cookie", b"a=3"),
        (b"vary", b"x"),
    ]


@both_clients
async def test_one_date_and_one_server(kind):
    date = b"date: Mon, 23 Nov 2026 02:00:00 GMT\r\n"
    none, single, twice = await assert_ok(
        kind,
        [
            HEAD + LENGTH,
            HEAD + date + b"server: a\r\n" + LENGTH,
            HEAD + date * 2 + b"server: a\r\nserver: b\r\n" + LENGTH,
        ],
    )
    assert len(none.reply.all(b"date")) == 1
    assert none.reply.all(b"server") == []
    for view in (single, twice):
        assert view.reply.all(b"date") == [b"Mon, 23 Nov 2026 02:00:00 GMT"]
        assert view.reply.all(b"server") == [b"a"]


@both_clients
async def test_an_upstream_cannot_speak_for_the_gateway(kind):
    lines = b"x-gateway-side: new\r\nX-Gateway-Feature: x\r\nx_gateway_reason: split\r\nx-request-id: theirs\r\n"
    (view,) = await assert_ok(kind, [HEAD + lines + LENGTH])
    assert fields_of(view) == [(b"content-length", b"2")]
    assert len(view.reply[b"x-request-id"]) == 32


@both_clients
async def test_every_status_passes(kind):
    codes = [200, 201, 202, 203, 206, 226, 299, 300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 409, 410, 418,
             422, 425, 429, 451, 499, 500, 501, 502, 503, 504, 511, 599]  # fmt: skip
    replies = [b"HTTP/1.1 %d Their Words\r\n%b" % (code, LENGTH) for code in codes]
    seen = await views(kind, replies)
    assert [view.status for view in seen] == codes
    assert {view.reply.body for view in seen} == {b"ok"}
    assert all(view.reused for view in seen)
