"""Where a reply's body ends (RFC 9112, 6.3 and 7), and replies that break off."""

from tests.support.wire_cases import MUST, SAFE, SHOULD
from tests.support.wire_origin import CLOSE, HOLD, RESET, SHUT, Drip
from tests.support.wire_rules import both, either, served
from tests.wire.cases.replies import BAD_OR_CUT, EVIL, POST, bad, case, cut, no_evil, reply


def framing():
    ok = served(reply_body=b"ok", kept=True)
    yield case("length", "9112 6.3", MUST, reply(), ok)
    yield case("length-0", "9112 6.3", MUST, reply(b"Content-Length: 0\r\n", b""), served(reply_body=b"", kept=True))
    yield case("length-dripped", "9112 6.3", MUST, Drip(reply()), ok)
    for name, fields in {
        "two-differ": b"Content-Length: 2\r\nContent-Length: 6\r\n",
        "list-differ": b"Content-Length: 2, 6\r\n",
        "negative": b"Content-Length: -2\r\n",
        "plus": b"Content-Length: +2\r\n",
        "hex": b"Content-Length: 0x2\r\n",
        "word": b"Content-Length: two\r\n",
        "empty": b"Content-Length:\r\n",
        "decimal": b"Content-Length: 2.0\r\n",
        "huge": b"Content-Length: 18446744073709551618\r\n",
        "inner-space": b"Content-Length: 2 2\r\n",
        "underscore": b"Content-Length: 1_0\r\n",
        "trailing": b"Content-Length: 2x\r\n",
    }.items():
        yield case(f"length-{name}", "9112 6.3", MUST, reply(fields, b"okevil"), bad)
    same = either(bad, served(reply_body=b"ok"))
    yield case("length-twice-same", "9110 8.6", MUST, reply(b"Content-Length: 2\r\nContent-Length: 2\r\n"), same)
    yield case("length-list-same", "9110 8.6", MUST, reply(b"Content-Length: 2, 2\r\n"), same)
    yield case(
        "length-and-coding",
        "9112 6.3",
        MUST,
        reply(b"Content-Length: 100\r\nTransfer-Encoding: chunked\r\n", b"2\r\nok\r\n0\r\n\r\n"),
        same,
    )
    yield case(
        "coding-and-length-smuggles",
        "9112 6.3",
        MUST,
        reply(b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n", b"2\r\nok\r\n0\r\n\r\n" + EVIL),
        same,
    )
    chunked = b"Transfer-Encoding: chunked\r\n"
    yield case("chunked", "9112 7.1", MUST, reply(chunked, b"2\r\nok\r\n0\r\n\r\n"), ok)
    yield case(
        "chunked-dripped", "9112 7.1", MUST, Drip(reply(chunked, b"1;a=b\r\no\r\n1\r\nk\r\n0\r\nX-T: u\r\n\r\n")), ok
    )
    yield case("chunked-case", "9112 7.1", MUST, reply(b"transfer-encoding: Chunked\r\n", b"2\r\nok\r\n0\r\n\r\n"), ok)
    yield case(
        "chunked-trailers",
        "9112 7.1.2",
        MUST,
        reply(chunked + b"Trailer: X-Sum\r\n", b"2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n"),
        ok,
    )
    yield case(
        "chunked-trailer-fields",
        "9110 6.5.1",
        MUST,
        reply(chunked, b"2\r\nok\r\n0\r\nSet-Cookie: evil=1\r\nContent-Length: 5\r\n\r\n"),
        both(either(bad, served(reply_body=b"ok"), cut()), no_evil),
    )
    yield case("chunked-extension", "9112 7.1.1", MUST, reply(chunked, b'2;a=b;c="d"\r\nok\r\n0;x\r\n\r\n'), ok)
    for name, body in {
        "size-0x": b"0x2\r\nok\r\n0\r\n\r\n",
        "size-plus": b"+2\r\nok\r\n0\r\n\r\n",
        "size-minus": b"-2\r\nok\r\n0\r\n\r\n",
        "size-word": b"zz\r\nok\r\n0\r\n\r\n",
        "size-empty": b"\r\nok\r\n0\r\n\r\n",
        "size-huge": b"fffffffffffffffff\r\nok\r\n0\r\n\r\n",
        "lf-size": b"2\nok\r\n0\r\n\r\n",
        "lf-data": b"2\r\nok\n0\r\n\r\n",
        "cr-data": b"2\r\nok\r0\r\n\r\n",
        "no-end": b"2\r\nok0\r\n\r\n",
        "too-long": b"2\r\nokevil\r\n0\r\n\r\n",
        "too-short": b"3\r\nok\r\n0\r\n\r\n",
        "trailer-no-colon": b"2\r\nok\r\n0\r\nnonsense\r\n\r\n",
        "trailer-nul": b"2\r\nok\r\n0\r\nX: \x00\r\n\r\n",
        "ext-lf": b"2;\nok\r\n0\r\n\r\n",
        "size-space-before": b" 2\r\nok\r\n0\r\n\r\n",
        "trailer-folded": b"2\r\nok\r\n0\r\nX: a\r\n b\r\n\r\n",
        "last-lf": b"2\r\nok\r\n0\n\n",
        "size-underscore": b"0_2\r\nok\r\n0\r\n\r\n",
        "trailer-huge": b"2\r\nok\r\n0\r\nX: " + b"a" * 300000 + b"\r\n\r\n",
        "cut-size": b"2\r\nok\r\n",
        "cut-data": b"5\r\nok",
        "cut-last": b"2\r\nok\r\n0\r\n",
        "plain": b"ok",
    }.items():
        yield case(f"chunked-bad-{name}", "9112 7.1", MUST, reply(chunked, body), BAD_OR_CUT, then=(CLOSE,))
    yield case("chunked-reset", "9112 8", MUST, reply(chunked, b"2\r\nok\r\n"), BAD_OR_CUT, then=(RESET,))
    for name, value in {
        "gzip": b"gzip",
        "gzip-chunked": b"gzip, chunked",
        "identity": b"identity",
        "xchunked": b"xchunked",
        "chunked-twice": b"chunked, chunked",
        "chunked-gzip": b"chunked, gzip",
        "empty": b"",
        "param": b"chunked;q=1",
        "quoted": b'"chunked"',
        "nul": b"chunked\x00",
        "vertical-tab": b"\x0bchunked",
    }.items():
        yield case(
            f"coding-{name}",
            "9112 6.1",
            MUST,
            reply(b"Transfer-Encoding: " + value + b"\r\n", b"2\r\nok\r\n0\r\n\r\n"),
            bad,
            then=(CLOSE,),
        )
    yield case(
        "coding-two-lines", "9112 6.1", MUST, reply(chunked + chunked, b"2\r\nok\r\n0\r\n\r\n"), bad, then=(CLOSE,)
    )
    yield case(
        "coding-1.0",
        "9112 6.1",
        MUST,
        reply(chunked, b"2\r\nok\r\n0\r\n\r\n", version=b"HTTP/1.0"),
        either(bad, served(reply_body=b"ok")),
        then=(CLOSE,),
    )
    yield case("close-delimited", "9112 6.3", MUST, reply(b"", b"abc"), served(reply_body=b"abc"), then=(CLOSE,))
    yield case(
        "close-delimited-shut", "9112 6.3", MUST, reply(b"", b"abc"), served(reply_body=b"abc"), then=(SHUT, HOLD)
    )
    yield case(
        "close-delimited-1.0",
        "9112 6.3",
        MUST,
        reply(b"", b"abc", version=b"HTTP/1.0"),
        served(reply_body=b"abc"),
        then=(CLOSE,),
    )
    yield case("close-delimited-empty", "9112 6.3", MUST, reply(b"", b""), served(reply_body=b""), then=(CLOSE,))
    yield case("close-delimited-reset", "9112 8", MUST, reply(b"", b"abc"), either(cut(), bad), then=(RESET,))
    yield case("length-cut", "9112 8", MUST, reply(b"Content-Length: 10\r\n", b"abc"), BAD_OR_CUT, then=(CLOSE,))
    yield case("length-cut-reset", "9112 8", MUST, reply(b"Content-Length: 10\r\n", b"abc"), BAD_OR_CUT, then=(RESET,))
    yield case("length-cut-at-head", "9112 8", MUST, reply(b"Content-Length: 10\r\n", b""), BAD_OR_CUT, then=(CLOSE,))
    yield case("extra-bytes", "9112 6.3", MUST, reply(b"Content-Length: 2\r\n", b"okevil"), served(reply_body=b"ok"))
    yield case("extra-reply", "9112 6.3", MUST, reply() + EVIL, served(reply_body=b"ok"))
    yield case(
        "extra-reply-after-chunked",
        "9112 6.3",
        MUST,
        reply(chunked, b"2\r\nok\r\n0\r\n\r\n") + EVIL,
        served(reply_body=b"ok"),
    )
    yield case("extra-crlf", "9112 2.2", SAFE, reply() + b"\r\n", served(reply_body=b"ok"))
    yield case("head-cut", "9112 8", MUST, b"HTTP/1.1 200 OK\r\nContent-Le", bad, then=(CLOSE,))
    yield case("head-no-end", "9112 8", MUST, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", bad, then=(CLOSE,))
    yield case(
        "nothing",
        "9112 9.3",
        MUST,
        b"",
        either(bad, served(count=2, reply_body=b"ok:{p}/x"), retried),
        then=(CLOSE,),
        sent=POST,
    )
    limit = ", first_byte_timeout_seconds: 3"
    yield case("silence", "9110 15.6.5", SHOULD, b"", gateway_timeout, then=(HOLD,), sent=POST, upstream=limit)


def retried(seen):
    if [each.status for each in seen.finals] != [502]:
        yield f"{[each.status for each in seen.finals]}"


def gateway_timeout(seen):
    if [each.status for each in seen.finals] != [504]:
        yield f"{[each.status for each in seen.finals]}"


CASES = [*framing()]
