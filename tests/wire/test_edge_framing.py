"""Where a request ends: what two servers could read in two ways is refused, and nothing of it reaches the origin."""

import pytest

from tests.support.edge_cases import EDGE, LAST, SMUGGLED, assert_refused, play
from tests.support.scripted_upstream import applies


def post(*lines, version=b"1.1"):
    return b"\r\n".join([b"POST /a HTTP/" + version, b"Host: test", *lines, b"", b""])


CHUNKED = post(b"Transfer-Encoding: chunked")
LENGTHS = [
    b"+5", b"-5", b"05", b"0005", b"5,5", b"5, 5", b"5 5", b"5;5", b"0x5", b"5.0", b"5e0", b"five", b"", b"'5'", b'"5"',
    b"99999999999999999999", b"9223372036854775808", b"18446744073709551616", b"1" * 300, b"5\x0b", b"5\x00", b"\xb25",
    b"\xd9\xa5", b"5_0", b"5\r", b"- 5", b"0 5", b"5,", b",5", b"NaN", b"5\x7f",
]  # fmt: skip
CODINGS = [
    b"xchunked", b"chunkedx", b"chunked, identity", b"chunked, chunked", b"chunked,", b",chunked", b", chunked", b"",
    b"chunked;a=b", b"chunked; q=1", b'"chunked"', b"'chunked'", b"chun ked", b"[chunked]", b"chunked\x0b",
    b"\x0bchunked", b"chunked\x00", b"\x00chunked", b"chunked\x7f", b"\xffchunked", b"chunked\xa0",
    b"\xef\xbb\xbfchunked", b"identity", b"gzip", b"chunked, gzip", b"cow", b"chunk", b"chunked\r", b"chunked\n",
    b"\x01chunked", b"chunked/1", b"chunked=1",
]  # fmt: skip
OBFUSCATED = [
    b"Transfer-Encoding : chunked", b"Transfer-Encoding\t: chunked", b" Transfer-Encoding: chunked",
    b"\tTransfer-Encoding: chunked", b"X: x\nTransfer-Encoding: chunked", b"X: x\rTransfer-Encoding: chunked",
    b"Transfer-Encoding\x00: chunked", b"Transfer-Encoding\x0b: chunked", b"Transfer\x00-Encoding: chunked",
    b"Transfer-Encoding:\r\n chunked", b"Transfer-Encoding:\n chunked", b"Transfer-Encoding\r\n: chunked",
    b"Transfer-Encoding: chunked\r\n x", b"Transfer-Encoding: chunked\r\n\tx", b"Transfer-Encoding",
    b"X: x\r\n: chunked", b"Transfer-Encoding\xa0: chunked", b"\xefTransfer-Encoding: chunked",
    b"Transfer-Encoding:\x0cchunked", b"Transfer Encoding: chunked", b'"Transfer-Encoding": chunked',
    b"(Transfer-Encoding): chunked", b"Transfer-Encoding\x7f: chunked",
]  # fmt: skip
CHUNKS = [
    b"-5\r\nhello\r\n0\r\n\r\n", b"+5\r\nhello\r\n0\r\n\r\n", b"0x5\r\nhello\r\n0\r\n\r\n",
    b" 5\r\nhello\r\n0\r\n\r\n", b"5 \r\nhello\r\n0\r\n\r\n", b"5\t\r\nhello\r\n0\r\n\r\n",
    b"5;\r\nhello\r\n0\r\n\r\n", b"5 ;\r\nhello\r\n0\r\n\r\n", b"5;=b\r\nhello\r\n0\r\n\r\n",
    b"5;a=\r\nhello\r\n0\r\n\r\n", b"5;a;\r\nhello\r\n0\r\n\r\n", b"5;a b\r\nhello\r\n0\r\n\r\n",
    b"5;a\x00\r\nhello\r\n0\r\n\r\n", b"5;a=\x01\r\nhello\r\n0\r\n\r\n", b'5;a="\r\nhello\r\n0\r\n\r\n',
    b'5;a="\x01"\r\nhello\r\n0\r\n\r\n', b"5;a \r\nhello\r\n0\r\n\r\n", b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    b"5;a\nhello\r\n0\r\n\r\n", b"5,a\r\nhello\r\n0\r\n\r\n", b"5\nhello\r\n0\r\n\r\n", b"5\rhello\r\n0\r\n\r\n",
    b"5\r\r\nhello\r\n0\r\n\r\n", b"\r\n5\r\nhello\r\n0\r\n\r\n", b"5\r\nhello0\r\n\r\n", b"5\r\nhello\n0\r\n\r\n",
    b"5\r\nhello\r0\r\n\r\n", b"5\r\nhello!\r\n0\r\n\r\n", b"5\r\nhell\r\n0\r\n\r\n\r\n", b"4\r\nhello\r\n0\r\n\r\n",
    b"6\r\nhello\r\n0\r\n\r\n", b"g\r\nhello\r\n0\r\n\r\n", b"5g\r\nhello\r\n0\r\n\r\n", b"\r\n\r\n",
    b"FFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n", b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    b"0" * 17 + b"5\r\nhello\r\n0\r\n\r\n", b"100000005\x00\r\nhello", b"5_0\r\nhello",
    b"5\r\nhello\r\n\r\n0\r\n\r\n", b"5\r\nhello\r\n-0\r\n\r\n", b"0;\r\n\r\n", b"0\n\n", b"0\r\n\n", b"0\r\n\rX\n",
    b"5;" + b"a" * 2000 + b"\r\nhello\r\n0\r\n\r\n", b"1;a=" + b"b" * 1000 + b"\r\nx\r\n", b"hello",
]  # fmt: skip
CHUNKS[-2] = CHUNKS[-2] * 20 + b"0\r\n\r\n"
TRAILERS = [
    b"X : y", b" X: y", b"X", b": y", b"X: \x00", b"X: y\rZ: z", b"X: y\nZ: z", b"X\x00: y", b"X: y\r\n z", b"X(: y",
    b"\xff: y", b"GET /smuggled HTTP/1.1", b"X: " + b"y" * 40_000,
]  # fmt: skip


