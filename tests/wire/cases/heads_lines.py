"""Line ends, request lines and versions (RFC 9112, 2.2, 2.3 and 3)."""

from tests.support.wire_cases import MUST, SAFE, SHOULD, Case
from tests.support.wire_client import ANSWER, Drip
from tests.support.wire_rules import either, refused, served
from tests.wire.cases.heads import REFUSED, get, seen_field


def line_ends():
    """RFC 9112, 2.2: a bare CR is never a line's end; a bare LF may be one, and is refused for safety."""
    lax = either(REFUSED, served(count=1))
    for name, raw in {
        "lf-behind-request-line": b"GET {p}/x HTTP/1.1\nHost: {h}\r\n\r\n",
        "lf-behind-field": b"GET {p}/x HTTP/1.1\r\nHost: {h}\nX-A: b\r\n\r\n",
        "lf-at-end": b"GET {p}/x HTTP/1.1\r\nHost: {h}\r\n\n",
        "lf-lf": b"GET {p}/x HTTP/1.1\nHost: {h}\n\n",
        "lf-crlf": b"GET {p}/x HTTP/1.1\r\nHost: {h}\n\r\n",
    }.items():
        yield Case(f"line-{name}", "9112 2.2", SAFE, raw, REFUSED if name in ("lf-behind-field", "lf-lf") else lax)
    for name, raw in {
        "cr-behind-request-line": b"GET {p}/x HTTP/1.1\rHost: {h}\r\n\r\n",
        "cr-behind-field": b"GET {p}/x HTTP/1.1\r\nHost: {h}\rX-A: b\r\n\r\n",
        "cr-in-request-line": b"GET\r{p}/x HTTP/1.1\r\nHost: {h}\r\n\r\n",
        "cr-in-target": b"GET {p}/x\r HTTP/1.1\r\nHost: {h}\r\n\r\n",
        "crcrlf": b"GET {p}/x HTTP/1.1\r\r\nHost: {h}\r\n\r\n",
        "lfcr": b"GET {p}/x HTTP/1.1\n\rHost: {h}\r\n\r\n",
        "crcr-at-end": b"GET {p}/x HTTP/1.1\r\nHost: {h}\r\n\r\rX",
        "cr-only": b"GET {p}/x HTTP/1.1\rHost: {h}\r\r",
    }.items():
        yield Case(f"line-{name}", "9112 2.2", MUST, raw + b"\r\n\r\n" if name == "cr-only" else raw, REFUSED)
    served_after = served(line=b"GET {p}/x HTTP/1.1", kept=True)
    yield Case("empty-line-before", "9112 2.2", SHOULD, b"\r\n" + get(), served_after)
    yield Case("empty-lines-before", "9112 2.2", SHOULD, b"\r\n\r\n" + get(), either(served_after, REFUSED))
    yield Case("empty-line-lf-before", "9112 2.2", SAFE, b"\n" + get(), either(served_after, REFUSED))
    yield Case("empty-line-cr-before", "9112 2.2", MUST, b"\r" + get(), REFUSED)
    yield Case(
        "empty-lines-without-end",
        "9112 2.2",
        SAFE,
        b"\r\n" * 40000,
        either(refused(400, 408, 431), silent_end),
        answers=1,
        probe=False,
    )
    yield Case("space-line-before", "9112 2.2", MUST, b" \r\n" + get(), REFUSED)
    yield Case(
        "empty-line-between",
        "9112 2.2",
        SHOULD,
        (get(), ANSWER, b"\r\n" + get()),
        served(count=2, kept=True),
        answers=2,
    )
    yield Case("dripped", "9112 2.1", MUST, Drip(get(b"X-A: b\r\n")), seen_field(b"x-a", b"b"))
    yield Case(
        "in-two-packets-inside-crlf",
        "9112 2.1",
        MUST,
        (b"GET {p}/x HTTP/1.1\r", b"\nHost: {h}\r\n\r", b"\n"),
        served_after,
    )


def silent_end(seen):
    if seen.finals or not seen.ended or seen.heard:
        yield f"{[reply.status for reply in seen.finals]}, {seen.ended}"


