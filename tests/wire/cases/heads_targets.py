"""Targets and hosts (RFC 9112, 3.2; RFC 3986)."""

from tests.support.wire_cases import MUST, SAFE, SHOULD, Case
from tests.support.wire_rules import declined, either, served
from tests.wire.cases.heads import NEXT, REFUSED, get
from tests.wire.cases.heads_methods import answered_here


def targets():
    """RFC 9112, 3.2 and RFC 3986: what is a target, and that it goes on as it came."""
    for name, tail in {
        "query": b"?a=b&c=d",
        "empty-query": b"?",
        "two-questions": b"?a?b",
        "encoded-slash": b"%2Fy",
        "encoded-lower": b"%2fy",
        "encoded-nul": b"%00",
        "encoded-crlf": b"%0d%0aX-A:%20b",
        "encoded-space": b"%20y",
        "encoded-utf8": b"%C3%A9",
        "double-encoded": b"%252e%252e",
        "semicolon": b";v=1",
        "sub-delims": b"!$&'()*+,;=",
        "colon-at": b":@",
        "tilde": b"~",
        "double-slash": b"//y",
        "dot": b"/./y",
        "plus": b"+",
        "query-slash": b"?/../y",
        "query-encoded": b"?%00%0a",
        "percent-question": b"%3Fy",
        "percent-hash": b"%23y",
        "long-segments": b"/a" * 500,
        "trailing-slash": b"/",
        "dots-name": b"/...y",
        "query-colon": b"?u=http://x/y",
        "semicolon-query": b"?a;b",
        "unreserved": b"/-._~",
    }.items():
        yield Case(
            f"target-{name}",
            "9110 7.1",
            MUST,
            get(target=b"{p}/x" + tail),
            served(line=b"GET {p}/x" + tail + b" HTTP/1.1", kept=True),
        )
    for name, tail in {"dotdot": b"/../y", "encoded-dotdot": b"/%2e%2e/y"}.items():
        # within the prefix; kept byte for byte, or normalised: both are the same path
        same = either(served(line=b"GET {p}/x" + tail + b" HTTP/1.1"), served(line=b"GET {p}/y HTTP/1.1"), REFUSED)
        yield Case(f"target-{name}", "3986 5.2.4", SHOULD, get(target=b"{p}/x" + tail), same)
    for name, tail in {
        "high": b"\xe9",
        "utf8": "é".encode(),
        "del": b"\x7f",
        "control": b"\x01",
        "vertical-tab": b"\x0b",
        "nbsp": b"\xa0",
        "ff": b"\xff",
        "tab": b"\ty",
    }.items():
        lax = served(line=b"GET {p}/x" + tail + b" HTTP/1.1") if name in ("high", "utf8", "nbsp", "ff") else REFUSED
        yield Case(f"target-bad-{name}", "9112 3.2", MUST, get(target=b"{p}/x" + tail), either(REFUSED, lax))
        if name in ("high", "utf8"):
            yield Case(
                f"target-bad-query-{name}",
                "9112 3.2",
                MUST,
                get(target=b"{p}/x?q=" + tail),
                either(REFUSED, served(line=b"GET {p}/x?q=" + tail + b" HTTP/1.1")),
            )
    for name, tail in {
        "backslash": b"\\y",
        "backslash-dots": b"\\..\\y",
        "less": b"<",
        "greater": b">",
        "quote": b'"',
        "fragment": b"#y",
    }.items():
        # RFC 9112, 3.2: an invalid target is 400 (SHOULD); no browser sends these plainly
        yield Case(f"target-odd-{name}", "3986 2", SHOULD, get(target=b"{p}/x" + tail, then=NEXT), REFUSED)
    for name, tail in {
        "caret": b"^",
        "grave": b"`",
        "brace": b"{",
        "pipe": b"|",
        "bracket": b"[",
        "percent": b"%",
        "percent-zz": b"%zz",
        "percent-1": b"%2",
        "query-bracket": b"?a[]=1",
        "query-quote": b'?a="b"',
        "query-pipe": b"?a|b",
        "query-angle": b"?a=<b>",
        "query-backslash": b"?a=b\\c",
        "query-brace": b"?{b}",
    }.items():
        # not in RFC 3986's grammar, but browsers send some of them: refused, or passed as they came, never repaired
        yield Case(
            f"target-odd-{name}",
            "3986 2",
            SAFE,
            get(target=b"{p}/x" + tail),
            either(REFUSED, served(line=b"GET {p}/x" + tail + b" HTTP/1.1")),
        )
    for name, target in {
        "fragment": b"{p}/x#frag",
        "fragment-empty": b"{p}/x#",
        "fragment-query": b"{p}/x?a#b",
        "relative": b"x",
        "relative-dots": b"../x",
        "query-only": b"?a=b",
        "host-only": b"{h}",
        "host-path": b"{h}/x",
        "authority-of-get": b"{h}:80",
        "asterisk-of-get": b"*",
        "asterisk-path": b"*/x",
        "two-asterisks": b"**",
        "backslash-first": b"\\x",
        "scheme-only": b"http:",
        "scheme-slash": b"http:/",
        "no-authority": b"http://",
        "empty-authority": b"http:///x",
        "no-slashes": b"http:{p}/x",
        "one-slash": b"http:/{h}/x",
        "ftp": b"ftp://{h}/x",
        "ws": b"ws://{h}/x",
        "file": b"file:///etc/passwd",
        "javascript": b"javascript:alert(1)",
        "userinfo": b"http://user:pw@{h}/x",
        "userinfo-empty": b"http://@{h}/x",
        "userinfo-host": b"http://{h}@evil/x",
        "absolute-bad-port": b"http://{h}:99999/x",
        "absolute-port-word": b"http://{h}:a/x",
        "absolute-bracket": b"http://[::1/x",
        "absolute-fragment": b"http://{h}/x#f",
        "absolute-backslash": b"http://{h}\\x",
        "absolute-comma": b"http://{h},evil/x",
        "absolute-slashes": b"http:////x",
    }.items():
        yield Case(f"target-form-{name}", "9112 3.2", MUST, get(target=target), declined(400, 403, 404, 421, 501))
    yield Case(
        "target-asterisk-options",
        "9112 3.2.4",
        MUST,
        get(target=b"*", method=b"OPTIONS"),
        either(served(line=b"OPTIONS * HTTP/1.1", head=[(b"host", b"{h}")]), answered_here),
    )
    yield Case("target-asterisk-post", "9112 3.2.4", MUST, get(target=b"*", method=b"POST"), declined(400, 404, 405))
    yield Case(
        "target-absolute-options",
        "9112 3.2.4",
        MUST,
        get(target=b"http://{h}", method=b"OPTIONS"),
        either(served(line=b"OPTIONS * HTTP/1.1"), served(line=b"OPTIONS / HTTP/1.1")),
    )
    yield Case(
        "target-double-slash-first",
        "9112 3.2.1",
        MUST,
        get(target=b"//{h}/x"),
        either(served(line=b"GET //{h}/x HTTP/1.1"), REFUSED),
    )
    # absolute-form: RFC 9112, 3.2.2: a server MUST accept it; the target's authority is the host
    for name, target, host, line in [
        ("same", b"http://{h}/x", b"{h}", b"GET /x HTTP/1.1"),
        ("upper-scheme", b"HTTP://{h}/x", b"{h}", b"GET /x HTTP/1.1"),
        ("query", b"http://{h}/x?a=b", b"{h}", b"GET /x?a=b HTTP/1.1"),
        ("no-path", b"http://{h}", b"{h}", b"GET / HTTP/1.1"),
        ("no-path-query", b"http://{h}?a", b"{h}", b"GET /?a HTTP/1.1"),
        ("port", b"http://{h}:80/x", b"{h}:80", b"GET /x HTTP/1.1"),
        ("other-port", b"http://{h}:8080/x", b"{h}:8080", b"GET /x HTTP/1.1"),
        ("double-slash", b"http://{h}//x", b"{h}", b"GET //x HTTP/1.1"),
    ]:
        ok = served(line=line, head=[(b"host", host)], kept=True)
        yield Case(
            f"target-absolute-{name}", "9112 3.2.2", MUST, get(target=target, host=b"Host: " + host + b"\r\n"), ok
        )
    for name, host in {
        "differs": b"evil.test",
        "differs-port": b"{h}:81",
        "differs-empty": b"",
        "differs-stray": b"localhost",
    }.items():
        taken = served(line=b"GET /x HTTP/1.1", head=[(b"host", b"{h}")])
        yield Case(
            f"target-absolute-host-{name}",
            "9112 3.2.2",
            MUST,
            get(target=b"http://{h}/x", host=b"Host: " + host + b"\r\n"),
            either(REFUSED, taken),
        )
    yield Case("target-absolute-no-host", "9112 3.2", MUST, get(target=b"http://{h}/x", host=b""), REFUSED)
    yield Case(
        "target-absolute-two-hosts",
        "9112 3.2",
        MUST,
        get(target=b"http://{h}/x", host=b"Host: {h}\r\nHost: {h}\r\n"),
        REFUSED,
    )
    yield Case(
        "target-absolute-bad-host", "9112 3.2", MUST, get(target=b"http://{h}/x", host=b"Host: a b\r\n"), REFUSED
    )
    yield Case(
        "target-absolute-1.0-no-host",
        "9112 3.2.2",
        SHOULD,
        get(target=b"http://{h}/x", host=b"", version=b"HTTP/1.0"),
        either(served(head=[(b"host", b"{h}")]), REFUSED),
    )
    # https on a plain connection (RFC 9110, 7.4): a target that the connection cannot stand for is 421, or served
    yield Case(
        "target-absolute-https",
        "9110 7.4",
        SHOULD,
        get(target=b"https://{h}/x"),
        either(served(line=b"GET /x HTTP/1.1", head=[(b"host", b"{h}")]), declined(400, 421)),
    )


