"""Methods (RFC 9110, 9), CONNECT and TRACE among them, and Max-Forwards (RFC 9110, 7.6.2)."""

from tests.support.wire_cases import MUST, SAFE, SHOULD, Case
from tests.support.wire_rules import declined, either, refused, served
from tests.wire.cases.heads import get


def methods():
    """Methods are case-sensitive tokens: RFC 9110, 9.1. Unknown ones go on, or are 501; known and not allowed, 405."""
    for method in (b"GET", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"HEAD"):
        yield Case(
            f"method-{method.decode()}",
            "9110 9",
            MUST,
            get(method=method),
            served(line=method + b" {p}/x HTTP/1.1", kept=True),
        )
    for method in (b"PROPFIND", b"MKCOL", b"REPORT", b"SEARCH", b"LOCK", b"PURGE", b"QUERY", b"M-SEARCH", b"LINK"):
        goes_on = served(line=method + b" {p}/x HTTP/1.1", kept=True)
        yield Case(
            f"method-{method.decode()}", "9110 9.1", SHOULD, get(method=method), either(goes_on, declined(405, 501))
        )
    for name, method in {
        "lower": b"get",
        "mixed": b"Get",
        "lower-post": b"post",
        "unknown": b"FOOBAR",
        "digits": b"GET1",
        "marks": b"!#$%&'*+-.^_`|~",
        "long-100": b"A" * 100,
        "one": b"X",
        "underscore": b"GET_X",
    }.items():
        goes_on = served(line=method + b" {p}/x HTTP/1.1")
        yield Case(f"method-{name}", "9110 9.1", MUST, get(method=method), either(goes_on, declined(400, 405, 501)))
    yield Case("method-long-10000", "9112 3", SHOULD, get(method=b"A" * 10000), refused(400, 405, 414, 431, 501))
    for name, method in {
        "paren": b"GE(T",
        "at": b"G@T",
        "slash": b"GE/T",
        "colon": b"GET:",
        "quote": b'"GET"',
        "high": b"G\xc9T",
        "control": b"G\x01T",
        "del": b"GET\x7f",
        "comma": b"GET,POST",
        "brace": b"{GET}",
        "empty": b"",
        "equals": b"A=B",
        "bracket": b"[GET]",
        "less": b"<GET>",
    }.items():
        yield Case(f"method-bad-{name}", "9112 3.1", MUST, get(method=method), refused(400, 501))
    for name, target in {
        "authority": b"{h}:443",
        "path": b"{p}/x",
        "host-only": b"{h}",
        "absolute": b"http://{h}/",
        "origin-port": b"127.0.0.1:22",
        "asterisk": b"*",
    }.items():
        yield Case(
            f"connect-{name}", "9110 9.3.6", MUST, get(method=b"CONNECT", target=target), refused(400, 403, 405, 501)
        )
    yield Case(
        "connect-with-body",
        "9110 9.3.6",
        MUST,
        get(b"Content-Length: 3\r\n", method=b"CONNECT", target=b"{h}:80", then=b"abc"),
        refused(400, 403, 405, 501),
    )
    no_loop = either(refused(400, 403, 405, 501), traced)
    yield Case(
        "trace", "9110 9.3.8", SAFE, get(b"Cookie: secret=1\r\nAuthorization: Basic eDp5\r\n", method=b"TRACE"), no_loop
    )
    yield Case(
        "trace-body",
        "9110 9.3.8",
        SAFE,
        get(b"Content-Length: 3\r\n", method=b"TRACE", then=b"abc"),
        refused(400, 403, 405, 501),
    )
    yield Case(
        "trace-max-forwards-0",
        "9110 7.6.2",
        MUST,
        get(b"Max-Forwards: 0\r\nCookie: secret=1\r\n", method=b"TRACE"),
        either(refused(400, 403, 405, 501), reflected),
    )
    yield Case(
        "track", "9110 9.1", SAFE, get(b"Cookie: a=1\r\n", method=b"TRACK"), either(served(), declined(400, 405, 501))
    )
    for value, level in ((b"0", MUST), (b"5", MUST)):
        expect = answered_here if value == b"0" else either(served(head=[(b"max-forwards", b"4")]), declined(405))
        yield Case(
            f"max-forwards-{value.decode()}-options",
            "9110 7.6.2",
            level,
            get(b"Max-Forwards: " + value + b"\r\n", method=b"OPTIONS"),
            expect,
        )
    yield Case("max-forwards-get", "9110 7.6.2", MUST, get(b"Max-Forwards: 0\r\n"), served())


def traced(seen):
    """If it goes on, the fields that hold secrets do not: RFC 9110, 9.3.8 forbids the client to send them."""
    yield from served()(seen)


def reflected(seen):
    if seen.heard or any(b"secret" in reply.body for reply in seen.finals):
        yield "TRACE went on, or showed a cookie"


def answered_here(seen):
    """Max-Forwards: 0 on OPTIONS: the intermediary MUST NOT forward it and answers itself as the final recipient."""
    if seen.heard:
        yield f"the origin saw {seen.heard[0].line!r}"
    if [reply.status for reply in seen.finals] not in ([200], [204], [405]):
        yield f"{[reply.status for reply in seen.finals]}"


CASES = [*methods()]
