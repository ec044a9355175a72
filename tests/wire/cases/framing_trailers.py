"""Trailers (RFC 9112, 7.1.2), and what stands between two requests."""

from tests.support.wire_cases import MUST, SAFE, SHOULD, Case
from tests.support.wire_client import ANSWER, Drip
from tests.support.wire_rules import either, refused, served
from tests.wire.cases.framing import REFUSED, SMUGGLED, cut_short, post


def trailers():
    """The trailer section: RFC 9112, 7.1.2; what is in it never becomes a header (RFC 9110, 6.5.1)."""

    def trailed(name, lines, expect, **more):
        body = b"3\r\nabc\r\n0\r\n" + lines + b"\r\n"
        return Case(
            f"trailer-{name}",
            "9112 7.1.2",
            more.pop("level", MUST),
            post(b"Transfer-Encoding: chunked\r\n", body + more.pop("then", b"")),
            expect,
            **more,
        )

    late = either(refused(400, 431), cut_short)
    for name, lines, forbidden in [
        ("plain", b"X-Sum: 1\r\n", b"x-sum"),
        ("two", b"X-A: 1\r\nX-B: 2\r\n", b"x-b"),
        ("empty-value", b"X-A:\r\n", b"x-a"),
    ]:
        yield trailed(name, lines, served(body=b"abc", lacks=[forbidden], kept=True))
    for name, lines in {
        "length": b"Content-Length: 50\r\n",
        "coding": b"Transfer-Encoding: chunked\r\n",
        "host": b"Host: evil\r\n",
        "authorization": b"Authorization: Basic eDp5\r\n",
        "cookie": b"Cookie: gateway_id=evil\r\n",
        "connection": b"Connection: close\r\n",
        "forwarded": b"X-Forwarded-For: 1.2.3.4\r\n",
        "decision": b"X-Gateway-Side: new\r\n",
        "content-type": b"Content-Type: text/html\r\n",
        "te": b"TE: trailers\r\n",
        "trailer": b"Trailer: x\r\n",
        "range": b"Range: bytes=0-1\r\n",
        "upgrade": b"Upgrade: websocket\r\n",
    }.items():
        field_name = lines.split(b":")[0].lower()
        lacks = (
            [field_name]
            if field_name not in (b"host", b"content-length", b"transfer-encoding", b"connection", b"x-forwarded-for")
            else []
        )
        dropped = served(body=b"abc", lacks=lacks)
        yield trailed(f"forbidden-{name}", lines, either(late, dropped), then=b"")
    for name, lines in {
        "no-colon": b"nonsense\r\n",
        "space-name": b"X A: 1\r\n",
        "space-before-colon": b"X-A : 1\r\n",
        "empty-name": b": 1\r\n",
        "nul": b"X-A: \x00\r\n",
        "control": b"X-A: \x01\r\n",
        "lf": b"X-A: 1\nX-B: 2\r\n",
        "cr": b"X-A: 1\rX-B: 2\r\n",
        "folded": b"X-A: 1\r\n 2\r\n",
        "leading-space": b" X-A: 1\r\n",
        "lf-only": b"X-A: 1\n",
        "high-name": b"X-\xff: 1\r\n",
        "request-line": b"GET /k/smuggled HTTP/1.1\r\nHost: a\r\n",
        "name-paren": b"X(A): 1\r\n",
    }.items():
        yield trailed(f"bad-{name}", lines, late, then=SMUGGLED)
    yield trailed("huge", b"X-A: " + b"a" * 200000 + b"\r\n", late, level=SAFE)
    yield trailed("many", b"X-A: 1\r\n" * 5000, late, level=SAFE)
    yield trailed("announced", b"X-Sum: 1\r\n", served(body=b"abc", kept=True))
    yield Case(
        "trailer-then-next",
        "9112 7.1.2",
        MUST,
        post(b"Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n", b"3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n" + SMUGGLED),
        served(count=2, line=b"GET {p}/smuggled HTTP/1.1", lacks=[b"x-sum"], kept=True),
        answers=2,
    )
    yield Case(
        "trailer-dripped",
        "9112 7.1.2",
        MUST,
        Drip(post(b"Transfer-Encoding: chunked\r\n", b"0\r\nX-A: 1\r\nX-B: 2\r\n\r\n")),
        served(body=b"", kept=True),
    )


def ends():
    """Between two requests: RFC 9112, 2.2 and 9.3."""
    yield Case(
        "between-crlf-after-post",
        "9112 2.2",
        SHOULD,
        post(b"Content-Length: 3\r\n", b"abc\r\n" + SMUGGLED),
        served(count=2, kept=True),
        answers=2,
    )
    yield Case(
        "between-extra-bytes",
        "9112 6.3",
        MUST,
        post(b"Content-Length: 3\r\n", b"abcd" + SMUGGLED),
        glued,
        answers=2,
        probe=False,
    )
    yield Case(
        "between-garbage",
        "9112 9.3",
        MUST,
        (post(b"Content-Length: 3\r\n", b"abc"), ANSWER, b"\x16\x03\x01\x02\x00\r\n\r\n"),
        refused(400, before=1),
        answers=2,
    )
    yield Case(
        "between-te-lengths",
        "9112 6.3",
        MUST,
        post(b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\nX" + SMUGGLED),
        REFUSED,
    )


def glued(seen):
    """The byte too many is the first of the next request's method: dGET is not GET, and nothing was smuggled."""
    statuses = [reply.status for reply in seen.finals]
    if statuses[:1] != [200] or len(seen.finals) != 2 or seen.finals[1].status not in (200, 400, 405, 501):
        yield f"{statuses}"
    if len(seen.heard) > 1 and not seen.heard[1].line.startswith(b"dGET "):
        yield f"the origin saw {seen.heard[1].line!r}"


CASES = [*trailers(), *ends()]
