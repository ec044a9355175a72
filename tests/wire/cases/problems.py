"""What the gateway answers itself: problem documents (RFC 9457), fields that go with a status, nothing reflected."""

from tests.support.wire_cases import MUST, SAFE, SHOULD, Case
from tests.support.wire_client import ANSWER, HEARD, Pause
from tests.support.wire_origin import CLOSE, HOLD, Think
from tests.support.wire_rules import PROBLEM, both, declined, either, refused, served

GATEWAY = {"upstream_keys": ", first_byte_timeout_seconds: 3, total_timeout_seconds: 4"}
EVIL = b"<script>alert(1)</script>"


def get(fields=b"", *, target=b"{p}/x", method=b"GET", host=b"Host: {h}\r\n"):
    return method + b" " + target + b" HTTP/1.1\r\n" + host + fields + b"\r\n"


def answered(status, *, has=(), kept=None):
    """One problem document with this status, and fields that go with it."""

    def check(seen):
        if [reply.status for reply in seen.finals] != [status]:
            yield f"{[reply.status for reply in seen.finals]}, not {status}"
            return
        reply = seen.finals[0]
        if PROBLEM not in reply.values(b"content-type"):
            yield f"no problem document: {reply.fields}"
        if b"no-store" not in reply.tokens(b"cache-control"):
            yield "an error that caches may keep"
        for name in has:
            if not reply.values(name):
                yield f"{status} without {name!r}"
        if kept is not None and kept is not bool(seen.probe):
            yield f"the connection is {'closed' if kept else 'kept'}"

    return check


def reflects_nothing(seen):
    """Nothing of what a client sends comes back in an answer of ours."""
    for reply in seen.finals:
        text = reply.reason + reply.body + b"".join(name + value for name, value in reply.fields)
        if b"script" in text or b"alert" in text:
            yield f"the answer repeats the request: {reply.body!r}"


