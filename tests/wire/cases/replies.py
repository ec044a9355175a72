"""What an origin answers, and what of it a client may see: RFC 9112, 4, 6 and 7; RFC 9110, 6, 8 and 15.

Whatever is odd about a reply, its connection is never used again: the runner's last request would find out.
"""

from tests.support.wire_cases import MUST, SAFE, SHOULD, Case
from tests.support.wire_origin import CLOSE, HOLD, Drip
from tests.support.wire_rules import alone, both, either, served

GET = b"GET {p}/x HTTP/1.1\r\nHost: {h}\r\n\r\n"

HEAD = b"HEAD {p}/x HTTP/1.1\r\nHost: {h}\r\n\r\n"

POST = b"POST {p}/x HTTP/1.1\r\nHost: {h}\r\nContent-Length: 3\r\n\r\nabc"

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

EVIL = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"


def reply(fields=b"Content-Length: 2\r\n", body=b"ok", *, status=b"200 OK", version=b"HTTP/1.1"):
    return version + b" " + status + b"\r\n" + fields + b"\r\n" + body


ODD = ("extra-", "with-body", "with-reply", "not-closed", "close-delimited")
"""Parts of names of cases whose answer is passed on, and whose connection is not used again."""


def case(name, rfc, level, raw, expect, *, sent=GET, then=(), **more):
    if any(part in name for part in ODD) and not name.startswith("205"):
        expect = both(expect, alone)
    return Case(f"reply-{name}", rfc, level, sent, expect, origin=((raw, *then),), **more)


def bad(seen):
    """502 in a problem document, or nothing but the end of the connection; never a byte of what the origin meant."""
    yield from alone(seen)
    statuses = [each.status for each in seen.finals]
    if statuses not in ([502], []):
        yield f"{statuses}, not 502"
    if not seen.finals and not seen.ended:
        yield "no answer and no end"
    if any(b"evil" in each.body for each in seen.finals):
        yield "the client saw what the origin smuggled"


def cut(status=200):
    """The head has gone out: the body ends by the end of the connection, and the client can tell."""

    def check(seen):
        yield from alone(seen)
        if not seen.finals:
            return
        last = seen.finals[-1]
        if last.status not in (status, 502):
            yield f"{last.status}"
        if last.status == status and (last.whole or not seen.ended):
            yield f"half a body looks whole: {last.body[:100]!r}, {seen.ended}"
        if len(seen.finals) > 1 or b"evil" in last.body:
            yield "the client saw what the origin smuggled"

    return check


BAD_OR_CUT = either(bad, cut())


def status_lines():
    for name, line in {
        "garbage": b"hello\r\n\r\n",
        "no-version": b"200 OK\r\n\r\n",
        "2.0": b"HTTP/2.0 200 OK\r\n\r\n",
        "0.9": b"HTTP/0.9 200 OK\r\n\r\n",
        "lower": b"http/1.1 200 OK\r\n\r\n",
        "two-digits": b"HTTP/1.1 20 OK\r\n\r\n",
        "four-digits": b"HTTP/1.1 2000 OK\r\n\r\n",
        "status-0": b"HTTP/1.1 000 OK\r\n\r\n",
        "letters": b"HTTP/1.1 2xx OK\r\n\r\n",
        "negative": b"HTTP/1.1 -20 OK\r\n\r\n",
        "plus": b"HTTP/1.1 +20 OK\r\n\r\n",
        "hex": b"HTTP/1.1 0xC OK\r\n\r\n",
        "no-status": b"HTTP/1.1\r\n\r\n",
        "no-space": b"HTTP/1.1200 OK\r\n\r\n",
        "two-spaces": b"HTTP/1.1  200 OK\r\n\r\n",
        "nul": b"HTTP/1.1 200 O\x00K\r\n\r\n",
        "cr-in-reason": b"HTTP/1.1 200 O\rK\r\n\r\n",
        "leading-space": b" HTTP/1.1 200 OK\r\n\r\n",
        "request": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "icy": b"ICY 200 OK\r\n\r\n",
        "html": b"<html>evil</html>",
        "tls": b"\x15\x03\x01\x00\x02\x02\x46",
        "ssh": b"SSH-2.0-OpenSSH_9\r\n",
        "1.10": b"HTTP/1.10 200 OK\r\n\r\n",
        "tab": b"HTTP/1.1\t200\tOK\r\n\r\n",
        "control-in-reason": b"HTTP/1.1 200 O\x01K\r\n\r\n",
        "status-600-plus": b"HTTP/1.1 999 Odd\r\nContent-Length: 4\r\n\r\nevil",
    }.items():
        yield case(f"status-{name}", "9112 4", MUST, line, bad, then=(CLOSE,))
    for name, line in {
        "no-reason": b"200 ",
        "reason-words": b"200 All is well",
        "reason-latin1": b"200 caf\xe9",
        "reason-other": b"200 Not Found",
        "299": b"299 Odd",
        "418": b"418 I'm a teapot",
        "599": b"599 Odd",
    }.items():
        status = int(line[:3])
        yield case(
            f"status-good-{name}", "9112 4", MUST, reply(status=line), served(status, reply_body=b"ok", kept=True)
        )
    yield case(
        "status-no-reason-no-space",
        "9112 4",
        SHOULD,
        reply(status=b"200"),
        either(served(reply_body=b"ok"), bad),
        then=(CLOSE,),
    )
    yield case(
        "status-1.2",
        "9110 2.5",
        SHOULD,
        reply(version=b"HTTP/1.2"),
        either(served(reply_body=b"ok"), bad),
        then=(CLOSE,),
    )
    yield case(
        "status-empty-line-before",
        "9112 2.2",
        SAFE,
        b"\r\n" + reply(),
        either(served(reply_body=b"ok"), bad),
        then=(CLOSE,),
    )
    for status in (400, 401, 403, 404, 405, 408, 409, 410, 413, 421, 429, 451, 500, 501, 502, 503, 504, 505):
        yield case(
            f"status-{status}",
            "9110 15",
            MUST,
            reply(status=b"%d X" % status, fields=b"Content-Length: 2\r\nAllow: GET\r\n"),
            served(status, reply_body=b"ok", kept=True),
        )
    for status in (301, 302, 303, 307, 308, 300):
        yield case(
            f"status-{status}",
            "9110 15.4",
            MUST,
            reply(status=b"%d X" % status, fields=b"Content-Length: 2\r\nLocation: /y\r\n"),
            served(status, has=[(b"location", b"/y")], kept=True),
        )
    for status in (201, 202, 203, 206, 207):
        yield case(
            f"status-{status}",
            "9110 15.3",
            MUST,
            reply(status=b"%d X" % status),
            served(status, reply_body=b"ok", kept=True),
        )


