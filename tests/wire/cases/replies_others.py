"""Replies without a body, interim replies, and bytes that answer no request."""

from tests.support.wire_cases import MUST, SAFE, SHOULD, Case
from tests.support.wire_client import ABORT, ANSWER, GONE, HEARD, SOME, Pause
from tests.support.wire_origin import CLOSE, HOLD, RESET, Drip, Think
from tests.support.wire_rules import both, either, served
from tests.wire.cases.replies import (
    EVIL,
    GET,
    HEAD,
    OK,
    POST,
    bad,
    case,
    reply,
)


def bodiless():
    """HEAD, 1xx, 204, 205, 304: RFC 9112, 6.3 item 1; RFC 9110, 9.3.2 and 15."""
    yield case(
        "head-length",
        "9110 9.3.2",
        MUST,
        reply(b"Content-Length: 1000\r\n", b""),
        served(has=[(b"content-length", b"1000")], reply_body=b"", kept=True),
        sent=HEAD,
    )
    yield case(
        "head-chunked",
        "9112 6.1",
        MUST,
        reply(b"Transfer-Encoding: chunked\r\n", b""),
        served(reply_body=b"", kept=True),
        sent=HEAD,
    )
    yield case(
        "head-no-length",
        "9110 9.3.2",
        MUST,
        reply(b"", b""),
        served(reply_body=b"", kept=True, reply_lacks=[]),
        sent=HEAD,
    )
    yield case(
        "head-with-body",
        "9110 9.3.2",
        MUST,
        reply(b"Content-Length: 4\r\n", b"evil"),
        served(reply_body=b"", kept=True),
        sent=HEAD,
    )
    yield case(
        "head-with-reply-as-body",
        "9110 9.3.2",
        MUST,
        reply(b"Content-Length: 60\r\n", EVIL),
        served(reply_body=b"", kept=True),
        sent=HEAD,
    )
    yield case(
        "head-404",
        "9110 9.3.2",
        MUST,
        reply(b"Content-Length: 9\r\n", b"", status=b"404 No"),
        served(404, kept=True),
        sent=HEAD,
    )
    yield case("head-bad-length", "9112 6.3", MUST, reply(b"Content-Length: x\r\n", b""), bad, sent=HEAD)
    yield case("head-broken", "9110 15.6.3", MUST, b"nonsense\r\n\r\n", served_as_head_502, sent=HEAD, then=(CLOSE,))
    for status, name in ((204, b"No Content"), (304, b"Not Modified")):
        line = b"%d %s" % (status, name)
        yield case(
            f"{status}",
            "9112 6.3",
            MUST,
            reply(b'ETag: "a"\r\n', b"", status=line),
            served(status, reply_body=b"", kept=True, has=[(b"etag", b'"a"')]),
        )
        yield case(
            f"{status}-with-body",
            "9112 6.3",
            MUST,
            reply(b"Content-Length: 4\r\n", b"evil", status=line),
            either(served(status, reply_body=b"", kept=True), bad),
        )
        yield case(
            f"{status}-with-reply-as-body",
            "9112 6.3",
            MUST,
            reply(b"Content-Length: 60\r\n", EVIL, status=line),
            either(served(status, reply_body=b"", kept=True), bad),
        )
        yield case(
            f"{status}-length-0",
            "9110 8.6",
            MUST,
            reply(b"Content-Length: 0\r\n", b"", status=line),
            either(served(status, kept=True), bad),
        )
        yield case(
            f"{status}-chunked",
            "9112 6.1",
            MUST,
            reply(b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n", status=line),
            either(served(status, reply_body=b"", reply_lacks=[b"transfer-encoding"], kept=True), bad),
        )
        yield case(
            f"{status}-post", "9112 6.3", MUST, reply(b"", b"", status=line), served(status, kept=True), sent=POST
        )
    yield case(
        "205",
        "9110 15.3.6",
        MUST,
        reply(b"Content-Length: 0\r\n", b"", status=b"205 Reset"),
        served(205, reply_body=b"", kept=True),
    )
    yield case(
        "205-with-body",
        "9110 15.3.6",
        SAFE,
        reply(b"Content-Length: 2\r\n", b"ok", status=b"205 Reset"),
        either(served(205, reply_body=b"", has=[(b"content-length", b"0")]), bad),
    )


def served_as_head_502(seen):
    if [each.status for each in seen.finals] != [502] or seen.finals[0].body:
        yield f"{[(each.status, each.body) for each in seen.finals]}"


def interim():
    """1xx: RFC 9110, 15.2: any number before the final one; passed on, or not; 101 only where it was asked for."""
    for name, first in {
        "100": b"HTTP/1.1 100 Continue\r\n\r\n",
        "100-twice": b"HTTP/1.1 100 Continue\r\n\r\n" * 2,
        "102": b"HTTP/1.1 102 Processing\r\n\r\n",
        "103": b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n",
        "199": b"HTTP/1.1 199 Odd\r\n\r\n",
        "103-fields": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: x-a\r\nX-A: b\r\n\r\n",
    }.items():
        yield case(
            f"interim-{name}", "9110 15.2", MUST, first + reply(), both(served(reply_body=b"ok", kept=True), no_leak)
        )
    yield case(
        "interim-103-dripped",
        "9110 15.2",
        MUST,
        Drip(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + reply()),
        served(reply_body=b"ok", kept=True),
    )
    yield case(
        "interim-post",
        "9110 15.2",
        MUST,
        b"HTTP/1.1 100 Continue\r\n\r\n" + reply(),
        served(reply_body=b"ok", kept=True),
        sent=POST,
    )
    yield case(
        "interim-head",
        "9110 15.2",
        MUST,
        b"HTTP/1.1 103 Early Hints\r\n\r\n" + reply(b"Content-Length: 5\r\n", b""),
        served(reply_body=b"", kept=True),
        sent=HEAD,
    )
    yield case(
        "interim-1.0-client",
        "9110 15.2",
        MUST,
        b"HTTP/1.1 103 Early Hints\r\n\r\n" + reply(),
        both(served(reply_body=b"ok", kept=False), no_interim),
        sent=b"GET {p}/x HTTP/1.0\r\nHost: {h}\r\n\r\n",
    )
    yield case(
        "interim-100-with-length",
        "9112 6.3",
        SAFE,
        b"HTTP/1.1 100 Continue\r\nContent-Length: 4\r\n\r\n" + reply(),
        either(served(reply_body=b"ok"), bad),
    )
    yield case(
        "interim-flood",
        "9110 15.2",
        SAFE,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 5000 + reply(),
        either(served(reply_body=b"ok"), bad),
    )
    yield case("interim-only", "9110 15.2", MUST, b"HTTP/1.1 100 Continue\r\n\r\n", bad, then=(CLOSE,))
    yield case(
        "interim-bad", "9110 15.2", MUST, b"HTTP/1.1 103 Early Hints\r\nX A: b\r\n\r\n" + reply(), bad, then=(CLOSE,)
    )
    yield case(
        "101-unasked",
        "9110 15.2.2",
        MUST,
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: foo\r\nConnection: Upgrade\r\n\r\nevil",
        bad,
    )
    yield case("101-bare", "9110 15.2.2", MUST, b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + EVIL, bad)
    yield case(
        "426",
        "9110 15.5.22",
        MUST,
        reply(b"Content-Length: 2\r\nUpgrade: foo\r\nConnection: Upgrade\r\n", status=b"426 Upgrade Required"),
        served(426, reply_body=b"ok"),
        waives=("426 without Upgrade",),
    )


def no_leak(seen):
    for each in seen.replies:
        if each.status < 200 and each.values(b"x-a"):
            yield "a field that Connection names went on in an interim reply"


def no_interim(seen):
    if any(each.status < 200 for each in seen.replies):
        yield "an interim reply"


def unasked():
    """Bytes from the origin that answer no request: reply queue poisoning."""
    # on a new connection nothing tells it from a very quick answer; on one that was used before, everything does
    yield Case(
        "reply-before-request",
        "9112 9.3",
        SAFE,
        GET,
        either(bad, served(reply_body=b"ok:{p}/x"), served(reply_body=b"evil")),
        greeting=EVIL,
    )
    for name, data in {
        "reply": EVIL,
        "garbage": b"evil",
        "crlf": b"\r\n",
        "408": b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 4\r\n\r\nevil",
    }.items():
        idle = (OK, Think(0.02), data)
        yield Case(
            f"reply-idle-{name}",
            "9112 9.2",
            MUST,
            (GET, ANSWER, GONE, Pause(0.1), GET),
            served(count=2, reply_body=b"ok:{p}/x"),
            answers=2,
            origin=(idle,),
        )
    yield Case(
        "reply-idle-close",
        "9112 9.3.1",
        MUST,
        (POST, ANSWER, GONE, Pause(0.1), POST),
        served(count=2, reply_body=b"ok:{p}/x"),
        answers=2,
        origin=((OK, Think(0.02), CLOSE),),
    )
    yield Case(
        "reply-idle-reset",
        "9112 9.3.1",
        MUST,
        (POST, ANSWER, GONE, Pause(0.1), POST),
        served(count=2, reply_body=b"ok:{p}/x"),
        answers=2,
        origin=((OK, Think(0.02), RESET),),
    )
    # a pooled connection that dies as the request is sent: an idempotent one is sent again, another is not
    yield Case(
        "reply-dies-on-reuse-get",
        "9112 9.3.1",
        SHOULD,
        (GET, ANSWER, GET),
        either(served(count=2), dies_on_reuse),
        answers=2,
        origin=((OK,), (CLOSE,)),
    )
    yield Case(
        "reply-dies-on-reuse-post",
        "9112 9.3.1",
        MUST,
        (POST, ANSWER, POST),
        not_sent_twice,
        answers=2,
        origin=((OK,), (CLOSE,)),
    )
    yield Case(
        "reply-before-request-408",
        "9112 9.5",
        SHOULD,
        GET,
        either(bad, served(reply_body=b"ok:{p}/x"), timed_out),
        greeting=b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    )
    yield Case(
        "reply-greeting-garbage",
        "9112 9.3",
        MUST,
        GET,
        either(bad, served(reply_body=b"ok:{p}/x")),
        greeting=b"220 smtp ready\r\n",
    )
    yield Case(
        "reply-abandoned-then-next",
        "9112 9.3",
        MUST,
        (GET, HEARD, ABORT),
        quiet,
        answers=0,
        probe=False,
        origin=((b"", Drip(EVIL)),),
    )
    yield Case(
        "reply-half-read-then-next",
        "9112 9.3",
        MUST,
        (GET, SOME, ABORT),
        quiet,
        answers=0,
        probe=False,
        origin=((reply(b"Content-Length: 100000\r\n", b"a" * 1000), EVIL, HOLD),),
    )
    yield Case(
        "reply-large",
        "9112 6.3",
        MUST,
        GET,
        served(reply_body=b"a" * 3_000_000, kept=True),
        origin=((reply(b"Content-Length: 3000000\r\n", b"a" * 3_000_000),),),
    )
    yield Case(
        "reply-large-chunked",
        "9112 7.1",
        MUST,
        GET,
        served(reply_body=b"a" * 1_600_000, kept=True),
        origin=(
            (reply(b"Transfer-Encoding: chunked\r\n", (b"3e80\r\n" + b"a" * 16000 + b"\r\n") * 100 + b"0\r\n\r\n"),),
        ),
    )


def dies_on_reuse(seen):
    """The second GET was sent twice: once to the connection that died, and once more."""
    if [each.status for each in seen.finals] != [200, 200] or len(seen.heard) != 3:
        yield f"{[each.status for each in seen.finals]}, {len(seen.heard)} requests"


def not_sent_twice(seen):
    if [each.status for each in seen.finals] != [200, 502] or len(seen.heard) != 2:
        yield f"{[each.status for each in seen.finals]}, {len(seen.heard)} requests"


def quiet(_seen):
    """The rules for every case, and that the next client is served."""
    return ()


def timed_out(seen):
    if [each.status for each in seen.finals] != [408]:
        yield f"{[each.status for each in seen.finals]}"


CASES = [*bodiless(), *interim(), *unasked()]