def hosts():
    """RFC 9112, 3.2: exactly one, valid, or 400. RFC 3986, 3.2.2 says what is valid."""
    for name, host in {
        "missing": b"",
        "twice": b"Host: {h}\r\nHost: {h}\r\n",
        "twice-differ": b"Host: {h}\r\nHost: evil\r\n",
        "twice-far": b"Host: {h}\r\nX-A: b\r\nhOST: {h}\r\n",
        "twice-one-empty": b"Host: {h}\r\nHost:\r\n",
        "three": b"Host: {h}\r\n" * 3,
    }.items():
        yield Case(f"host-{name}", "9112 3.2", MUST, get(host=host), REFUSED)
    for name, value in {
        "space": b"a b",
        "comma": b"{h},evil",
        "comma-space": b"{h}, {h}",
        "slash": b"{h}/x",
        "path": b"{h}/../x",
        "question": b"{h}?x",
        "hash": b"{h}#x",
        "at": b"{h}@evil",
        "userinfo": b"user:pw@{h}",
        "scheme": b"http://{h}",
        "backslash": b"{h}\\x",
        "nul": b"{h}\x00",
        "tab": b"{h}\tx",
        "control": b"{h}\x01",
        "del": b"{h}\x7f",
        "less": b"<{h}>",
        "quote": b'"{h}"',
        "high": b"caf\xe9.test",
        "utf8": "café.test".encode(),
        "port-word": b"{h}:http",
        "port-plus": b"{h}:+80",
        "port-minus": b"{h}:-80",
        "port-huge": b"{h}:65536",
        "port-99999": b"{h}:99999",
        "port-space": b"{h}: 80",
        "port-twice": b"{h}:80:80",
        "port-hex": b"{h}:0x50",
        "port-at": b"{h}:80@evil",
        "port-slash": b"{h}:80/x",
        "bracket-open": b"[::1",
        "bracket-close": b"::1]",
        "bracket-empty": b"[]",
        "bare-ipv6": b"::1",
        "bare-ipv6-full": b"2001:db8::1",
        "bracket-name": b"[{h}]",
        "bracket-behind": b"[::1]x",
        "bracket-colons": b"[:::1]",
        "bracket-zone": b"[fe80::1%25eth0]",
        "only-port": b":80",
        "only-colon": b":",
        "percent-bad": b"a%zz",
        "percent-alone": b"a%",
        "brace": b"{x}",
        "caret": b"a^b",
        "grave": b"a`b",
        "pipe": b"a|b",
        "bracket-port-word": b"[::1]:a",
        "space-in-front-of-port": b"{h} :80",
        "newline-escape": b"a%0d%0ab",
    }.items():
        lax = name in ("bracket-zone", "newline-escape")
        yield Case(
            f"host-{name}",
            "9112 3.2",
            SAFE if lax else MUST,
            get(host=b"Host: " + value + b"\r\n"),
            either(REFUSED, served(head=[(b"host", value)])) if lax else REFUSED,
        )
    yield Case("host-space-before-colon", "9112 5.1", MUST, get(host=b"Host : {h}\r\n"), REFUSED)
    yield Case("host-bare-cr", "9112 2.2", MUST, get(host=b"Host: {h}\rX: y\r\n"), REFUSED)
    for name, value in {
        "port": b"{h}:8080",
        "upper": b"{H}",
        "ipv4": b"127.0.0.1",
        "ipv4-port": b"127.0.0.1:80",
        "ipv6": b"[::1]",
        "ipv6-port": b"[2001:db8::1]:80",
        "ipv6-v4": b"[::ffff:1.2.3.4]",
        "underscore": b"a_b.test",
        "dash": b"a-b.test",
        "digits": b"123.test",
        "one-label": b"localhost",
        "trailing-dot": b"a.test.",
        "punycode": b"xn--caf-dma.test",
        "port-empty": b"a.test:",
        "port-zero": b"a.test:0",
        "port-zeros": b"a.test:0080",
        "percent": b"a%20b",
        "sub-delims": b"a!b",
        "long-label": b"a" * 64 + b".test",
        "ipvfuture": b"[v1.x]",
        "spaces-around": b" \t a.test ",
    }.items():
        value = value.replace(b"{H}", b"A.TEST")  # noqa: PLW2901
        hard = name in (
            "percent",
            "sub-delims",
            "ipvfuture",
            "port-empty",
            "port-zero",
            "port-zeros",
            "trailing-dot",
            "underscore",
            "long-label",
        )
        ok = served(head=[(b"host", value.strip())], kept=True)
        yield Case(
            f"host-good-{name}",
            "3986 3.2.2",
            SHOULD if hard else MUST,
            get(host=b"Host: " + value + b"\r\n"),
            either(ok, REFUSED) if hard else ok,
        )
    yield Case("host-empty", "9112 3.2", MUST, get(host=b"Host:\r\n"), either(REFUSED, served(head=[(b"host", b"")])))
    yield Case("host-long", "9110 4.2", SHOULD, get(host=b"Host: " + b"a" * 300 + b"\r\n"), either(REFUSED, served()))
    yield Case(
        "host-last",
        "9112 3.2",
        MUST,
        b"GET {p}/x HTTP/1.1\r\nX-A: b\r\nHost: {h}\r\n\r\n",
        served(head=[(b"host", b"{h}"), (b"x-a", b"b")], kept=True),
    )
    yield Case(
        "host-lookalike-underscore",
        "9110 7.2",
        SAFE,
        get(b"Host_: evil\r\nX_Host: evil\r\n"),
        either(REFUSED, served(head=[(b"host", b"{h}")])),
    )
    yield Case("host-lookalike-space", "9112 5.1", MUST, get(b"Host : evil\r\n"), REFUSED)


CASES = [*targets(), *hosts()]
