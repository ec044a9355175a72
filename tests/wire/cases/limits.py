"""What is too large or too slow, and the answer to each: RFC 9110, 15.5; RFC 6585; RFC 9112, 3 and 9.5."""

from tests.support.wire_cases import MUST, SAFE, SHOULD, Case
from tests.support.wire_client import ANSWER, HEARD, INTERIM, SHUT, Pause
from tests.support.wire_origin import BODY, EARLY
from tests.support.wire_rules import both, declined, either, refused, served

GATEWAY = {
    "keys": (
        "limits: {max_head_bytes: 4096, max_headers: 40, max_target_bytes: 1024, max_body_bytes: 1000, "
        "head_timeout_seconds: 3, body_timeout_seconds: 3, min_body_bytes_per_second: 0, keep_alive_seconds: 3}"
    )
}


def get(fields=b"", *, target=b"{p}/x", method=b"GET"):
    return method + b" " + target + b" HTTP/1.1\r\nHost: {h}\r\n" + fields + b"\r\n"


def post(fields, body=b""):
    return b"POST {p}/x HTTP/1.1\r\nHost: {h}\r\n" + fields + b"\r\n" + body


def sizes():
    ok = served(kept=True)
    yield Case("target-at-limit", "9112 3", SHOULD, get(target=b"{p}/" + b"a" * 1000), ok)
    for size in (1025, 2000, 3900, 9000, 100_000, 1_000_000):
        yield Case(
            f"target-{size}",
            "9110 15.5.15",
            MUST,
            get(target=b"{p}/" + b"a" * size),
            refused(414) if size < 4000 else refused(414, 431),
        )
    yield Case("target-long-query", "9110 15.5.15", MUST, get(target=b"{p}/x?" + b"a" * 3000), refused(414))
    yield Case("target-endless", "9110 15.5.15", MUST, (b"GET /" + b"a" * 300_000,), refused(414, 431))
    yield Case("target-absolute-long", "9110 15.5.15", MUST, get(target=b"http://{h}/" + b"a" * 3000), refused(414))
    yield Case("method-endless", "9112 3", MUST, b"A" * 300_000, refused(400, 405, 414, 431, 501))
    yield Case("head-near-limit", "6585 5", SHOULD, get(b"X-A: " + b"a" * 3800 + b"\r\n"), ok)
    for size in (4096, 5000, 9000, 100_000):
        yield Case(f"head-one-field-{size}", "6585 5", MUST, get(b"X-A: " + b"a" * size + b"\r\n"), refused(431))
    yield Case("head-long-name", "6585 5", MUST, get(b"a" * 5000 + b": b\r\n"), refused(431))
    yield Case("head-many-small", "6585 5", MUST, get(b"".join(b"X-%d: a\r\n" % n for n in range(50))), refused(431))
    yield Case(
        "head-many-large",
        "6585 5",
        MUST,
        get(b"".join(b"X-%d: %s\r\n" % (n, b"a" * 200) for n in range(30))),
        refused(431),
    )
    yield Case("head-39-fields", "6585 5", SHOULD, get(b"".join(b"X-%d: a\r\n" % n for n in range(39))), ok)
    yield Case(
        "head-endless", "6585 5", MUST, b"GET {p}/x HTTP/1.1\r\nHost: {h}\r\n" + b"X-A: b\r\n" * 60_000, refused(431)
    )
    yield Case(
        "head-endless-line", "6585 5", MUST, b"GET {p}/x HTTP/1.1\r\nHost: {h}\r\nX-A: " + b"a" * 500_000, refused(431)
    )
    yield Case("head-cookie", "6585 5", MUST, get(b"Cookie: " + b"a=b; " * 2000 + b"\r\n"), refused(431))
    yield Case(
        "head-431-second",
        "6585 5",
        MUST,
        get() + get(b"X-A: " + b"a" * 9000 + b"\r\n"),
        refused(431, before=1),
        answers=2,
    )
    yield Case(
        "body-at-limit",
        "9110 15.5.14",
        SHOULD,
        post(b"Content-Length: 1000\r\n", b"a" * 1000),
        served(body=b"a" * 1000, kept=True),
    )
    for size in (1001, 100_000, 10**12, 10**18):
        yield Case(
            f"body-{size}",
            "9110 15.5.14",
            MUST,
            post(b"Content-Length: %d\r\n" % size, b"a" * min(size, 5000)),
            refused(400, 413) if size > 10**17 else either(refused(413), declined(413)),
        )
    yield Case("body-too-large-head-only", "9110 15.5.14", MUST, post(b"Content-Length: 5000\r\n"), refused(413))
    yield Case(
        "body-too-large-expect",
        "9110 10.1.1",
        MUST,
        post(b"Expect: 100-continue\r\nContent-Length: 5000\r\n"),
        both(refused(413), no_continue),
    )
    yield Case(
        "body-chunked-at-limit",
        "9110 15.5.14",
        SHOULD,
        post(b"Transfer-Encoding: chunked\r\n", b"3e8\r\n" + b"a" * 1000 + b"\r\n0\r\n\r\n"),
        served(body=b"a" * 1000, kept=True),
    )
    yield Case(
        "body-chunked-over",
        "9110 15.5.14",
        MUST,
        post(b"Transfer-Encoding: chunked\r\n", b"3e9\r\n" + b"a" * 1001 + b"\r\n0\r\n\r\n"),
        too_large,
    )
    yield Case(
        "body-chunked-over-in-small",
        "9110 15.5.14",
        MUST,
        post(b"Transfer-Encoding: chunked\r\n", (b"64\r\n" + b"a" * 100 + b"\r\n") * 30 + b"0\r\n\r\n"),
        too_large,
    )
    yield Case(
        "body-chunk-announced",
        "9110 15.5.14",
        MUST,
        post(b"Transfer-Encoding: chunked\r\n", b"ffffffff\r\n" + b"a" * 5000),
        too_large,
    )
    yield Case(
        "body-chunked-over-after-head",
        "9110 15.5.14",
        MUST,
        (post(b"Transfer-Encoding: chunked\r\n", b"1\r\na\r\n"), HEARD, b"3e9\r\n" + b"a" * 1001 + b"\r\n0\r\n\r\n"),
        too_large,
        origin=((EARLY, BODY),),
    )
    yield Case(
        "body-is-small-again",
        "9110 15.5.14",
        MUST,
        post(b"Content-Length: 3\r\n", b"abc") * 2,
        served(count=2, body=b"abc", kept=True),
        answers=2,
    )
    yield Case("body-of-get", "9110 15.5.14", MUST, get(b"Content-Length: 2000\r\n"), refused(413))
    yield Case(
        "body-of-head-is-silent",
        "9110 9.3.2",
        MUST,
        get(b"Content-Length: 2000\r\n", method=b"HEAD"),
        head_refused(413),
    )
    yield Case("head-of-head-is-silent", "9110 9.3.2", MUST, get(b"X A: 2\r\n", method=b"HEAD"), head_refused(400))


