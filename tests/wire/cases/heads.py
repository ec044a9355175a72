"""Fields of a request: their names, their values, folds (RFC 9112, 5; RFC 9110, 5)."""

from tests.support.wire_cases import MUST, SAFE, SHOULD, Case
from tests.support.wire_rules import either, refused, served

REFUSED = refused(400)

NEXT = b"GET {p}/smuggled HTTP/1.1\r\nHost: {h}\r\n\r\n"


def get(fields=b"", *, target=b"{p}/x", version=b"HTTP/1.1", method=b"GET", host=b"Host: {h}\r\n", then=b""):
    return method + b" " + target + b" " + version + b"\r\n" + host + fields + b"\r\n" + then


def seen_field(name, value):
    return served(head=[(name, value)], kept=True)


def names():
    """Field names are tokens, and nothing stands between a name and its colon: RFC 9110, 5.1; RFC 9112, 5.1."""
    for name, line in {
        "space-before-colon": b"X-A : b",
        "tab-before-colon": b"X-A\t: b",
        "empty": b": b",
        "only-colon": b":",
        "no-colon": b"X-A",
        "no-colon-word": b"X-A b",
        "space-inside": b"X A: b",
        "nul": b"X\x00A: b",
        "control": b"X\x01A: b",
        "del": b"X\x7fA: b",
        "high": b"X\xe9A: b",
        "utf8": "X-Ä: b".encode(),
        "at": b"X@A: b",
        "paren": b"X(A): b",
        "quote": b'"X-A": b',
        "slash": b"X/A: b",
        "comma": b"X,A: b",
        "semicolon": b"X;A: b",
        "less": b"<X>: b",
        "equals": b"X=A: b",
        "question": b"X?: b",
        "bracket": b"[X]: b",
        "backslash": b"X\\A: b",
        "brace": b"{X}: b",
        "vertical-tab": b"X\x0b: b",
        "nbsp": b"X\xa0: b",
        "bare-cr": b"X\rA: b",
        "bare-lf": b"X\nA: b",
        "cr-first": b"\rX-A: b",
        "bom": b"\xef\xbb\xbfX-A: b",
        "equals-no-colon": b"X-A=b",
        "space-first": b" X-A: b",
        "tab-first": b"\tX-A: b",
        "crlf-escape": b"X%0d%0aA b",
    }.items():
        yield Case(f"name-{name}", "9112 5.1", MUST, get(line + b"\r\n", then=NEXT), REFUSED)
        if name in ("space-before-colon", "no-colon", "empty", "space-first", "bare-lf", "nul"):
            raw = b"GET {p}/x HTTP/1.1\r\n" + line + b"\r\nHost: {h}\r\n\r\n" + NEXT
            yield Case(f"name-first-{name}", "9112 2.2", MUST, raw, REFUSED)
    for name, field in {"marks": b"!#$%&'*+-.^`|~", "digits": b"0123", "one": b"q"}.items():
        either_way = either(seen_field(field, b"b"), served(lacks=[field]))
        yield Case(
            f"name-good-{name}",
            "9110 5.6.2",
            MUST,
            get(field + b": b\r\n"),
            either_way if name == "marks" else seen_field(field, b"b"),
        )
    yield Case(
        "name-long",
        "9110 5.4",
        SHOULD,
        get(b"x" * 4000 + b": b\r\n"),
        either(seen_field(b"x" * 4000, b"b"), refused(400, 431)),
    )