@applies(*EDGE)
@pytest.mark.parametrize("length", LENGTHS)
async def test_a_length_that_is_not_one_plain_number(length):
    await assert_refused(post(b"Content-Length: " + length) + b"hello", 400, after=SMUGGLED)


@applies(*EDGE)
@pytest.mark.parametrize("lengths", [(b"5", b"5"), (b"5", b"6"), (b"6", b"5"), (b"0", b"5"), (b"5", b""), (b"", b"5")])
@pytest.mark.parametrize("between", [(), (b"X-Other: 1",)])
async def test_a_length_that_is_said_twice(lengths, between):
    first, second = (b"Content-Length: " + length for length in lengths)
    await assert_refused(post(first, *between, second.lower()) + b"hello", 400, after=SMUGGLED)


@applies(*EDGE)
@pytest.mark.parametrize("coding", CODINGS)
async def test_a_coding_that_is_not_chunked(coding):
    await assert_refused(post(b"Transfer-Encoding: " + coding) + b"0\r\n\r\n", 400, after=SMUGGLED)


@applies(*EDGE)
@pytest.mark.parametrize("coding", [b"gzip, chunked", b"cow, chunked", b"identity, chunked", b"gzip,deflate,chunked"])
async def test_a_coding_that_is_not_served_is_501(coding):
    await assert_refused(post(b"Transfer-Encoding: " + coding) + b"0\r\n\r\n", 501, after=SMUGGLED)


@applies(*EDGE)
@pytest.mark.parametrize("line", OBFUSCATED)
@pytest.mark.parametrize("length", [(), (b"Content-Length: 5",)])
async def test_a_coding_that_only_some_would_see(line, length):
    await assert_refused(post(*length, line) + b"0\r\n\r\n", 400, after=SMUGGLED)


@applies(*EDGE)
@pytest.mark.parametrize(
    "codings", [(b"chunked", b"chunked"), (b"chunked", b"identity"), (b"chunked", b"x"), (b"chunked", b"")]
)
async def test_codings_in_two_fields(codings):
    await assert_refused(post(*(b"Transfer-Encoding: " + each for each in codings)) + b"0\r\n\r\n", 400, after=SMUGGLED)


@applies(*EDGE)
@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("length", [b"0", b"5", b"6", b"44"])
@pytest.mark.parametrize("coding", [b"chunked", b"Chunked", b"\tchunked ", b"identity"])
async def test_a_length_with_a_coding(order, length, coding):
    lines = (b"Content-Length: " + length, b"Transfer-Encoding: " + coding)[::order]
    await assert_refused(post(*lines) + b"0\r\n\r\n", 400, after=SMUGGLED)


@applies(*EDGE)
@pytest.mark.parametrize("lines", [(), (b"Connection: keep-alive",), (b"Content-Length: 5",)])
async def test_chunks_of_http_1_0(lines):
    raw = post(b"Transfer-Encoding: chunked", *lines, version=b"1.0") + b"0\r\n\r\n"
    await assert_refused(raw, 400, after=SMUGGLED)