def no_continue(seen):
    if any(reply.status == 100 for reply in seen.replies):
        yield "100 before 413"


def too_large(seen):
    """413 as soon as it shows; the origin has no whole request; the connection ends, unless all of it was read."""
    if [reply.status for reply in seen.finals] != [413] or not (seen.ended or seen.probe):
        yield f"{[reply.status for reply in seen.finals]}, {seen.ended}"
    if any(request.whole for request in seen.heard):
        yield "the origin got a whole request"


def head_refused(status):
    def check(seen):
        if [reply.status for reply in seen.finals] != [status] or seen.rest or not seen.ended:
            yield f"{[reply.status for reply in seen.finals]} {seen.rest!r}"

    return check


def times():
    slow = refused(408)
    gone = either(refused(400, 408), silent_end)
    yield Case("slow-nothing", "9112 9.5", SHOULD, (), silent_end, answers=1, probe=False)
    yield Case("slow-request-line", "9110 15.5.9", SHOULD, b"GET {p}/x HT", slow)
    yield Case("slow-first-byte-only", "9110 15.5.9", SHOULD, b"G", slow)
    yield Case("slow-fields", "9110 15.5.9", SHOULD, b"GET {p}/x HTTP/1.1\r\nHost: {h}\r\nX-A:", slow)
    yield Case("slow-last-crlf", "9110 15.5.9", SHOULD, b"GET {p}/x HTTP/1.1\r\nHost: {h}\r\n\r", slow)
    yield Case(
        "slow-loris",
        "9110 15.5.9",
        SHOULD,
        (
            b"GET {p}/x HTTP/1.1\r\nHost: {h}\r\n",
            *[step for n in range(12) for step in (Pause(0.3), b"X-%d: a\r\n" % n)],
        ),
        slow,
    )
    yield Case(
        "slow-empty-lines",
        "9112 2.2",
        SAFE,
        tuple(step for _ in range(12) for step in (Pause(0.3), b"\r\n")),
        gone,
        probe=False,
    )
    yield Case("slow-body", "9110 15.5.9", SHOULD, post(b"Content-Length: 10\r\n", b"abc"), slow_body)
    yield Case("slow-body-none", "9110 15.5.9", SHOULD, post(b"Content-Length: 10\r\n"), slow_body)
    yield Case(
        "slow-chunks", "9110 15.5.9", SHOULD, post(b"Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n"), slow_body
    )
    yield Case("slow-chunk-size", "9110 15.5.9", SHOULD, post(b"Transfer-Encoding: chunked\r\n", b"3"), slow_body)
    yield Case("slow-trailer", "9110 15.5.9", SHOULD, post(b"Transfer-Encoding: chunked\r\n", b"0\r\nX-A"), slow_body)
    yield Case(
        "slow-expect",
        "9110 10.1.1",
        SHOULD,
        (post(b"Expect: 100-continue\r\nContent-Length: 3\r\n"), INTERIM),
        slow_body,
    )
    yield Case(
        "slow-body-in-time",
        "9110 15.5.9",
        SHOULD,
        (post(b"Content-Length: 6\r\n"), *[step for _ in range(6) for step in (Pause(0.55), b"a")]),
        served(body=b"aaaaaa", kept=True),
    )
    yield Case("idle-after-answer", "9112 9.5", SHOULD, (get(), ANSWER), idle_closed, answers=2, probe=False)
    yield Case(
        "idle-used-in-time",
        "9112 9.3",
        SHOULD,
        (get(), ANSWER, Pause(0.2), get(), ANSWER, Pause(0.2), get()),
        served(count=3, kept=True),
        answers=3,
    )
    yield Case(
        "idle-then-slow-second",
        "9110 15.5.9",
        SHOULD,
        (get(), ANSWER, b"GET {p}/y HT"),
        refused(408, before=1),
        answers=2,
    )
    yield Case("slow-then-shut", "9112 9.6", SHOULD, (b"GET {p}/x HT", SHUT), either(gone, refused(400)), probe=False)


def silent_end(seen):
    if seen.finals or not seen.ended or seen.heard:
        yield f"{[reply.status for reply in seen.finals]}, {seen.ended}"


def slow_body(seen):
    if [reply.status for reply in seen.finals] != [408] or not seen.ended:
        yield f"{[reply.status for reply in seen.finals]}, {seen.ended}"
    if any(request.whole for request in seen.heard):
        yield "the origin got a whole request"


def idle_closed(seen):
    if [reply.status for reply in seen.finals] != [200] or not seen.ended:
        yield f"{[reply.status for reply in seen.finals]}, {seen.ended}"


CASES = [*sizes(), *times()]