def values():
    """What may stand in a value: RFC 9110, 5.5. CR, LF and NUL are refused (or NUL, CR, LF become spaces)."""
    for name, value in {
        "nul": b"a\x00b",
        "nul-first": b"\x00b",
        "nul-last": b"b\x00",
        "bare-cr": b"a\rb",
        "bare-cr-last": b"a\r",
        "bare-cr-first": b"\ra",
        "bare-lf": b"a\nX-Evil: b",
        "crcrlf": b"a\r\r",
    }.items():
        yield Case(f"value-{name}", "9110 5.5", MUST, get(b"X-A: " + value + b"\r\n", then=NEXT), REFUSED)
    for number in (1, 8, 11, 12, 27, 31, 127):
        # other control characters: "invalid", may be kept within a safe context; refusing them is the safe reading
        yield Case(
            f"value-control-{number}",
            "9110 5.5",
            SAFE,
            get(b"X-A: a%cb\r\n" % number),
            either(REFUSED, seen_field(b"x-a", b"a%cb" % number)),
            waives=("field line",),
        )
    for name, value in {
        "empty": b"",
        "tab-inside": b"a\tb",
        "spaces-inside": b"a   b",
        "latin1": b"caf\xe9",
        "utf8": "café ✓".encode(),
        "quoted": b'"a\\"b"',
        "comma": b"a,, b",
        "colon": b"a:b: c",
        "angle": b"<script>",
        "percent-crlf": b"a%0d%0ab",
        "high-ff": b"\xff\xfe",
    }.items():
        yield Case(f"value-good-{name}", "9110 5.5", MUST, get(b"X-A: " + value + b"\r\n"), seen_field(b"x-a", value))
    for name, line in {
        "none": b"X-A:b",
        "many": b"X-A:      b",
        "behind": b"X-A: b    ",
        "tabs": b"X-A:\tb\t ",
        "mixed": b"X-A: \t b \t",
    }.items():
        yield Case(f"value-space-{name}", "9112 5", MUST, get(line + b"\r\n"), seen_field(b"x-a", b"b"))
    for name, fold in {
        "space": b"a\r\n b",
        "tab": b"a\r\n\tb",
        "empty-first": b"\r\n b",
        "twice": b"a\r\n b\r\n c",
        "blank": b"a\r\n  \r\n b",
        "last": b"a\r\n ",
    }.items():
        # RFC 9112, 5.2: reject by 400, or replace each fold by spaces before forwarding
        unfolded = served(head=[(b"x-a", fold.replace(b"\r\n", b" "))])
        yield Case(
            f"fold-{name}", "9112 5.2", MUST, get(b"X-A: " + fold + b"\r\n", then=b""), either(REFUSED, unfolded)
        )
    yield Case("fold-host", "9112 5.2", MUST, get(host=b"Host:\r\n {h}\r\n"), REFUSED)
    yield Case("fold-first", "9112 2.2", MUST, get(host=b" X-A: b\r\nHost: {h}\r\n"), REFUSED)
    yield Case("fold-smuggles-host", "9112 5.2", MUST, get(b"X-A: b\r\n Host: evil\r\n"), REFUSED)
    yield Case("repeated-kept-in-order", "9110 5.3", MUST, get(b"X-A: 1\r\nX-B: 2\r\nX-A: 3\r\n"), in_order)
    yield Case(
        "many-fields",
        "9110 5.4",
        SHOULD,
        get(b"".join(b"X-%d: v\r\n" % n for n in range(80))),
        seen_field(b"x-79", b"v"),
    )
    yield Case("cookie-twice", "9110 5.3", MUST, get(b"Cookie: a=1\r\nCookie: b=2\r\n"), cookies)
    yield Case("long-value", "9110 5.4", SHOULD, get(b"X-A: " + b"v" * 8000 + b"\r\n"), seen_field(b"x-a", b"v" * 8000))


def in_order(seen):
    """Lines of one name keep their order, or are joined in it."""
    values = seen.heard[0].values(b"x-a") if seen.heard else []
    if b", ".join(values) != b"1, 3":
        yield f"the origin saw {values}"


def cookies(seen):
    values = seen.heard[0].values(b"cookie") if seen.heard else []
    if values not in ([b"a=1", b"b=2"], [b"a=1; b=2"]):
        yield f"the origin saw {values}"


CASES = [*names(), *values()]
