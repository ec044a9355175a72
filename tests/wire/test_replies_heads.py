"""Heads of replies: status lines and fields are valid and with one meaning, or the client is told 502."""

import pytest

from tests.support.reply_cases import HEAD, LENGTH, assert_ok, assert_refused, both_clients

SECRET = b"set-cookie: leak=1\r\n"

BAD_STATUS_LINES = [
    b"HTTP/1.1\t200 OK", b"HTTP/1.1  200 OK", b" HTTP/1.1 200 OK", b"\r\nHTTP/1.1 200 OK", b"HTTP/1.1 200OK",
    b"HTTP/2.0 200 OK", b"HTTP/0.9 200 OK", b"HTTP/1.10 200 OK", b"HTTP/1 200 OK",
    b"http/1.1 200 OK", b"Http/1.1 200 OK", b"HTTP/1.1 2000 OK", b"HTTP/1.1 20 OK", b"HTTP/1.1 2 OK", b"HTTP/1.1 OK",
    b"HTTP/1.1 +200 OK", b"HTTP/1.1 -200 OK", b"HTTP/1.1 0x1 OK", b"HTTP/1.1 2x0 OK", b"HTTP/1.1 000 OK",
    b"HTTP/1.1 099 OK", b"HTTP/1.1 600 OK", b"HTTP/1.1 999 OK", b"HTTP/1.1 200 O\0K", b"HTTP/1.1 200 O\rK",
    b"HTTP/1.1 200 O\x01K", b"HTTP/1.1 200 O\x7fK", b"ICY 200 OK", b"RTSP/1.0 200 OK", b"SIP/2.0 200 OK",
    b"HTTPS/1.1 200 OK", b"GET / HTTP/1.1", b"PRI * HTTP/2.0\r\n\r\nSM", b"garbage", b"<html>leak</html>",
    b"SSH-2.0-OpenSSH_9.2", b"220 mail.leak.test ESMTP", b"\0", b"\xef\xbb\xbfHTTP/1.1 200 OK",
    b"HTTP/1.1 101 Switching Protocols", b"HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: websocket",
]  # fmt: skip
BAD_BEGINNINGS = [
    b"\x15\x03\x01\x00\x02\x02\x46\r\n\r\n",
    b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x80\x00\x04\x00\x01\x00\x00\x00\x05\x00\xff\xff\xff\r\n\r\n",
    b"\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\ngarbage leak\r\n\r\n",
]
GOOD_STATUS_LINES = [
    b"HTTP/1.1 200 OK", b"HTTP/1.2 200 OK", b"HTTP/1.9 200 OK", b"HTTP/1.1 200 ", b"HTTP/1.1 200",
    b"HTTP/1.1 200 Any words: at all (here)",
    b"HTTP/1.1 200 \xc3\xa4\xff", b"HTTP/1.1 200 a\tb",
]  # fmt: skip
BAD_FIELDS = [
    b"x : y", b"x\t: y", b"x", b": y", b":", b"x y: z", b"x\0: y", b"x\x01: y", b"x\x7f: y", b"x\xff: y",
    b"\xc3\xa9: y", b"x(: y", b"x@: y", b"x,: y", b"x;: y", b'x": y', b"x/: y", b"x[: y", b"x{: y", b"x: a\0b",
    b"x: \0", b"x: a\x01b", b"x: a\x08b", b"x: a\x0bb", b"x: a\x0cb", b"x: a\x1fb", b"x: a\x7fb", b"x: a\rb",
    b"x: a\x1b[0m", b" x: y", b"\tx: y", b"a" * 257 + b": y", b"HTTP/1.1 200 OK",
    b"x: " + b"y" * 66_000, b"\r\n".join([b"x: y"] * 201),
]  # fmt: skip
FOLDED = [b"x: a\r\n b", b"x: a\r\n\tb", b"x:\r\n b", b"transfer-encoding:\r\n chunked"]
BARE = [b"x: a\nb: c", b"x: a\n"]
GOOD_FIELDS = [
    b"x:y", b"x:", b"x: \t ", b"x:\t y \t", b"x: y:z", b"x: \xc3\xa9\xff", b"x: a \t b", b"!#$%&'*+-.^_`|~9: y",
    b"x: HTTP/1.1 200 OK", b"content_length: 9", b"transfer_encoding: chunked", b"a" * 256 + b": y",
]  # fmt: skip


@both_clients
async def test_status_lines_that_are_none(kind):
    await assert_refused(kind, [line + b"\r\n" + SECRET + LENGTH for line in BAD_STATUS_LINES])


@both_clients
async def test_what_is_no_http(kind):
    await assert_refused(kind, BAD_BEGINNINGS)


@both_clients
async def test_status_lines_that_are_some(kind):
    await assert_ok(kind, [line + b"\r\n" + LENGTH for line in GOOD_STATUS_LINES])


@both_clients
async def test_fields_that_are_none(kind):
    await assert_refused(
        kind, [HEAD + field + b"\r\n" + SECRET + LENGTH for field in BAD_FIELDS if field[:1] not in b" \t"]
    )


@both_clients
async def test_fields_that_are_none_come_first(kind):
    await assert_refused(kind, [HEAD + field + b"\r\n" + LENGTH for field in (b" x: y", b"\tx: y", b" ", b"\t")])


@both_clients
async def test_fields_that_are_some_pass_without_the_space_around_them(kind):
    seen = await assert_ok(kind, [HEAD + field + b"\r\n" + LENGTH for field in GOOD_FIELDS])
    for view, field in zip(seen, GOOD_FIELDS, strict=True):
        name, _, value = field.partition(b":")
        assert view.reply[name] == value.strip()


@pytest.mark.parametrize("cut", [False, True])
@both_clients
async def test_folded_lines_and_bare_line_feeds(kind, cut):
    """Refused by our client; h11 takes them, and what the client gets is one line (docs: the two upstream clients)."""
    folded = [HEAD + field + b"\r\n" + LENGTH for field in FOLDED[:3]]
    bare = [HEAD + field + b"\r\n" + LENGTH for field in BARE[:1]]
    if kind == "http1":
        await assert_refused(kind, [*folded, *bare, (HEAD + LENGTH).replace(b"\r\n", b"\n")], cut=cut)
        await assert_refused(kind, [HEAD + FOLDED[3] + b"\r\n\r\n2\r\nok\r\n0\r\n\r\n"], cut=cut)
    else:
        for view in await assert_ok(kind, [*folded, *bare], cut=cut):
            assert not any(b"\n" in value or b"\r" in value for _, value in view.reply.fields)
