"""What a hop removes and adds: RFC 9110, 7.6."""

from tests.support.wire_cases import MUST, SAFE, SHOULD, Case
from tests.support.wire_rules import both, declined, either, refused, served

GATEWAY = {"keys": 'trusted_proxies: ["127.0.9.0/24"]\nexpose_decision: true'}

REFUSED = refused(400)


def get(fields=b"", *, method=b"GET", version=b"1.1", body=b""):
    return method + b" {p}/x HTTP/" + version + b"\r\nHost: {h}\r\n" + fields + b"\r\n" + body


def removed(*names, kept=None):
    return served(lacks=names, kept=kept)


def hop_by_hop():
    for name, line in {
        "keep-alive": b"Keep-Alive: timeout=5, max=100",
        "proxy-connection": b"Proxy-Connection: keep-alive",
        "te": b"TE: trailers",
        "te-gzip": b"TE: gzip;q=1, trailers",
        "trailer": b"Trailer: X-Sum",
        "upgrade-h2c": b"Upgrade: h2c",
        "proxy-authorization": b"Proxy-Authorization: Basic eDp5",
        "proxy-authenticate": b"Proxy-Authenticate: Basic",
        "proxy-authentication-info": b"Proxy-Authentication-Info: x",
        "http2-settings": b"HTTP2-Settings: AAMAAABkAAQAAP__",
        "te-deflate": b"TE: deflate",
    }.items():
        field = line.split(b":")[0].lower()
        mine = field in (b"proxy-authentication-info", b"http2-settings")
        expect = removed(field)
        # Connection must name these two; alone they are no fields of the hop
        yield Case(
            f"hop-{name}",
            "9110 7.6.1",
            SHOULD if mine else MUST,
            get(line + b"\r\n"),
            either(expect, served()) if mine else expect,
        )
        named = b"Connection: " + line.split(b":")[0] + b"\r\n" + line + b"\r\n"
        yield Case(f"hop-named-{name}", "9110 7.6.1", MUST, get(named), either(expect, declined(400, 501)))
    yield Case(
        "hop-h2c-upgrade",
        "9110 7.8",
        MUST,
        get(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"),
        either(removed(b"upgrade", b"http2-settings"), declined(400, 501)),
    )
    yield Case("hop-upgrade-without-connection", "9110 7.8", MUST, get(b"Upgrade: foo/2\r\n"), removed(b"upgrade"))
    yield Case(
        "hop-upgrade-websocket-without-connection",
        "9110 7.8",
        MUST,
        get(b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"),
        either(removed(b"upgrade"), refused(400)),
    )
    yield Case(
        "hop-upgrade-1.0",
        "9110 7.8",
        MUST,
        get(b"Connection: Upgrade\r\nUpgrade: foo\r\n", version=b"1.0"),
        either(removed(b"upgrade"), declined(400, 501)),
    )
    for name, options, line, field in [
        ("one", b"X-Secret", b"X-Secret: 1", b"x-secret"),
        ("case", b"x-SECRET", b"X-Secret: 1", b"x-secret"),
        ("list", b"keep-alive, X-Secret", b"X-Secret: 1", b"x-secret"),
        ("no-space", b"close,X-Secret", b"X-Secret: 1", b"x-secret"),
        ("empty-elements", b",, X-Secret ,,", b"X-Secret: 1", b"x-secret"),
        ("tab", b"keep-alive,\tX-Secret\t", b"X-Secret: 1", b"x-secret"),
        ("repeated-field", b"X-Secret", b"X-Secret: 1\r\nX-Secret: 2", b"x-secret"),
        ("accept", b"Accept", b"Accept: */*", b"accept"),
        ("cache-control", b"Cache-Control", b"Cache-Control: no-cache", b"cache-control"),
        ("user-agent", b"User-Agent", b"User-Agent: a", b"user-agent"),
        ("dash", b"X-A-B-C", b"X-A-B-C: 1", b"x-a-b-c"),
        ("absent", b"X-Absent", b"X-Other: 1", b"x-absent"),
    ]:
        yield Case(
            f"named-{name}",
            "9110 7.6.1",
            MUST,
            get(b"Connection: " + options + b"\r\n" + line + b"\r\n"),
            removed(field, b"connection"),
        )
    yield Case(
        "named-two-lines",
        "9110 7.6.1",
        MUST,
        get(b"Connection: X-A\r\nX-A: 1\r\nConnection: X-B\r\nX-B: 2\r\n"),
        removed(b"x-a", b"x-b", b"connection", kept=True),
    )
    yield Case("named-behind", "9110 7.6.1", MUST, get(b"X-A: 1\r\nConnection: X-A\r\n"), removed(b"x-a"))
    yield Case("named-1.0", "9110 7.6.1", MUST, get(b"Connection: X-A\r\nX-A: 1\r\n", version=b"1.0"), removed(b"x-a"))
    # hop-by-hop abuse: a client must not make the gateway drop what guards or identifies
    yield Case(
        "abuse-host",
        "9110 7.6.1",
        MUST,
        get(b"Connection: host\r\n"),
        either(REFUSED, served(head=[(b"host", b"{h}")])),
    )
    yield Case(
        "abuse-cookie",
        "9110 7.6.1",
        SAFE,
        get(b"Connection: cookie\r\nCookie: a=1\r\n"),
        either(REFUSED, served(head=[(b"cookie", b"a=1")]), removed(b"cookie")),
    )
    yield Case(
        "abuse-authorization",
        "9110 7.6.1",
        SAFE,
        get(b"Connection: authorization\r\nAuthorization: Basic eDp5\r\n"),
        either(REFUSED, served(head=[(b"authorization", b"Basic eDp5")]), removed(b"authorization")),
    )
    yield Case(
        "abuse-content-length",
        "9112 6.3",
        SAFE,
        get(b"Connection: close, content-length\r\nContent-Length: 3\r\n", method=b"POST", body=b"abc"),
        either(REFUSED, served(body=b"abc", kept=False)),
    )
    yield Case(
        "abuse-transfer-encoding",
        "9112 6.3",
        SAFE,
        get(
            b"Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n",
            method=b"POST",
            body=b"3\r\nabc\r\n0\r\n\r\n",
        ),
        either(REFUSED, served(body=b"abc")),
    )
    yield Case(
        "abuse-content-type",
        "9110 7.6.1",
        MUST,
        get(b"Connection: content-type\r\nContent-Type: a/b\r\nContent-Length: 1\r\n", method=b"POST", body=b"x"),
        either(served(body=b"x"), REFUSED),
    )
    for field in (b"X-Forwarded-For", b"X-Forwarded-Proto", b"X-Forwarded-Host", b"Forwarded", b"Via", b"X-Request-Id"):
        expect = served(head=[] if field != b"X-Forwarded-For" else [(b"x-forwarded-for", b"{a}")])
        yield Case(
            f"abuse-{field.decode().lower()}",
            "9110 7.6.1",
            SAFE,
            get(b"Connection: close, " + field + b"\r\n"),
            both(expect, kept(field.lower())),
        )
    for name, options in {
        "bad-token": b"a b",
        "quoted": b'"close"',
        "nul": b"close\x00",
        "empty": b"",
        "many": b", ".join([b"a"] * 500),
        "connection": b"connection",
        "control": b"clo\x01se",
    }.items():
        yield Case(
            f"connection-{name}",
            "9110 7.6.1",
            SAFE,
            get(b"Connection: " + options + b"\r\n"),
            either(served(lacks=[b"connection"]), REFUSED) if name != "nul" else REFUSED,
        )


def kept(name):
    def check(seen):
        if seen.heard and not seen.heard[0].values(name):
            yield f"a client could make the gateway drop its {name!r}"

    return check


def via():
    yield Case("via-added", "9110 7.6.3", MUST, get(), has_via())
    yield Case(
        "via-appended",
        "9110 7.6.3",
        MUST,
        get(b"Via: 1.0 fred, 1.1 p.example.net\r\n"),
        has_via(b"1.0 fred, 1.1 p.example.net"),
    )
    yield Case(
        "via-two-lines", "9110 7.6.3", MUST, get(b"Via: 1.0 fred\r\nVia: 1.1 b\r\n"), has_via(b"1.0 fred", b"1.1 b")
    )
    yield Case("via-1.0", "9110 7.6.3", MUST, get(version=b"1.0"), received_as(b"1.0"))


def has_via(*before):
    def check(seen):
        yield from served()(seen)
        joined = b", ".join(seen.heard[0].values(b"via")) if seen.heard else b""
        if not joined.startswith(b", ".join(before)) or joined.count(b",") != b",".join(before).count(b",") + bool(
            before
        ):
            yield f"Via {joined!r}"

    return check


def received_as(version):
    """Via tells the protocol version of the message as it was received."""

    def check(seen):
        yield from served()(seen)
        last = b", ".join(seen.heard[0].values(b"via")).split(b",")[-1].strip() if seen.heard else b""
        if not last.startswith((version + b" ", b"HTTP/" + version + b" ")):
            yield f"Via {last!r} of a request in {version!r}"

    return check


def passing():
    """What is not of the hop goes on as it is."""
    for name, line in {
        "user-agent": b"User-Agent: a/1 (b)",
        "accept": b"Accept: text/html, */*;q=0.1",
        "accept-encoding": b"Accept-Encoding: gzip, br",
        "authorization": b"Authorization: Bearer a.b.c",
        "if-none-match": b'If-None-Match: "a", W/"b"',
        "range": b"Range: bytes=0-1",
        "origin": b"Origin: https://a.test",
        "referer": b"Referer: https://a.test/x",
        "cache-control": b"Cache-Control: no-store",
        "pragma": b"Pragma: no-cache",
        "unknown": b"X-Custom-Thing: v",
        "accept-language": b"Accept-Language: de",
        "if-modified-since": b"If-Modified-Since: Mon, 01 Jan 2024 00:00:00 GMT",
        "cookie": b"Cookie: a=b; c=d",
        "from": b"From: a@b.test",
        "content-type": b"Content-Type: application/json",
        "content-encoding": b"Content-Encoding: gzip",
        "content-md5": b"Content-MD5: x",
        "early-data": b"Early-Data: 1",
        "sec-fetch": b"Sec-Fetch-Mode: cors",
        "priority": b"Priority: u=1",
        "method-override": b"X-HTTP-Method-Override: DELETE",
        "date": b"Date: Mon, 01 Jan 2024 00:00:00 GMT",
    }.items():
        field, _, value = line.partition(b": ")
        yield Case(
            f"passes-{name}", "9110 7.6", MUST, get(line + b"\r\n"), served(head=[(field.lower(), value)], kept=True)
        )
    yield Case(
        "adds-nothing",
        "9110 7.7",
        SAFE,
        get(),
        removed(
            b"user-agent",
            b"accept",
            b"accept-encoding",
            b"content-length",
            b"transfer-encoding",
            b"connection",
            kept=True,
        ),
    )
    yield Case(
        "no-transform",
        "9110 7.7",
        MUST,
        get(b"Cache-Control: no-transform\r\nContent-Length: 3\r\n", method=b"PUT", body=b"abc"),
        served(body=b"abc", head=[(b"cache-control", b"no-transform")]),
    )
    yield Case(
        "request-id-kept",
        "design",
        SHOULD,
        get(b"X-Request-Id: abc-123\r\n"),
        served(head=[(b"x-request-id", b"abc-123")], has=[(b"x-request-id", b"abc-123")]),
    )
    for name, value in {"spaces": b"a b", "long": b"a" * 500, "quotes": b'a"b', "angle": b"<script>"}.items():
        yield Case(
            f"request-id-bad-{name}", "design", SAFE, get(b"X-Request-Id: " + value + b"\r\n"), other_request_id(value)
        )


def other_request_id(value):
    def check(seen):
        yield from served()(seen)
        if seen.heard and value in seen.heard[0].values(b"x-request-id"):
            yield "the client's request id goes on"

    return check


CASES = [*hop_by_hop(), *via(), *passing()]
