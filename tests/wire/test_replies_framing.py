"""Framing of replies: lengths, codings and chunks are unambiguous, or the client is told 502 and nothing is reused."""

import pytest

from tests.support.reply_cases import CHUNKED, HEAD, assert_ok, assert_refused, both_clients, views

CHUNKS = b"2\r\nok\r\n0\r\n\r\n"

BAD_LENGTHS = [
    b"+2", b"-2", b"0x2", b"2, 3", b"2,", b",2", b"", b"2.0", b"2 2", b"2\0", b"2\xa0", b"\xb2", b"1_0", b"2;", b'"2"',
    b"2\x0b", b"two", b"9999999999999999999", b"9223372036854775808", b"18446744073709551616", b"1" + b"0" * 18,
    b"0" * 30 + b"2",
]  # fmt: skip
BAD_CODINGS = [
    b"identity", b"gzip", b"gzip, chunked", b"chunked, gzip", b"chunked, chunked", b"xchunked", b"chunkedx",
    b'"chunked"', b"chunked;a=b", b"\x0bchunked", b"", b",chunked", b"chunked,", b"chunked\0", b"chun ked",
    b"chunked, ,", b"chunked\xa0",
]  # fmt: skip


def lengths(*values):
    return HEAD + b"".join(b"content-length: " + value + b"\r\n" for value in values) + b"\r\nok"


def codings(*values):
    return HEAD + b"".join(b"transfer-encoding: " + value + b"\r\n" for value in values) + b"\r\n" + CHUNKS


@both_clients
async def test_lengths_that_are_none(kind):
    await assert_refused(kind, [lengths(value) for value in BAD_LENGTHS])


@both_clients
async def test_lengths_that_differ(kind):
    await assert_refused(kind, [lengths(b"2", b"3"), lengths(b"3", b"2"), lengths(b"0", b"2"), lengths(b"2", b"")])


@both_clients
@pytest.mark.parametrize("reply", [lengths(b"2", b"2"), lengths(b"2, 2")])
async def test_lengths_that_are_repeated(kind, reply):
    """RFC 9112 section 6.3 allows either; the client gets one."""
    if kind == "http1":
        await assert_refused(kind, [reply])
    else:
        (view,) = await assert_ok(kind, [reply])
        assert view.reply[b"content-length"] == b"2"


@both_clients
async def test_codings_that_are_not_chunked(kind):
    replies = [codings(value) for value in BAD_CODINGS]
    replies += [codings(b"chunked", b"chunked"), codings(b"gzip", b"chunked"), codings(b"chunked", b"identity")]
    await assert_refused(kind, replies)


@both_clients
async def test_a_length_beside_a_coding(kind):
    both = b"content-length: 2\r\ntransfer-encoding: chunked\r\n"
    swapped = b"transfer-encoding: chunked\r\ncontent-length: 12\r\n"
    await assert_refused(kind, [HEAD + both + b"\r\n" + CHUNKS, HEAD + swapped + b"\r\n" + CHUNKS])


@both_clients
async def test_http_1_0_has_no_codings(kind):
    await assert_refused(kind, [codings(b"chunked").replace(b"1.1", b"1.0")])


@both_clients
async def test_spellings_of_chunked(kind):
    for view in await assert_ok(
        kind, [codings(value) for value in (b"chunked", b"Chunked", b"CHUNKED", b"chunked \t")]
    ):
        assert view.reply.all(b"transfer-encoding") == [b"chunked"]
        assert view.reply.all(b"content-length") == []


@both_clients
async def test_connection_does_not_take_framing_away(kind):
    named = b"connection: transfer-encoding, content-length\r\n"
    await assert_ok(
        kind,
        [
            HEAD + named + b"content-length: 2\r\n\r\nok",
            CHUNKED.replace(b"\r\n\r\n", b"\r\n" + named + b"\r\n") + CHUNKS,
        ],
    )


