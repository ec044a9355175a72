"""Where a request's body ends, and what all cases of framing share: Content-Length (RFC 9112, 6.2 and 6.3)."""

from tests.support.wire_cases import MUST, SAFE, Case
from tests.support.wire_client import SHUT
from tests.support.wire_rules import either, refused, served

SMUGGLED = b"GET {p}/smuggled HTTP/1.1\r\nHost: {h}\r\n\r\n"

ABC = b"3\r\nabc\r\n0\r\n\r\n"

REFUSED = refused(400)


def post(fields, body=b"", *, version=b"1.1", method=b"POST"):
    return method + b" {p}/x HTTP/" + version + b"\r\nHost: {h}\r\n" + fields + b"\r\n" + body


def lengths():
    """Content-Length that is none: RFC 9110, 8.6 (1*DIGIT) and RFC 9112, 6.3 item 5."""
    bad = {
        "plus": b"+3",
        "minus": b"-3",
        "minus-zero": b"-0",
        "hex": b"0x3",
        "hex-digit": b"a",
        "decimal-point": b"3.0",
        "exponent": b"3e0",
        "underscore": b"3_0",
        "thousands": b"1,000",
        "empty": b"",
        "only-space": b" ",
        "inner-space": b"1 2",
        "inner-tab": b"1\t2",
        "quoted": b'"3"',
        "word": b"three",
        "semicolon": b"3;",
        "trailing-letter": b"3a",
        "leading-letter": b"a3",
        "trailing-comma": b"3,",
        "leading-comma": b",3",
        "list-differs": b"3, 4",
        "list-differs-no-space": b"3,4",
        "list-with-empty": b"3,,3",
        "over-64-bits": b"18446744073709551619",
        "2-to-64": b"18446744073709551616",
        "2-to-63": b"9223372036854775808",
        "30-digits": b"9" * 30,
        "arabic-digit": "\u0663".encode(),
        "fullwidth-digit": "\uff13".encode(),
        "latin1-superscript": b"\xb3",
        "nul-behind": b"3\x00",
        "nul-before": b"\x003",
        "vertical-tab": b"\x0b3",
        "form-feed": b"3\x0c",
        "nbsp": b"\xa03",
        "percent": b"%33",
        "newline-escape": b"3\\r\\n",
        "cr-inside": b"3\r4",
        "hash": b"3#",
    }
    for name, value in bad.items():
        # so large a length is refused as such, 413, or as no length, 400; it is never cut to 64 bits
        expect = refused(400, 413) if name in ("over-64-bits", "2-to-64", "2-to-63", "30-digits") else REFUSED
        yield Case(
            f"length-{name}", "9112 6.3", MUST, post(b"Content-Length: " + value + b"\r\n", b"abc" + SMUGGLED), expect
        )
    two = {
        "differ": b"Content-Length: 3\r\nContent-Length: 4\r\n",
        "differ-far-apart": b"Content-Length: 3\r\nAccept: */*\r\nX-A: b\r\nContent-Length: 0\r\n",
        "differ-case": b"Content-Length: 3\r\ncontent-length: 5\r\n",
        "second-empty": b"Content-Length: 3\r\nContent-Length:\r\n",
        "zero-and-three": b"Content-Length: 0\r\nContent-Length: 3\r\n",
        "leading-zero-differs": b"Content-Length: 03\r\nContent-Length: 30\r\n",
    }
    for name, fields in two.items():
        yield Case(f"length-two-{name}", "9112 6.3", MUST, post(fields, b"abc" + SMUGGLED), REFUSED)
    same = either(REFUSED, served(body=b"abc", head=[(b"content-length", b"3")], count=1))
    yield Case("length-twice-same", "9110 8.6", MUST, post(b"Content-Length: 3\r\nContent-Length: 3\r\n", b"abc"), same)
    yield Case("length-list-same", "9110 8.6", MUST, post(b"Content-Length: 3, 3\r\n", b"abc"), same)
    yield Case(
        "length-same-in-zeros", "9110 8.6", SAFE, post(b"Content-Length: 3\r\nContent-Length: 03\r\n", b"abc"), same
    )
    yield Case("length-leading-zeros", "9110 8.6", MUST, post(b"Content-Length: 0003\r\n", b"abc"), same)
    yield Case(
        "length-leading-zeros-many", "9110 8.6", MUST, post(b"Content-Length: " + b"0" * 40 + b"3\r\n", b"abc"), same
    )
    yield Case(
        "length-space-before-colon", "9112 5.1", MUST, post(b"Content-Length : 3\r\n", b"abc" + SMUGGLED), REFUSED
    )
    yield Case(
        "length-tab-before-colon", "9112 5.1", MUST, post(b"Content-Length\t: 3\r\n", b"abc" + SMUGGLED), REFUSED
    )
    yield Case("length-folded", "9112 5.2", MUST, post(b"Content-Length:\r\n 3\r\n", b"abc" + SMUGGLED), REFUSED)
    yield Case("length-nul-in-name", "9110 5.1", MUST, post(b"Content-Length\x00: 3\r\n", b"abc" + SMUGGLED), REFUSED)
    ok = served(body=b"abc", head=[(b"content-length", b"3")], kept=True)
    yield Case("length-good", "9112 6.2", MUST, post(b"Content-Length: 3\r\n", b"abc"), ok)
    yield Case("length-good-no-space", "9112 5", MUST, post(b"Content-Length:3\r\n", b"abc"), ok)
    yield Case("length-good-spaces-around", "9112 5", MUST, post(b"Content-Length: \t 3 \t \r\n", b"abc"), ok)
    yield Case("length-good-case", "9110 5.1", MUST, post(b"cOnTeNt-LeNgTh: 3\r\n", b"abc"), ok)
    yield Case("length-zero", "9112 6.2", MUST, post(b"Content-Length: 0\r\n"), served(body=b"", kept=True))
    yield Case("length-none-post", "9112 6.3", MUST, post(b""), served(body=b"", kept=True))
    for method in (b"GET", b"DELETE", b"OPTIONS", b"PUT", b"PATCH"):
        name = f"length-body-of-{method.decode().lower()}"
        yield Case(name, "9110 9.3", MUST, post(b"Content-Length: 3\r\n", b"abc", method=method), ok)
    yield Case(
        "length-body-of-head",
        "9110 9.3.2",
        MUST,
        post(b"Content-Length: 3\r\n", b"abc", method=b"HEAD"),
        served(body=b"abc", kept=True, reply_body=b""),
    )
    yield Case(
        "length-body-is-a-request",
        "9112 6.3",
        MUST,
        post(b"Content-Length: 38\r\n", b"GET /k/inner HTTP/1.1\r\nHost: inner\r\n\r\n"),
        served(body=b"GET /k/inner HTTP/1.1\r\nHost: inner\r\n\r\n", kept=True),
    )
    yield Case(
        "length-short-then-next",
        "9112 6.3",
        MUST,
        post(b"Content-Length: 3\r\n", b"abc" + SMUGGLED),
        served(count=2, line=b"GET {p}/smuggled HTTP/1.1", kept=True),
        answers=2,
    )
    yield Case(
        "length-body-cut",
        "9112 8",
        MUST,
        (post(b"Content-Length: 10\r\n", b"abc"), SHUT),
        cut_body,
        answers=1,
        probe=False,
    )
    yield Case(
        "length-similar-name",
        "9110 8.6",
        SAFE,
        post(b"Content-Length: 3\r\nContent_Length: 0\r\n", b"abc"),
        either(REFUSED, served(body=b"abc", lacks=[b"content_length"], kept=True)),
    )
    yield Case(
        "length-alone-underscore",
        "9110 8.6",
        SAFE,
        post(b"Content_Length: 3\r\n", SMUGGLED),
        either(REFUSED, served(count=2, lacks=[b"content_length"])),
        answers=2,
    )
    yield Case(
        "length-named-by-connection",
        "9110 7.6.1",
        SAFE,
        post(b"Connection: content-length\r\nContent-Length: 3\r\n", b"abc"),
        either(REFUSED, served(body=b"abc", kept=True)),
    )


def cut_body(seen):
    """A body that ends early is an incomplete message: never one whole request for the origin, never a 2xx."""
    if any(request.whole for request in seen.heard):
        yield "the origin got a whole request of half a body"
    if any(200 <= reply.status < 300 for reply in seen.finals):
        yield f"the client got {seen.finals[0].status} for half a body"


def cut_short(seen):
    """The streamed body was found bad after the origin had its head: nothing whole there, an error or a cut here."""
    yield from cut_body(seen)
    if len(seen.heard) > 1:
        yield f"the origin saw {[request.line for request in seen.heard]}"
    if not seen.ended:
        yield "the connection is kept"
    if seen.finals and seen.finals[0].status != 400:
        yield f"the client got {seen.finals[0].status}"


CASES = [*lengths()]