def field_lines():
    for name, line in {
        "space-before-colon": b"X-A : b",
        "no-colon": b"X-A",
        "empty-name": b": b",
        "space-in-name": b"X A: b",
        "nul-in-name": b"X\x00A: b",
        "nul": b"X-A: \x00",
        "bare-cr": b"X-A: a\rSet-Cookie: evil",
        "control-name": b"X\x01: b",
        "high-name": b"X-\xe9: b",
        "length-space": b"Content-Length : 9",
        "coding-space": b"Transfer-Encoding : chunked",
        "lf-injection": b"X-A: b\nSet-Cookie: evil=1",
        "paren-name": b"X(A): b",
        "coding-nul": b"Transfer-Encoding\x00: chunked",
    }.items():
        # RFC 9112, 5.1: whitespace before a reply's colon is removed; RFC 9110, 5.5: NUL, CR, LF: reject or replace
        mended = both(served(reply_body=b"ok"), no_evil) if name in ("space-before-colon", "nul", "bare-cr") else bad
        yield case(
            f"field-{name}", "9112 5.1", MUST, reply(b"Content-Length: 2\r\n" + line + b"\r\n"), either(bad, mended)
        )
    for name, line in {"control-1": b"X-A: a\x01b", "del": b"X-A: a\x7fb", "vertical-tab": b"X-A: a\x0bb"}.items():
        yield case(
            f"field-{name}",
            "9110 5.5",
            SAFE,
            reply(b"Content-Length: 2\r\n" + line + b"\r\n"),
            either(bad, served()),
            waives=("field line",),
        )
    for name, fold in {
        "space": b"X-A: a\r\n b",
        "tab": b"X-A: a\r\n\tb",
        "length": b"X-A: b\r\n Content-Length: 9",
        "first": b" X-A: b",
    }.items():
        # RFC 9112, 5.2: a proxy MUST discard the reply (502) or replace the fold by spaces
        fields = fold + b"\r\nContent-Length: 2\r\n" if name == "first" else b"Content-Length: 2\r\n" + fold + b"\r\n"
        yield case(f"fold-{name}", "9112 5.2", MUST, reply(fields), either(bad, unfolded) if name != "first" else bad)
    for name, raw in {
        "all": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
        "one": b"HTTP/1.1 200 OK\r\nX-A: b\nContent-Length: 2\r\n\r\nok",
        "end": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\nok",
    }.items():
        yield case(f"lf-{name}", "9112 2.2", SAFE, raw, either(bad, served(reply_body=b"ok")), then=(CLOSE,))
    for name, line, field, value in [
        ("unknown", b"X-Odd: v", b"x-odd", b"v"),
        ("empty", b"X-Odd:", b"x-odd", b""),
        ("latin1", b"X-Odd: caf\xe9", b"x-odd", b"caf\xe9"),
        ("etag", b'ETag: W/"a"', b"etag", b'W/"a"'),
        ("vary", b"Vary: *", b"vary", b"*"),
        ("content-encoding", b"Content-Encoding: gzip", b"content-encoding", b"gzip"),
        ("accept-ranges", b"Accept-Ranges: bytes", b"accept-ranges", b"bytes"),
        ("warning", b'Warning: 110 - "a"', b"warning", b'110 - "a"'),
        ("age", b"Age: 5", b"age", b"5"),
        ("www-authenticate", b'WWW-Authenticate: Basic realm="a"', b"www-authenticate", b'Basic realm="a"'),
        ("server", b"Server: origin/1", b"server", b"origin/1"),
        (
            "last-modified",
            b"Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT",
            b"last-modified",
            b"Mon, 01 Jan 2024 00:00:00 GMT",
        ),
        ("alt-svc", b"Content-Language: de", b"content-language", b"de"),
    ]:
        yield case(
            f"passes-{name}",
            "9110 7.6",
            MUST,
            reply(b"Content-Length: 2\r\n" + line + b"\r\n"),
            served(has=[(field, value)], kept=True),
        )
    yield case(
        "set-cookie-twice",
        "6265 3",
        MUST,
        reply(b"Content-Length: 2\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2; Expires=Wed, 01 Jan 2031 00:00:00 GMT\r\n"),
        two_cookies,
    )
    for name, line in {
        "keep-alive": b"Keep-Alive: timeout=5",
        "proxy-connection": b"Proxy-Connection: keep-alive",
        "te": b"TE: gzip",
        "trailer": b"Trailer: X-Sum",
        "upgrade": b"Upgrade: h2c",
        "proxy-authenticate": b"Proxy-Authenticate: Basic",
    }.items():
        yield case(
            f"hop-{name}",
            "9110 7.6.1",
            MUST,
            reply(b"Content-Length: 2\r\n" + line + b"\r\n"),
            served(reply_lacks=[line.split(b":")[0].lower()], kept=True),
        )
    for name, options in {"one": b"X-Secret", "list": b"keep-alive, x-secret", "case": b"X-SECRET"}.items():
        yield case(
            f"named-{name}",
            "9110 7.6.1",
            MUST,
            reply(b"Content-Length: 2\r\nConnection: " + options + b"\r\nX-Secret: 1\r\n"),
            served(reply_lacks=[b"x-secret"], kept=True),
        )
    yield case(
        "named-length",
        "9110 7.6.1",
        SAFE,
        reply(b"Connection: content-length\r\nContent-Length: 2\r\n"),
        either(bad, served(reply_body=b"ok")),
    )
    yield case(
        "named-set-cookie",
        "9110 7.6.1",
        SAFE,
        reply(b"Connection: set-cookie\r\nSet-Cookie: a=1\r\nContent-Length: 2\r\n"),
        served(reply_body=b"ok"),
    )
    yield case(
        "connection-close",
        "9112 9.6",
        MUST,
        reply(b"Connection: close\r\nContent-Length: 2\r\n"),
        served(kept=True),
        then=(CLOSE,),
    )
    yield case(
        "connection-close-not-closed",
        "9112 9.6",
        MUST,
        reply(b"Connection: close\r\nContent-Length: 2\r\n"),
        served(kept=True),
        then=(HOLD,),
    )
    yield case(
        "1.0-connection-not-closed",
        "9112 9.3",
        MUST,
        reply(version=b"HTTP/1.0"),
        served(reply_body=b"ok", kept=True),
        then=(HOLD,),
    )
    yield case(
        "date-kept",
        "9110 6.6.1",
        MUST,
        reply(b"Content-Length: 2\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\n"),
        served(has=[(b"date", b"Mon, 01 Jan 2024 00:00:00 GMT")]),
    )
    yield case("date-added", "9110 6.6.1", MUST, reply(), served())
    yield case(
        "date-twice",
        "9110 5.3",
        SAFE,
        reply(b"Content-Length: 2\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\n"),
        either(served(), bad),
    )
    yield case(
        "own-fields",
        "design",
        SAFE,
        reply(b"Content-Length: 2\r\nX-Gateway-Side: evil\r\n"),
        served(reply_lacks=[b"x-gateway-side"]),
    )
    yield case(
        "head-huge",
        "9110 5.4",
        SAFE,
        reply(b"X-A: " + b"a" * 300000 + b"\r\nContent-Length: 2\r\n"),
        bad,
        then=(CLOSE,),
    )
    yield case(
        "head-many", "9110 5.4", SAFE, reply(b"X-A: b\r\n" * 20000 + b"Content-Length: 2\r\n"), bad, then=(CLOSE,)
    )
    yield case(
        "head-32k",
        "9110 5.4",
        SHOULD,
        reply(b"Set-Cookie: a=" + b"a" * 4000 + b"\r\nX-A: " + b"b" * 20000 + b"\r\nContent-Length: 2\r\n"),
        served(reply_body=b"ok"),
    )
    yield case(
        "head-dripped",
        "9112 2.1",
        MUST,
        Drip(reply(b"Content-Length: 2\r\nX-A: b\r\n")),
        served(reply_body=b"ok", has=[(b"x-a", b"b")], kept=True),
    )


def no_evil(seen):
    for each in seen.finals:
        if each.values(b"set-cookie"):
            yield "a field was injected"


def unfolded(seen):
    yield from served(reply_body=b"ok")(seen)


def two_cookies(seen):
    yield from served()(seen)
    values = seen.finals[0].values(b"set-cookie") if seen.finals else []
    if values != [b"a=1", b"b=2; Expires=Wed, 01 Jan 2031 00:00:00 GMT"]:
        yield f"the client saw {values}"


CASES = [*status_lines(), *field_lines()]
