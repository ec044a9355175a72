"""Who the client is, and whom to believe (RFC 7239); look-alikes of trusted fields (RFC 3875, 4.1.18)."""

from tests.support.wire_cases import SAFE, Case
from tests.support.wire_rules import either, served
from tests.wire.cases.fields import REFUSED, get, removed


def forwarded():
    """Who the client is: only the address of the connection is known, unless it is a trusted proxy's."""
    untrusted = {
        "one": b"X-Forwarded-For: 1.2.3.4",
        "list": b"X-Forwarded-For: 1.2.3.4, 5.6.7.8",
        "own": b"X-Forwarded-For: 127.0.0.1",
        "two": b"X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-For: 10.0.0.1",
        "empty": b"X-Forwarded-For:",
        "junk": b"X-Forwarded-For: '; drop",
        "case": b"x-FORWARDED-for: 1.2.3.4",
    }
    for name, lines in untrusted.items():
        yield Case(f"xff-untrusted-{name}", "7239 8.1", SAFE, get(lines + b"\r\n"), exactly(b"x-forwarded-for", b"{a}"))
    for name, line, field, value in [
        ("proto", b"X-Forwarded-Proto: https", b"x-forwarded-proto", b"http"),
        ("proto-two", b"X-Forwarded-Proto: https\r\nX-Forwarded-Proto: http", b"x-forwarded-proto", b"http"),
        ("host", b"X-Forwarded-Host: evil.test", b"x-forwarded-host", b"{h}"),
    ]:
        yield Case(f"xf-untrusted-{name}", "7239 8.1", SAFE, get(line + b"\r\n"), exactly(field, value))
    for name in (
        b"X-Forwarded-Port",
        b"X-Forwarded-Server",
        b"X-Forwarded-Prefix",
        b"X-Forwarded-Scheme",
        b"X-Forwarded-Ssl",
        b"X-Forwarded-Proto-Version",
        b"X-Real-IP",
        b"X-Original-URL",
        b"X-Rewrite-URL",
        b"X-Forwarded",
        b"Forwarded-For",
        b"X-Forwarded-Client-Cert",
    ):
        lax = name in (b"Forwarded-For", b"X-Forwarded")
        yield Case(
            f"xf-untrusted-{name.decode().lower()}",
            "7239 8.1",
            SAFE,
            get(name + b": evil\r\n"),
            either(removed(name.lower()), served()) if lax else removed_or_ours(name.lower()),
        )
    yield Case(
        "forwarded-untrusted", "7239 8.1", SAFE, get(b"Forwarded: for=1.2.3.4;proto=https\r\n"), forwarded_is_ours
    )
    yield Case(
        "forwarded-untrusted-two",
        "7239 8.1",
        SAFE,
        get(b"Forwarded: for=1.2.3.4\r\nForwarded: for=evil\r\n"),
        forwarded_is_ours,
    )
    for name in (
        b"X-Gateway-Side",
        b"X-Gateway-Feature",
        b"X-Gateway-Reason",
        b"x-GATEWAY-anything",
        b"X-Gateway-Override",
    ):
        yield Case(f"own-{name.decode().lower()}", "design", SAFE, get(name + b": new\r\n"), removed(name.lower()))
    for name in (
        b"X_Gateway_Side",
        b"X-Gateway_Side",
        b"X_Forwarded_For",
        b"X-Forwarded_For",
        b"X_Forwarded-For",
        b"X.Forwarded.For",
        b"x.gateway.side",
        b"X_Real_IP",
        b"X-Forwarded-Proto_",
        b"X_Forwarded_Host",
        b"X!Forwarded!For",
        b"X~Gateway~Side",
        b"Proxy_Authorization",
        b"Transfer_Encoding",
        b"Keep_Alive",
    ):
        # CGI, WSGI and PHP read these as the names with dashes
        gone = either(REFUSED, removed(name.lower()))
        yield Case(
            f"lookalike-{name.decode().lower()}",
            "3875 4.1.18",
            SAFE,
            get(name + b": evil\r\n"),
            gone if name != b"X-Forwarded-Proto_" else either(gone, served()),
        )
    yield Case("lookalike-proxy", "3875 httpoxy", SAFE, get(b"Proxy: evil:80\r\n"), either(removed(b"proxy"), served()))
    trusted = [
        ("one", b"X-Forwarded-For: 1.2.3.4\r\n", b"1.2.3.4, {a}"),
        ("list", b"X-Forwarded-For: 1.2.3.4, 10.0.0.1\r\n", b"1.2.3.4, 10.0.0.1, {a}"),
        ("two-lines", b"X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-For: 10.0.0.1\r\n", b"1.2.3.4, 10.0.0.1, {a}"),
        ("none", b"", b"{a}"),
    ]
    for name, lines, value in trusted:
        yield Case(f"xff-trusted-{name}", "7239 5.2", SAFE, get(lines), joined(b"x-forwarded-for", value), trusted=True)
    yield Case(
        "xfp-trusted",
        "7239 5.4",
        SAFE,
        get(b"X-Forwarded-Proto: https\r\n"),
        exactly(b"x-forwarded-proto", b"https"),
        trusted=True,
    )
    yield Case(
        "xfh-trusted",
        "7239 5.3",
        SAFE,
        get(b"X-Forwarded-Host: app.test\r\n"),
        exactly(b"x-forwarded-host", b"app.test"),
        trusted=True,
    )
    yield Case(
        "xfp-trusted-junk",
        "7239 5.4",
        SAFE,
        get(b"X-Forwarded-Proto: javascript:\r\n"),
        either(exactly(b"x-forwarded-proto", b"http"), REFUSED),
        trusted=True,
    )
    yield Case(
        "xrealip-trusted",
        "7239",
        SAFE,
        get(b"X-Real-IP: 1.2.3.4\r\n"),
        served(head=[(b"x-real-ip", b"1.2.3.4")]),
        trusted=True,
    )
    yield Case("own-trusted", "design", SAFE, get(b"X-Gateway-Side: new\r\n"), removed(b"x-gateway-side"), trusted=True)
    yield Case(
        "lookalike-trusted",
        "3875 4.1.18",
        SAFE,
        get(b"X_Forwarded_For: evil\r\n"),
        either(REFUSED, removed(b"x_forwarded_for")),
        trusted=True,
    )
    yield Case("forwarded-trusted", "7239 4", SAFE, get(b"Forwarded: for=1.2.3.4\r\n"), forwarded_goes_on, trusted=True)