def statuses():
    yield Case("502-refused", "9110 15.6.3", MUST, get(), answered(502), dead=True, after=False, probe=False)
    yield Case("502-closed", "9110 15.6.3", MUST, get(method=b"POST"), answered(502, kept=True), origin=((CLOSE,),))
    yield Case("502-nonsense", "9110 15.6.3", MUST, get(), answered(502, kept=True), origin=((b"evil\r\n\r\n", CLOSE),))
    yield Case("504-silence", "9110 15.6.5", MUST, get(), answered(504, kept=True), origin=((HOLD,),))
    trickle = tuple(step for _ in range(20) for step in (Think(0.1), b"H"))
    yield Case("504-trickle", "9110 15.6.5", SHOULD, get(), either(answered(504), answered(502)), origin=(trickle,))
    for method in (b"CONNECT", b"TRACE"):
        raw = get(method=method, target=b"{h}:80" if method == b"CONNECT" else b"{p}/x")
        expect = both(refused(405), answered(405, has=[b"allow"]))
        yield Case(f"405-{method.decode()}", "9110 15.5.6", MUST, raw, expect)
    yield Case("400", "9110 15.5.1", MUST, get(b"X A: b\r\n"), both(refused(400), answered(400)))
    yield Case("501-coding", "9112 6.1", SHOULD, get(b"Transfer-Encoding: gzip, chunked\r\n"), refused(501))
    yield Case("505", "9110 15.6.6", MUST, get().replace(b"HTTP/1.1", b"HTTP/2.0"), refused(505))
    yield Case("414", "9110 15.5.15", MUST, get(target=b"{p}/" + b"a" * 20000), both(refused(414), answered(414)))
    yield Case("431", "6585 5", MUST, get(b"X-A: " + b"a" * 40000 + b"\r\n"), both(refused(431), answered(431)))
    raw = get(b"Content-Length: 20\r\n", method=b"POST")
    yield Case("413-route", "9110 15.5.14", MUST, raw, refused(413), route=", max_body_bytes: 10")
    raw = get(b"Expect: nonsense\r\n")
    yield Case("417", "9110 15.5.18", SHOULD, raw, both(refused(417), answered(417)))
    raw = get(b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")
    expect = answered(426, has=[b"upgrade", b"sec-websocket-version"])
    yield Case("426", "9110 15.5.22", MUST, raw, either(expect, answered(400)))
    full = (get(method=b"POST") + get(method=b"POST"), HEARD)
    yield Case(
        "503-full", "9110 15.6.4", SHOULD, full, anything_then_retry_after, answers=2, upstream=", max_in_flight: 1"
    )
    for status, reply in {"502": b"evil\r\n\r\n", "504": b""}.items():
        raw = get(method=b"HEAD")
        script = (reply, CLOSE) if reply else (HOLD,)
        yield Case(f"head-{status}", "9110 9.3.2", MUST, raw, head_only(int(status)), origin=(script,))
    yield Case("head-405", "9110 9.3.2", MUST, get(method=b"HEAD", target=b"*"), head_only(400))
    yield Case("head-400", "9110 9.3.2", MUST, get(b"X A: b\r\n", method=b"HEAD"), head_only(400))
    yield Case("head-431", "9110 9.3.2", MUST, get(b"X: " + b"a" * 50000 + b"\r\n", method=b"HEAD"), head_only(431))
    yield Case("404-kept-then-served", "9112 9.3", MUST, get(target=b"//"), either(declined(400, 404), served()))


def anything_then_retry_after(seen):
    for reply in seen.finals:
        if reply.status == 503 and not reply.values(b"retry-after"):
            yield "503 without Retry-After"


def head_only(status):
    """The head of a problem document, its length too, and no body."""

    def check(seen):
        if [reply.status for reply in seen.finals] != [status] or seen.rest:
            yield f"{[reply.status for reply in seen.finals]} {seen.rest!r}"
        elif PROBLEM not in seen.finals[0].values(b"content-type"):
            yield f"{seen.finals[0].fields}"

    return check


def reflection():
    for name, raw in {
        "target": get(target=b"{p}/" + EVIL + b" "),
        "query": get(target=b"{p}/x?q=" + EVIL, host=b""),
        "method": get(method=EVIL),
        "host": get(host=b"Host: " + EVIL + b"\r\n"),
        "field-name": get(EVIL + b": b\r\n"),
        "field-value": get(b"X-A: \x00" + EVIL + b"\r\n"),
        "version": get().replace(b"HTTP/1.1", EVIL),
        "length": get(b"Content-Length: " + EVIL + b"\r\n"),
        "coding": get(b"Transfer-Encoding: " + EVIL + b"\r\n"),
        "expect": get(b"Expect: " + EVIL + b"\r\n"),
        "request-id": get(b"X-Request-Id: " + EVIL + b"\r\nX A: b\r\n"),
        "connection": get(b"Connection: " + EVIL + b"\r\nX A: b\r\n"),
        "long-target": get(target=b"/" + EVIL * 1000),
    }.items():
        yield Case(f"reflects-{name}", "9457 5", SAFE, raw, both(gives_400s, reflects_nothing))
    chunked = b"Transfer-Encoding: chunked\r\n"
    raw = get(chunked, method=b"POST") + EVIL + b"\r\n"
    yield Case("reflects-chunk", "9457 5", SAFE, raw, both(gives_400s, reflects_nothing))
    yield Case("reflects-reply", "9457 5", SAFE, get(), reflects_nothing, origin=((EVIL + b"\r\n\r\n", CLOSE),))
    raw = get(target=b"{p}/" + b"%3Cscript%3Ealert")
    yield Case("reflects-path-of-504", "9457 5", SAFE, raw, reflects_nothing, origin=((HOLD,),))


def gives_400s(seen):
    if not seen.finals or not 400 <= seen.finals[0].status < 600:
        yield f"{[reply.status for reply in seen.finals]}"


def passing():
    """Errors of the application are its own: status, type and body pass as they are."""
    for status in (400, 404, 500, 502, 503, 504):
        body = b'{"type":"about:blank","title":"mine","status":%d}' % status
        raw = b"HTTP/1.1 %d Mine\r\nContent-Type: application/problem+json\r\nContent-Length: %d\r\n\r\n%s"
        expect = served(status, reply_body=body, has=[(b"content-type", PROBLEM)], kept=True)
        yield Case(f"passes-{status}", "9457 3", MUST, get(), expect, origin=((raw % (status, len(body), body),),))
    raw = b"HTTP/1.1 503 Mine\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"
    expect = served(503, has=[(b"retry-after", b"7")], kept=True)
    yield Case("passes-retry-after", "9110 10.2.3", MUST, get(), expect, origin=((raw,),))
    raw = b"HTTP/1.1 404 Mine\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nno"
    expect = served(404, reply_body=b"no", has=[(b"content-type", b"text/html")], kept=True)
    yield Case("passes-html", "9110 7.7", MUST, get(), expect, origin=((raw,),))
    yield Case(
        "recovers", "9110 15.6.5", MUST, (get(), ANSWER, Pause(0.05), get()), recovers, answers=2, origin=((HOLD,),)
    )


def recovers(seen):
    if [reply.status for reply in seen.finals] != [504, 200]:
        yield f"{[reply.status for reply in seen.finals]}"


CASES = [*statuses(), *reflection(), *passing()]