@applies(*EDGE)
@pytest.mark.parametrize("body", CHUNKS)
async def test_chunks_that_are_none(body):
    await assert_refused(CHUNKED + body, 400, after=SMUGGLED)


@applies(*EDGE)
@pytest.mark.parametrize("line", TRAILERS)
async def test_trailers_that_are_none(line):
    await assert_refused(CHUNKED + b"5\r\nhello\r\n0\r\n" + line + b"\r\n\r\n", 400, after=SMUGGLED)


@applies(*EDGE)
@pytest.mark.parametrize("body", CHUNKS[::4])
async def test_chunks_that_are_none_after_one_that_was(body):
    """The origin has the head by then, and never its end."""
    seen = await play(CHUNKED + b"2\r\nhi\r\n", body + SMUGGLED)
    assert seen.statuses == [400]
    assert seen.requests == []


GOOD = [
    (post(b"Content-Length: 5") + b"hello", b"hello"),
    (post(b"Content-Length:5") + b"hello", b"hello"),
    (post(b"Content-Length: \t 5 \t ") + b"hello", b"hello"),
    (post(b"content-length: 0"), b""),
    (post(), b""),
    (CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
    (post(b"Transfer-Encoding:\tChUnKeD \t") + b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
    (CHUNKED + b"2\r\nhe\r\n003\r\nllo\r\n000\r\n\r\n", b"hello"),
    (CHUNKED + b"5;a\r\nhello\r\n0;b=c\r\n\r\n", b"hello"),
    (CHUNKED + b'5;a=b;c="d\\"e;\xff"\r\nhello\r\n0\r\n\r\n', b"hello"),
    (CHUNKED + b"5 ; a = b\r\nhello\r\n0\r\n\r\n", b"hello"),
    (CHUNKED + b"a\r\n0\r\n\r\nGET /\r\n0\r\n\r\n", b"0\r\n\r\nGET /"),
    (CHUNKED + b"5\r\nhello\r\n0\r\nX-Check: 1\r\nX-More:\r\n\r\n", b"hello"),
    (CHUNKED + b"5\r\nhello\r\n0\r\nContent-Length: 9\r\nTransfer-Encoding: x\r\nHost: b\r\n\r\n", b"hello"),
    (CHUNKED + b"0\r\n\r\n", b""),
]


@applies(*EDGE)
@pytest.mark.parametrize(("raw", "body"), GOOD)
@pytest.mark.parametrize("piecewise", [False, True])
async def test_what_is_well_framed_arrives_with_the_request_after_it(raw, body, piecewise):
    pieces = [raw[at : at + 1] for at in range(len(raw))] if piecewise else [raw]
    seen = await play(*pieces, LAST)
    assert seen.statuses == [200, 200]
    assert seen.targets == [b"/a", b"/last"]
    assert seen.requests[0].body == body
    assert b"x-check" not in seen.requests[0].head.lower()
    assert seen.requests[0].head.lower().count(b"\r\nhost:") == 1


@applies(*EDGE)
@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"DELETE", b"OPTIONS", b"PUT", b"FOO"])
@pytest.mark.parametrize("framing", [b"Content-Length: 38", b"Transfer-Encoding: chunked"])
async def test_a_body_is_a_body_whatever_the_method(method, framing):
    """What looks like a request inside it stays inside."""
    inner = SMUGGLED[:38].ljust(38, b"x")
    body = inner if b"Length" in framing else b"26\r\n%b\r\n0\r\n\r\n" % inner
    seen = await play(
        b"\r\n".join([method + b" /a HTTP/1.1", b"Host: test", framing, b"", body]) + LAST, methods=[method.decode()]
    )
    assert seen.statuses == [200, 200]
    assert seen.targets == [b"/a", b"/last"]
    assert seen.requests[0].body == inner


@applies(*EDGE)
@pytest.mark.parametrize(
    "name", [b"Content_Length", b"Transfer_Encoding", b"Content.Length", b"Transfer!Encoding", b"TE"]
)
async def test_what_only_looks_like_framing_is_dropped(name):
    seen = await play(b"GET /a HTTP/1.1\r\nHost: test\r\n" + name + b": 5\r\n\r\n" + LAST)
    assert seen.targets == [b"/a", b"/last"]
    assert name.lower() + b":" not in seen.requests[0].head.lower()
