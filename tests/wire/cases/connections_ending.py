"""Expect (RFC 9110, 10.1.1), early answers, and clients that leave (RFC 9112, 9.5 and 9.6)."""

from tests.support.wire_cases import MUST, SAFE, SHOULD, Case
from tests.support.wire_client import ABORT, ANSWER, HEARD, INTERIM, SHUT, SOME
from tests.support.wire_origin import BODY, CLOSE, EARLY, HOLD, RESET, Think
from tests.support.wire_rules import both, either, refused, served
from tests.wire.cases.connections import (
    OK,
    REFUSED,
    get,
    no_interim,
    post,
)


def expecting():
    """Expect: 100-continue: RFC 9110, 10.1.1."""
    expect = b"Expect: 100-continue\r\n"
    body3 = expect + b"Content-Length: 3\r\n"
    went = both(served(body=b"abc", kept=True, lacks=[]), interim_first)
    yield Case("expect-waits", "9110 10.1.1", MUST, (post(body3), INTERIM, b"abc"), went)
    yield Case(
        "expect-waits-chunked",
        "9110 10.1.1",
        MUST,
        (post(expect + b"Transfer-Encoding: chunked\r\n"), INTERIM, b"3\r\nabc\r\n0\r\n\r\n"),
        went,
    )
    yield Case(
        "expect-case",
        "9110 10.1.1",
        MUST,
        (post(b"Expect: 100-CONTINUE\r\nContent-Length: 3\r\n"), INTERIM, b"abc"),
        went,
    )
    yield Case("expect-body-at-once", "9110 10.1.1", MUST, post(body3, b"abc"), served(body=b"abc", kept=True))
    yield Case(
        "expect-body-at-once-then-next",
        "9110 10.1.1",
        MUST,
        post(body3, b"abc") + get(),
        served(count=2, kept=True),
        answers=2,
    )
    yield Case(
        "expect-1.0",
        "9110 10.1.1",
        MUST,
        post(body3, b"abc", version=b"1.0"),
        both(served(body=b"abc", kept=False), no_interim),
    )
    yield Case("expect-no-body", "9110 10.1.1", MUST, get(expect), either(REFUSED, served()))
    yield Case(
        "expect-length-0",
        "9110 10.1.1",
        MUST,
        post(expect + b"Content-Length: 0\r\n"),
        either(REFUSED, served(body=b"")),
    )
    for name, value in {
        "unknown": b"200-ok",
        "param": b"100-continue; a=b",
        "two": b"100-continue, foo",
        "equals": b"a=b",
        "prefix": b"x100-continue",
    }.items():
        raw = post(b"Expect: " + value + b"\r\nContent-Length: 3\r\n", b"abc")
        yield Case(f"expect-{name}", "9110 10.1.1", SHOULD, raw, either(refused(400, 417), served(body=b"abc")))
    yield Case(
        "expect-twice",
        "9110 10.1.1",
        SAFE,
        (post(expect + body3), b"abc"),
        either(refused(400, 417), served(body=b"abc")),
    )
    yield Case(
        "expect-obfuscated",
        "9112 5",
        SAFE,
        post(b"Expect: y 100-continue\r\nContent-Length: 3\r\n", b"abc"),
        either(refused(400, 417), served(body=b"abc")),
    )
    yield Case(
        "expect-empty",
        "9110 10.1.1",
        SAFE,
        post(b"Expect:\r\nContent-Length: 3\r\n", b"abc"),
        either(refused(400, 417), served(body=b"abc")),
    )
    yield Case(
        "expect-bad-body",
        "9112 7.1",
        MUST,
        (post(expect + b"Transfer-Encoding: chunked\r\n"), INTERIM, b"zz\r\n"),
        bad_after_interim,
    )
    # 0.CL and the Expect desyncs: the final reply comes before the body; what follows is never a request
    final_first = ((EARLY, b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n", HOLD),)
    yield Case(
        "expect-final-at-once",
        "9110 10.1.1",
        MUST,
        (post(expect + b"Content-Length: 40\r\n", b"a\n"), ANSWER, b"GET /smuggled HTTP/1.1\r\nHost: evil\r\n\r\n"),
        final_without_smuggling(401),
        origin=final_first,
        probe=False,
    )
    yield Case(
        "expect-head-vanilla",
        "9110 10.1.1",
        MUST,
        b"HEAD {p}/x HTTP/1.1\r\nHost: {h}\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
        served(body=b"abc"),
        methods=("HEAD",),
    )


def interim_first(seen):
    if [reply.status for reply in seen.replies] != [100, 200]:
        yield f"{[reply.status for reply in seen.replies]}"


def bad_after_interim(seen):
    statuses = [reply.status for reply in seen.finals]
    if statuses not in ([400], []) or not seen.ended or any(request.whole for request in seen.heard):
        yield f"{statuses}, {seen.ended}"


def final_without_smuggling(status):
    def check(seen):
        if [reply.status for reply in seen.finals][:1] != [status]:
            yield f"{[reply.status for reply in seen.finals]}"
        if any(b"smuggled" in request.line for request in seen.heard) or any(
            b"smuggled" in link.raw for link in seen.strays
        ):
            yield "the body became a request"
        if len(seen.finals) > 1:
            yield "the body was answered"

    return check


def early():
    """The origin answers before it has the body: RFC 9112, 9.3 and 9.6; early-response gadgets."""
    denied = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"
    for name, after in {"closes": (CLOSE,), "holds": (HOLD,), "resets": (RESET,)}.items():
        yield Case(
            f"early-{name}",
            "9112 9.5",
            SHOULD,
            (post(b"Content-Length: 100000\r\n", b"a" * 1000), ANSWER),
            early_answer,
            origin=((EARLY, denied, *after),),
            probe=False,
        )
    yield Case(
        "early-then-reads",
        "9112 9.3",
        SHOULD,
        (post(b"Content-Length: 10\r\n", b"a" * 5), ANSWER, b"a" * 5),
        either(early_answer, served(403)),
        origin=((EARLY, denied, BODY),),
    )
    yield Case(
        "early-body-is-a-request",
        "9112 9.3",
        MUST,
        (post(b"Content-Length: 40\r\n", b"a\n"), ANSWER, b"GET /smuggled HTTP/1.1\r\nHost: evil\r\n\r\n"),
        final_without_smuggling(403),
        origin=((EARLY, denied, CLOSE),),
        probe=False,
    )
    yield Case(
        "early-chunked",
        "9112 9.3",
        SHOULD,
        (post(b"Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n"), ANSWER),
        early_answer,
        origin=((EARLY, denied, HOLD),),
        probe=False,
    )
    yield Case(
        "cl0-get-with-body",
        "CL.0",
        MUST,
        b"GET {p}/x HTTP/1.1\r\nHost: {h}\r\nContent-Length: 34\r\n\r\nGET /smuggled HTTP/1.1\r\nX-A: b\r\n\r\n",
        served(body=b"GET /smuggled HTTP/1.1\r\nX-A: b\r\n\r\n", kept=True),
    )


def early_answer(seen):
    if [reply.status for reply in seen.finals] != [403] or seen.finals[0].body != b"no":
        yield f"{[(reply.status, reply.body) for reply in seen.finals]}"


def leaving():
    """Half-closed and vanished clients: RFC 9112, 9.6."""
    yield Case("shut-after-request", "9112 9.6", SHOULD, (get(), SHUT), served(), probe=False)
    yield Case(
        "shut-after-post",
        "9112 9.6",
        SHOULD,
        (post(b"Content-Length: 3\r\n", b"abc"), SHUT),
        served(body=b"abc"),
        probe=False,
    )
    yield Case("shut-slow-origin", "9112 9.6", SHOULD, (get(), SHUT), served(), probe=False, origin=((Think(0.1), OK),))
    yield Case(
        "shut-slower-origin",
        "9112 9.6",
        SHOULD,
        (get(), SHUT),
        either(served(), no_success),
        probe=False,
        origin=((Think(1.5), OK),),
    )
    yield Case(
        "shut-slow-body",
        "9112 9.6",
        SHOULD,
        (get(), SHUT),
        served(reply_body=b"okok"),
        probe=False,
        origin=((b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok", Think(1.0), b"ok"),),
    )
    yield Case(
        "shut-1.0-slow-origin",
        "9112 9.6",
        SHOULD,
        (get(version=b"1.0"), SHUT),
        either(served(), no_success),
        probe=False,
        origin=((Think(0.8), OK),),
    )
    yield Case("shut-at-once", "9112 9.6", MUST, (SHUT,), silent, answers=0, probe=False)
    yield Case(
        "shut-inside-head", "9112 8", MUST, (b"GET {p}/x HTT", SHUT), either(silent, REFUSED), answers=1, probe=False
    )
    yield Case(
        "shut-inside-fields",
        "9112 8",
        MUST,
        (b"GET {p}/x HTTP/1.1\r\nHost: {h}\r\n", SHUT),
        either(silent, REFUSED),
        answers=1,
        probe=False,
    )
    yield Case(
        "shut-behind-one-crlf",
        "9112 8",
        MUST,
        (b"GET {p}/x HTTP/1.1\r\nHost: {h}\r\n\r", SHUT),
        either(silent, REFUSED),
        answers=1,
        probe=False,
    )
    yield Case("abort-inside-head", "9112 9.5", MUST, (b"GET {p}/x HTT", ABORT), silent, answers=0, probe=False)
    yield Case(
        "abort-inside-upload",
        "9112 8",
        MUST,
        (post(b"Content-Length: 100\r\n", b"abc"), HEARD, ABORT),
        nothing_whole,
        answers=0,
        probe=False,
    )
    yield Case(
        "abort-inside-chunked-upload",
        "9112 8",
        MUST,
        (post(b"Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n"), HEARD, ABORT),
        nothing_whole,
        answers=0,
        probe=False,
    )
    yield Case(
        "abort-while-waiting",
        "9112 9.5",
        MUST,
        (get(), HEARD, ABORT),
        anything,
        answers=0,
        probe=False,
        origin=((Think(0.2), OK),),
    )
    yield Case(
        "abort-inside-download",
        "9112 9.5",
        MUST,
        (get(), SOME, ABORT),
        anything,
        answers=0,
        probe=False,
        origin=((b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nabc", HOLD),),
    )
    yield Case(
        "shut-inside-upload",
        "9112 8",
        MUST,
        (post(b"Content-Length: 100\r\n", b"abc"), HEARD, SHUT),
        both(nothing_whole, no_success),
        answers=1,
        probe=False,
    )


def silent(seen):
    if seen.finals or seen.heard:
        yield f"{[reply.status for reply in seen.finals]}, {[request.line for request in seen.heard]}"


def anything(_seen):
    """The rules for every case, and that the next client is served."""
    return ()


def nothing_whole(seen):
    if any(request.whole for request in seen.heard):
        yield "half an upload reached the origin as a whole one"


def no_success(seen):
    if any(reply.status < 400 for reply in seen.finals):
        yield f"{[reply.status for reply in seen.finals]}"


CASES = [*expecting(), *early(), *leaving()]