def request_lines():
    """method SP request-target SP HTTP-version, single spaces: RFC 9112, 3."""
    good = served(line=b"GET {p}/x HTTP/1.1")
    for name, line in {
        "double-space": b"GET  {p}/x HTTP/1.1",
        "double-space-version": b"GET {p}/x  HTTP/1.1",
        "tab": b"GET\t{p}/x\tHTTP/1.1",
        "space-behind": b"GET {p}/x HTTP/1.1 ",
        "tab-behind": b"GET {p}/x HTTP/1.1\t",
        "space-before": b" GET {p}/x HTTP/1.1",
        "vertical-tab": b"GET\x0b{p}/x\x0bHTTP/1.1",
        "form-feed": b"GET\x0c{p}/x HTTP/1.1",
    }.items():
        # 9112, 3: a recipient MAY parse on whitespace instead; leniency is what smuggling lives on
        yield Case(
            f"line-{name}",
            "9112 3",
            SAFE,
            line + b"\r\nHost: {h}\r\n\r\n",
            either(REFUSED, good) if "space-behind" in name else REFUSED,
        )
    for name, line in {
        "space-in-target": b"GET {p}/a b HTTP/1.1",
        "three-words-more": b"GET {p}/x HTTP/1.1 HTTP/1.1",
        "no-target": b"GET HTTP/1.1",
        "empty-target": b"GET  HTTP/1.1",
        "only-method": b"GET",
        "no-method": b"{p}/x HTTP/1.1",
        "only-version": b"HTTP/1.1",
        "nul-in-method": b"GE\x00T {p}/x HTTP/1.1",
        "nul-in-target": b"GET {p}/\x00 HTTP/1.1",
        "nul-in-version": b"GET {p}/x HTTP/1.1\x00",
        "reply": b"HTTP/1.1 200 OK",
        "binary": b"\x80\x9e\x01\x03\x01",
        "tls-hello": b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03",
        "quoted": b'"GET" {p}/x HTTP/1.1',
        "field-first": b"Host: {h}",
    }.items():
        yield Case(
            f"line-{name}",
            "9112 3",
            MUST,
            line + b"\r\nHost: {h}\r\n\r\n",
            either(refused(400, 505), silent_end) if name in ("binary", "tls-hello") else refused(400),
        )
    yield Case(
        "preface-h2",
        "9113 3.4",
        MUST,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",
        either(refused(400, 405, 501, 505), silent_end),
    )
    yield Case(
        "tls-on-plain",
        "9112 3",
        SAFE,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x11" * 200 + b"\n\r\n\r\n",
        either(REFUSED, silent_end),
    )


def versions():
    """RFC 9112, 2.3 and RFC 9110, 2.5: case matters, one digit each; another major version is not served (505)."""
    odd = refused(400, 505)
    for name, version in {
        "0.9": b"HTTP/0.9",
        "2.0": b"HTTP/2.0",
        "3.0": b"HTTP/3.0",
        "2": b"HTTP/2",
        "1": b"HTTP/1",
        "1.": b"HTTP/1.",
        ".1": b"HTTP/.1",
        "1.10": b"HTTP/1.10",
        "01.1": b"HTTP/01.1",
        "1.01": b"HTTP/1.01",
        "10.1": b"HTTP/10.1",
        "lower": b"http/1.1",
        "mixed": b"Http/1.1",
        "https": b"HTTPS/1.1",
        "other": b"FOO/1.1",
        "rtsp": b"RTSP/1.0",
        "icy": b"ICY/1.1",
        "comma": b"HTTP/1,1",
        "space": b"HTTP/1. 1",
        "minus": b"HTTP/-1.1",
        "plus": b"HTTP/+1.1",
        "letter": b"HTTP/1.a",
        "hex": b"HTTP/1.A",
        "no-slash": b"HTTP1.1",
        "two-slashes": b"HTTP//1.1",
        "9.9": b"HTTP/9.9",
        "shttp": b"SHTTP/1.1",
        "space-before-slash": b"HTTP /1.1",
        "empty": b"HTTP/",
        "word": b"HTTP",
        "three": b"HTTP/1.1.1",
        "x": b"XHTTP/1.1",
        "arabic": "HTTP/\u0661.\u0661".encode(),
    }.items():
        yield Case(f"version-{name}", "9112 2.3", MUST, get(version=version), odd)
    yield Case("version-0.9-simple", "9112 C.1", MUST, b"GET {p}/x\r\n\r\n", odd)
    yield Case("version-0.9-post", "9112 C.1", MUST, b"POST {p}/x\r\nHost: {h}\r\n\r\n", odd)
    for version in (b"1.2", b"1.3", b"1.9"):
        # RFC 9110, 2.5: a higher minor version is processed as the highest that is known; what goes on says 1.1
        yield Case(
            f"version-{version.decode()}",
            "9110 2.5",
            SHOULD,
            get(version=b"HTTP/" + version),
            either(served(line=b"GET {p}/x HTTP/1.1"), odd),
        )
    yield Case(
        "version-1.0", "9112 2.3", MUST, get(version=b"HTTP/1.0"), served(line=b"GET {p}/x HTTP/1.1", kept=False)
    )
    yield Case(
        "version-1.0-no-host",
        "9112 3.2",
        MUST,
        get(target=b"{p}/x", version=b"HTTP/1.0", host=b""),
        either(served(kept=False), REFUSED),
        waives=("not exactly one Host",),
    )


CASES = [*line_ends(), *request_lines(), *versions()]