def exactly(name, value):
    def check(seen):
        yield from served()(seen)
        values = seen.heard[0].values(name) if seen.heard else []
        if values != [seen.fill(value)]:
            yield f"the origin saw {name!r}: {values}, not {seen.fill(value)!r}"

    return check


def joined(name, value):
    def check(seen):
        yield from served()(seen)
        values = b", ".join(seen.heard[0].values(name)) if seen.heard else b""
        if values != seen.fill(value):
            yield f"the origin saw {name!r}: {values}, not {seen.fill(value)!r}"

    return check


def removed_or_ours(name):
    def check(seen):
        yield from served()(seen)
        if seen.heard and b"evil" in b"".join(seen.heard[0].values(name)):
            yield f"the origin saw the client's {name!r}"

    return check


def forwarded_is_ours(seen):
    yield from served()(seen)
    value = b", ".join(seen.heard[0].values(b"forwarded")) if seen.heard else b""
    if b"1.2.3.4" in value or b"evil" in value:
        yield f"the origin saw Forwarded: {value!r}"


def forwarded_goes_on(seen):
    yield from served()(seen)
    value = b", ".join(seen.heard[0].values(b"forwarded")) if seen.heard else b""
    if not value.startswith(b"for=1.2.3.4") or b"for=" + seen.values[b"{a}"] not in value:
        yield f"the origin saw Forwarded: {value!r}"


CASES = [*forwarded()]
