"""Connections that are kept, HTTP/1.0, and pipelining (RFC 9112, 9)."""

from tests.support.wire_cases import MUST, SHOULD, Case
from tests.support.wire_client import ANSWER, SHUT, Drip
from tests.support.wire_origin import CLOSE, RESET, Think
from tests.support.wire_rules import both, either, refused, served

GATEWAY = {"upstream_keys": ", first_byte_timeout_seconds: 5"}

REFUSED = refused(400)

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def get(fields=b"", *, tail=b"x", version=b"1.1", method=b"GET"):
    return method + b" {p}/" + tail + b" HTTP/" + version + b"\r\nHost: {h}\r\n" + fields + b"\r\n"


def post(fields, body=b"", *, version=b"1.1"):
    return b"POST {p}/x HTTP/" + version + b"\r\nHost: {h}\r\n" + fields + b"\r\n" + body


def persistence():
    kept, closed = served(kept=True), served(kept=False)
    for name, raw, expect in [
        ("1.1", get(), kept),
        ("1.1-keep-alive", get(b"Connection: keep-alive\r\n"), kept),
        ("1.1-close", get(b"Connection: close\r\n"), closed),
        ("1.1-close-case", get(b"Connection: CLOSE\r\n"), closed),
        ("1.1-close-in-list", get(b"Connection: foo, close\r\n"), closed),
        ("1.1-close-two-lines", get(b"Connection: keep-alive\r\nConnection: close\r\n"), closed),
        ("1.1-close-and-keep-alive", get(b"Connection: keep-alive, close\r\n"), closed),
        ("1.1-close-first", get(b"Connection: close, keep-alive\r\n"), closed),
        ("1.1-closed-is-no-close", get(b"Connection: closed\r\n"), kept),
        ("1.1-xclose", get(b"Connection: xclose\r\n"), kept),
        ("1.0", get(version=b"1.0"), closed),
        ("1.0-close", get(b"Connection: close\r\n", version=b"1.0"), closed),
        ("1.1-close-tab", get(b"Connection:\tclose\t\r\n"), closed),
        ("1.1-proxy-connection-close", get(b"Proxy-Connection: close\r\n"), kept),
        ("1.1-keep-alive-params", get(b"Keep-Alive: timeout=1, max=1\r\n"), kept),
    ]:
        yield Case(f"persist-{name}", "9112 9.3", MUST, raw, expect)
    told = both(served(), says_keep_alive)
    yield Case(
        "persist-1.0-keep-alive",
        "9112 9.3",
        SHOULD,
        get(b"Connection: keep-alive\r\n", version=b"1.0"),
        either(told, closed),
    )
    yield Case(
        "persist-1.0-keep-alive-case",
        "9112 9.3",
        SHOULD,
        get(b"Connection: Keep-Alive\r\n", version=b"1.0"),
        either(told, closed),
    )
    yield Case(
        "persist-1.0-proxy-connection",
        "9112 C.2.2",
        MUST,
        get(b"Proxy-Connection: keep-alive\r\n", version=b"1.0"),
        closed,
    )
    yield Case("persist-1.0-both", "9112 9.3", MUST, get(b"Connection: close, keep-alive\r\n", version=b"1.0"), closed)
    yield Case(
        "persist-post-then-get",
        "9112 9.3",
        MUST,
        (post(b"Content-Length: 3\r\n", b"abc"), ANSWER, get()),
        served(count=2, kept=True),
        answers=2,
    )
    yield Case(
        "persist-ten",
        "9112 9.3",
        MUST,
        tuple(step for n in range(10) for step in (get(tail=b"%d" % n), ANSWER)),
        served(count=10, line=b"GET {p}/9 HTTP/1.1", kept=True),
        answers=10,
    )
    yield Case(
        "persist-nothing-after-close",
        "9112 9.6",
        MUST,
        get(b"Connection: close\r\n") + get(tail=b"never"),
        served(count=1, kept=False),
    )
    yield Case(
        "persist-1.0-nothing-after",
        "9112 9.3",
        MUST,
        get(version=b"1.0") + get(tail=b"never", version=b"1.0"),
        served(count=1, kept=False),
    )
    yield Case(
        "persist-head",
        "9112 9.3",
        MUST,
        (get(method=b"HEAD"), ANSWER, get()),
        served(count=2, kept=True),
        answers=2,
        methods=("HEAD", "GET"),
    )
    yield Case(
        "close-from-origin-is-not-the-clients",
        "9110 7.6.1",
        MUST,
        get(),
        served(kept=True),
        origin=((b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", CLOSE),),
    )
    # chunked is not for HTTP/1.0: the body ends with the connection
    lengthless = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    unframed = both(served(reply_body=b"abc", reply_lacks=[b"transfer-encoding"], kept=False))
    yield Case("1.0-of-chunked", "9112 6.1", MUST, get(version=b"1.0"), unframed, origin=((lengthless,),))
    yield Case(
        "1.0-keep-alive-of-chunked",
        "9112 6.1",
        MUST,
        get(b"Connection: keep-alive\r\n", version=b"1.0"),
        unframed,
        origin=((lengthless,),),
    )
    yield Case(
        "1.0-of-close-delimited",
        "9112 6.3",
        MUST,
        get(version=b"1.0"),
        unframed,
        origin=((b"HTTP/1.1 200 OK\r\n\r\nabc", CLOSE),),
    )
    yield Case(
        "1.0-no-interim",
        "9110 15.2",
        MUST,
        get(version=b"1.0"),
        both(served(kept=False), no_interim),
        origin=((b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK,),),
    )
    yield Case(
        "1.0-keep-alive-of-length",
        "9112 9.3",
        SHOULD,
        get(b"Connection: keep-alive\r\n", version=b"1.0"),
        either(told, closed),
        origin=((OK,),),
    )


def says_keep_alive(seen):
    if seen.finals and b"keep-alive" not in seen.finals[0].tokens(b"connection"):
        yield "HTTP/1.0 is kept open without Connection: keep-alive"


def no_interim(seen):
    if any(reply.status < 200 for reply in seen.replies):
        yield "an interim reply"


def pipelining():
    def in_order(*tails):
        def check(seen):
            bodies = [reply.body for reply in seen.finals]
            want = [seen.fill(b"ok:{p}/" + tail) for tail in tails]
            if bodies != want:
                yield f"{bodies}, not {want}"

        return check

    yield Case(
        "pipe-two",
        "9112 9.3.2",
        MUST,
        get(tail=b"a") + get(tail=b"b"),
        both(served(count=2, kept=True), in_order(b"a", b"b")),
        answers=2,
    )
    yield Case(
        "pipe-fifty",
        "9112 9.3.2",
        MUST,
        b"".join(get(tail=b"%d" % n) for n in range(50)),
        both(served(count=50, kept=True), in_order(*[b"%d" % n for n in range(50)])),
        answers=50,
    )
    yield Case(
        "pipe-slow-first",
        "9112 9.3.2",
        MUST,
        get(tail=b"a") + get(tail=b"b"),
        slow_first,
        answers=2,
        origin=(
            (Think(0.3), b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nA"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nB",),
        ),
    )
    yield Case(
        "pipe-post-get",
        "9112 9.3.2",
        MUST,
        post(b"Content-Length: 3\r\n", b"abc") + get(tail=b"b"),
        both(served(count=2, kept=True), in_order(b"x", b"b")),
        answers=2,
    )
    yield Case(
        "pipe-chunked-get",
        "9112 9.3.2",
        MUST,
        post(b"Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n0\r\n\r\n") + get(tail=b"b"),
        both(served(count=2, kept=True), in_order(b"x", b"b")),
        answers=2,
    )
    yield Case(
        "pipe-bad-second",
        "9112 9.3.2",
        MUST,
        get(tail=b"a") + b"GET {p}/b HTTP/1.1\r\nHost : x\r\n\r\n" + get(tail=b"c"),
        both(refused(400, before=1), first_is(b"ok:{p}/a")),
        answers=2,
    )
    yield Case(
        "pipe-bad-third",
        "9112 9.3.2",
        MUST,
        get(tail=b"a") + get(tail=b"b") + b"\x00\r\n\r\n" + get(tail=b"c"),
        refused(400, before=2),
        answers=3,
    )
    yield Case("pipe-bad-first", "9112 9.3.2", MUST, b"GET {p}/b HTTP/1.1\r\n\r\n" + get(tail=b"c"), REFUSED)
    yield Case(
        "pipe-bad-second-slow-first",
        "9112 9.3.2",
        MUST,
        get(tail=b"a") + b"BAD\r\n\r\n",
        refused(400, before=1),
        answers=2,
        origin=((Think(0.2), OK),),
    )
    yield Case(
        "pipe-close-in-the-middle",
        "9112 9.6",
        MUST,
        get(tail=b"a") + get(b"Connection: close\r\n", tail=b"b") + get(tail=b"c"),
        served(count=2, kept=False, line=b"GET {p}/b HTTP/1.1"),
        answers=2,
    )
    yield Case(
        "pipe-head-get",
        "9112 9.3.2",
        MUST,
        get(method=b"HEAD") + get(tail=b"b"),
        served(count=2, kept=True),
        answers=2,
        methods=("HEAD", "GET"),
    )
    yield Case(
        "pipe-unknown-route-kept",
        "9112 9.3.2",
        MUST,
        b"GET {p}/a HTTP/1.1\r\nHost: {h}\r\n\r\n" * 3,
        served(count=3, kept=True),
        answers=3,
    )
    yield Case(
        "pipe-dripped",
        "9112 9.3.2",
        MUST,
        Drip(get(tail=b"a") + get(tail=b"b")),
        both(served(count=2, kept=True), in_order(b"a", b"b")),
        answers=2,
    )
    yield Case(
        "pipe-half-of-second",
        "9112 9.3.2",
        MUST,
        (get(tail=b"a") + b"GET {p}/b HTTP/1.1\r\nHo", ANSWER, b"st: {h}\r\n\r\n"),
        both(served(count=2, kept=True), in_order(b"a", b"b")),
        answers=2,
    )
    yield Case(
        "pipe-upstream-dies-at-first",
        "9112 9.3.2",
        SHOULD,
        post(b"Content-Length: 1\r\n", b"x") + get(tail=b"b"),
        first_fails,
        answers=2,
        origin=((RESET,),),
    )
    yield Case(
        "pipe-then-shut",
        "9112 9.6",
        SHOULD,
        (get(tail=b"a") + get(tail=b"b"), SHUT),
        both(served(count=2), in_order(b"a", b"b")),
        answers=2,
        probe=False,
    )


def slow_first(seen):
    if [reply.body for reply in seen.finals] != [b"A", b"B"]:
        yield f"{[reply.body for reply in seen.finals]}"


def first_is(body):
    def check(seen):
        if not seen.finals or seen.finals[0].body != seen.fill(body):
            yield "the valid request before was not answered"

    return check


def first_fails(seen):
    if [reply.status for reply in seen.finals][:1] != [502] or [reply.status for reply in seen.finals][1:] not in (
        [200],
        [],
    ):
        yield f"{[reply.status for reply in seen.finals]}"


CASES = [*persistence(), *pipelining()]