BAD_CHUNKS = [
    b" 2\r\nok\r\n", b"0x2\r\nok\r\n", b"+2\r\nok\r\n", b"-2\r\nok\r\n", b"0_2\r\nok\r\n", b"\r\n2\r\nok\r\n",
    b"2\r\nokk\r\n", b"3\r\nok\r\n", b"2\nok\r\n", b"2\r\nok\n", b"zz\r\n", b";\r\n", b"2;a\nok\r\n",
    b"2 ; a = b\r\nok\r\n",
]  # fmt: skip
BAD_LAST = [b"0\n\r\n", b"0\r\nx : y\r\n\r\n", b"0\r\nx: \0\r\n\r\n", b"0\r\nno colon\r\n\r\n", b"00x\r\n\r\n"]
OURS_ALONE = [
    b"2;\r\nok\r\n0\r\n\r\n", b"2 \r\nok\r\n0\r\n\r\n", b"2\t\r\nok\r\n0\r\n\r\n", b"2;a=\x01\r\nok\r\n0\r\n\r\n",
    b"2;a=\0\r\nok\r\n0\r\n\r\n", b"2;a\rx\r\nok\r\n0\r\n\r\n", b"2;a=\xff\r\nok\r\n0\r\n\r\n",
    b'2;a="b\r\nok\r\n0\r\n\r\n',
    b"2\r\nok\r\n0\r\n\n", b"2\r\nok\r\n0\r\nx: y\r\n z\r\n\r\n", b"2\r\nok\r\n0\r\nx: y\n\r\n",
    b"2\r\nok\r\n0\r\ncontent-length: 9\r\n\r\n", b"2\r\nok\r\n0\r\n" + b"x: y\r\n" * 201 + b"\r\n",
    b"fffffffffffffffff\r\nok\r\n0\r\n\r\n",
]  # fmt: skip
"""What h11 takes, or counts on for ever: what the client gets of it is chunked anew."""


@both_clients
async def test_chunks_that_are_none(kind):
    """Right behind the head they are refused with it; h11's reader has passed the head on by then, so it is cut."""
    replies = [CHUNKED + chunk + b"0\r\n\r\n" for chunk in BAD_CHUNKS] + [
        CHUNKED + b"2\r\nok\r\n" + last for last in BAD_LAST
    ]
    if kind == "http1":
        await assert_refused(kind, replies)
    else:
        wrong = [view for view in await views(kind, replies) if view.reply is not None or view.reused]
        assert not wrong, wrong


@both_clients
async def test_chunks_after_a_head_that_has_gone_out_break_the_reply(kind):
    replies = [CHUNKED + b"2\r\nok\r\n" + chunk for chunk in (b"zz\r\n", b"2\r\nokk\r\n0\r\n\r\n", b"-1\r\n")]
    wrong = [view for view in await views(kind, replies, cut=True) if view.reply is not None or view.reused]
    assert not wrong, wrong


@both_clients
async def test_lenient_chunks_are_refused_by_our_client(kind):
    if kind == "http1":
        await assert_refused(kind, [CHUNKED + rest for rest in OURS_ALONE])
    else:
        await assert_ok(kind, [CHUNKED + rest for rest in OURS_ALONE[:-1]])


@pytest.mark.parametrize("cut", [False, True])
@both_clients
async def test_chunks_that_are_some(kind, cut):
    replies = [
        CHUNKED + rest
        for rest in (
            CHUNKS, b"2;a\r\nok\r\n0\r\n\r\n", b'2;a=b;c="d\\"e"\r\nok\r\n0\r\n\r\n', b"1\r\no\r\n1\r\nk\r\n0\r\n\r\n",
            b"02\r\nok\r\n0\r\n\r\n", b"2\r\nok\r\n000\r\n\r\n", b"2\r\nok\r\n0;a=b\r\n\r\n",
            b"2\r\nok\r\n0\r\nx-trailer: leak\r\n\r\n", b"2\r\nok\r\n0\r\nset-cookie: leak=1\r\nx:\r\n\r\n",
        )
    ]  # fmt: skip
    for view in await assert_ok(kind, replies, cut=cut):
        assert not any(b"leak" in value for _, value in view.reply.fields)
