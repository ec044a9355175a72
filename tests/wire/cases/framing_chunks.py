"""The chunked coding itself (RFC 9112, 7.1), its extensions too: what request smuggling has used since 2005."""

from tests.support.wire_cases import MUST, SAFE, Case
from tests.support.wire_client import SHUT, Drip
from tests.support.wire_rules import either, refused, served
from tests.wire.cases.framing import ABC, REFUSED, SMUGGLED, cut_body, cut_short, post


def chunks():
    """The chunked coding itself: RFC 9112, 7.1."""

    def chunked(name, body, expect=REFUSED, *, rfc="9112 7.1", level=MUST, **more):
        return Case(f"chunk-{name}", rfc, level, post(b"Transfer-Encoding: chunked\r\n", body), expect, **more)

    late = either(REFUSED, cut_short)
    for name, size in {
        "0x": b"0x3",
        "plus": b"+3",
        "minus": b"-3",
        "underscore": b"0_3",
        "empty": b"",
        "space-before": b" 3",
        "tab-before": b"\t3",
        "17-digits": b"10000000000000003",
        "16-fs": b"f" * 16,
        "8-at-top": b"8000000000000003",
        "32-bit-wrap": b"100000003" + b"0" * 8 + b"3",
        "letter": b"g",
        "trailing-h": b"3h",
        "decimal-point": b"3.0",
        "quoted": b'"3"',
        "comma": b"3,3",
        "nul": b"3\x00",
        "vertical-tab": b"3\x0b",
        "form-feed": b"3\x0c",
        "high-byte": b"3\x85",
        "arabic": "٣".encode(),
        "bare-cr": b"3\r3",
        "colon": b"3:",
        "equals": b"3=",
        "percent": b"%33",
        "two-numbers": b"3 3",
        "x": b"x3",
        "tilde": b"~3",
    }.items():
        expect = (
            either(refused(400, 413), cut_short) if name in ("16-fs", "8-at-top", "17-digits", "32-bit-wrap") else late
        )
        yield chunked(f"size-{name}", size + b"\r\nabc\r\n0\r\n\r\n" + SMUGGLED, expect)
        if name in ("plus", "0x", "minus", "space-before", "underscore", "bare-cr"):
            yield chunked(f"second-size-{name}", b"2\r\nxy\r\n" + size + b"\r\nabc\r\n0\r\n\r\n" + SMUGGLED, late)
    good = served(body=b"abc", kept=True)
    lenient = either(late, good)
    yield chunked("size-leading-zeros", b"0003\r\nabc\r\n0\r\n\r\n", good)
    yield chunked("size-15-leading-zeros", b"0" * 15 + b"3\r\nabc\r\n0\r\n\r\n", lenient)
    yield chunked("size-100-leading-zeros", b"0" * 100 + b"3\r\nabc\r\n0\r\n\r\n", lenient)
    yield chunked("size-100000-leading-zeros", b"0" * 100000 + b"3\r\nabc\r\n0\r\n\r\n", late, level=SAFE)
    yield chunked("size-upper-hex", b"A\r\n0123456789\r\n0\r\n\r\n", served(body=b"0123456789", kept=True))
    yield chunked("size-lower-hex", b"a\r\n0123456789\r\n0\r\n\r\n", served(body=b"0123456789", kept=True))
    yield chunked("size-space-behind", b"3 \r\nabc\r\n0\r\n\r\n", lenient, level=SAFE)
    yield chunked("size-tab-behind", b"3\t\r\nabc\r\n0\r\n\r\n", lenient, level=SAFE)
    yield chunked("last-space-behind", b"3\r\nabc\r\n0 \r\n\r\n", lenient, level=SAFE)
    for name, last in {"000": b"000", "00000000": b"0" * 8}.items():
        yield chunked(f"last-{name}", b"3\r\nabc\r\n" + last + b"\r\n\r\n", good)
    for name, line in {
        "lf-behind-size": b"3\nabc\r\n0\r\n\r\n",
        "lf-behind-data": b"3\r\nabc\n0\r\n\r\n",
        "cr-behind-data": b"3\r\nabc\r0\r\n\r\n",
        "cr-behind-size": b"3\rabc\r\n0\r\n\r\n",
        "nothing-behind-data": b"3\r\nabc0\r\n\r\n",
        "data-too-long": b"3\r\nabcd\r\n0\r\n\r\n",
        "data-much-too-long": b"3\r\nabcdefgh\r\n0\r\n\r\n",
        "data-too-short": b"3\r\nab\r\n0\r\n\r\n",
        "xx-behind-data": b"3\r\nabcXX0\r\n\r\n",
        "crcrlf-behind-data": b"3\r\nabc\r\r\n0\r\n\r\n",
        "lfcr-behind-data": b"3\r\nabc\n\r0\r\n\r\n",
        "two-crlf-behind-data": b"3\r\nabc\r\n\r\n0\r\n\r\n",
        "lf-behind-last": b"3\r\nabc\r\n0\n\r\n",
        "lf-at-end": b"3\r\nabc\r\n0\r\n\n",
        "cr-at-end": b"3\r\nabc\r\n0\r\n\rX",
        "crcrlf-behind-size": b"3\r\r\nabc\r\n0\r\n\r\n",
        "space-behind-data": b"3\r\nabc \r\n0\r\n\r\n",
        "lf-before-size": b"\n3\r\nabc\r\n0\r\n\r\n",
        "crlf-before-size": b"\r\n3\r\nabc\r\n0\r\n\r\n",
        "both-lf": b"3\nabc\n0\n\n",
        "last-then-lf-lf": b"3\r\nabc\r\n0\n\n",
    }.items():
        yield chunked(name, line + SMUGGLED, late)
    for name, ext in {
        "name": b";a",
        "name-value": b";a=b",
        "quoted": b';a="b c"',
        "quoted-escape": b';a="b\\"c"',
        "two": b";a=b;c=d",
        "space-before": b" ;a=b",
        "space-after": b"; a=b",
        "space-around-equals": b";a = b",
        "tab": b"\t;a",
        "quoted-semicolon": b';a=";"',
    }.items():
        yield chunked(
            f"extension-{name}",
            b"3" + ext + b"\r\nabc\r\n0\r\n\r\n",
            good if not ext.startswith((b" ", b"\t", b"; ", b";a ")) else lenient,
            rfc="9112 7.1.1",
        )
    yield chunked("extension-on-last", b"3\r\nabc\r\n0;a=b\r\n\r\n", good, rfc="9112 7.1.1")
    for name, ext in {
        "lf": b";a\nb",
        "lf-first": b";\n",
        "lf-quoted": b';a="\n"',
        "cr": b";a\rb",
        "cr-quoted": b';a="\r"',
        "nul": b";a\x00b",
        "control": b";a\x01",
        "del": b";a\x7f",
        "vertical-tab": b";\x0b",
        "escape-lf": b';a="\\\n"',
        "cr-at-end": b";a\r",
    }.items():
        yield chunked(f"extension-{name}", b"3" + ext + b"\r\nabc\r\n0\r\n\r\n" + SMUGGLED, late, rfc="9112 7.1.1")
    for name, ext in {
        "bare": b";",
        "bare-two": b";;",
        "no-name": b";=b",
        "no-value": b";a=",
        "open-quote": b';a="b',
        "high": b";a=\xff",
        "closed-then": b';a="b"c',
        "equals": b"=a",
    }.items():
        # chunk-ext = *( BWS ";" BWS chunk-ext-name [...] ): these are none; refused, or ignored as unrecognized
        yield chunked(
            f"extension-{name}",
            b"3" + ext + b"\r\nabc\r\n0\r\n\r\n",
            late if name == "equals" else lenient,
            rfc="9112 7.1.1",
            level=SAFE,
        )
    yield chunked("extension-lf-smuggles", b"2;\nxx\r\n4c\r\n0\r\n\r\n" + SMUGGLED, late, rfc="9112 7.1.1")
    yield chunked(
        "extension-huge",
        b"3;" + b"a" * 100000 + b"\r\nabc\r\n0\r\n\r\n",
        either(refused(400, 413, 431), cut_short),
        rfc="9112 7.1.1",
    )
    yield chunked(
        "extension-many-chunks",
        b"1;aaaaaaaa\r\nx\r\n" * 200 + b"0\r\n\r\n",
        either(served(body=b"x" * 200), late),
        rfc="9112 7.1.1",
    )
    yield chunked("bytewise", b"1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n", good)
    yield Case(
        "chunk-dripped",
        "9112 7.1",
        MUST,
        Drip(post(b"Transfer-Encoding: chunked\r\n", b"3;a=b\r\nabc\r\n0\r\nX-T: u\r\n\r\n")),
        good,
    )
    yield Case(
        "chunk-dripped-bad",
        "9112 7.1",
        MUST,
        Drip(post(b"Transfer-Encoding: chunked\r\n", b"3\r\nabc\n0\r\n\r\n")),
        late,
    )
    yield Case(
        "chunk-cut-in-data",
        "9112 8",
        MUST,
        (post(b"Transfer-Encoding: chunked\r\n", b"a\r\nabc"), SHUT),
        cut_body,
        probe=False,
    )
    yield Case(
        "chunk-cut-in-size",
        "9112 8",
        MUST,
        (post(b"Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n5"), SHUT),
        cut_body,
        probe=False,
    )
    yield Case(
        "chunk-cut-before-last",
        "9112 8",
        MUST,
        (post(b"Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n"), SHUT),
        cut_body,
        probe=False,
    )
    yield Case(
        "chunk-cut-before-final-crlf",
        "9112 7.1",
        MUST,
        (post(b"Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n0\r\n"), SHUT),
        cut_body,
        probe=False,
    )
    yield Case(
        "chunk-cut-inside-final-crlf",
        "9112 7.1",
        MUST,
        (post(b"Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n0\r\n\r"), SHUT),
        cut_body,
        probe=False,
    )
    yield Case(
        "chunk-missing-final-crlf-then-next",
        "9112 7.1",
        MUST,
        post(b"Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n0\r\n" + SMUGGLED),
        late,
    )
    yield Case(
        "chunk-none-but-last",
        "9112 7.1",
        MUST,
        post(b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
        served(body=b"", kept=True),
    )
    yield Case(
        "chunk-body-looks-chunked", "9112 7.1", MUST, post(b"Content-Length: 13\r\n", ABC), served(body=ABC, kept=True)
    )
    yield Case(
        "chunk-extra-behind-last",
        "9112 7.1",
        MUST,
        post(b"Transfer-Encoding: chunked\r\n", ABC + b"X"),
        one_then_nothing,
        probe=False,
    )


def one_then_nothing(seen):
    if [reply.status for reply in seen.finals] not in ([200], [200, 400]) or len(seen.heard) != 1:
        yield f"{[reply.status for reply in seen.finals]}, {[request.line for request in seen.heard]}"


CASES = [*chunks()]
