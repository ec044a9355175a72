"""Transfer-Encoding in every disguise (RFC 9112, 6.1 and 6.3)."""

from tests.support.wire_cases import MUST, SAFE, Case
from tests.support.wire_rules import either, refused, served
from tests.wire.cases.framing import ABC, REFUSED, SMUGGLED, post


def codings():
    """Transfer-Encoding in every disguise: chunked as the only coding, or no service. RFC 9112, 6.1 and 6.3."""
    bad = {
        "xchunked": b"xchunked",
        "chunkedx": b"chunkedx",
        "chunk": b"chunk",
        "twice-in-list": b"chunked, chunked",
        "twice-no-space": b"chunked,chunked",
        "parameter": b"chunked;q=1",
        "parameter-space": b"chunked ; a=b",
        "quoted": b'"chunked"',
        "single-quoted": b"'chunked'",
        "vertical-tab": b"\x0bchunked",
        "vertical-tab-behind": b"chunked\x0b",
        "form-feed": b"chunked\x0c",
        "nul": b"chunked\x00",
        "nul-before": b"\x00chunked",
        "cr-before": b"\rchunked",
        "cr-behind": b"chunked\r",
        "nbsp": b"\xa0chunked",
        "next-line": b"\x85chunked",
        "utf8-k": "chun\u212aed".encode(),
        "fullwidth": "\uff43hunked".encode(),
        "zero-width": "chunked\u200b".encode(),
        "identity": b"identity",
        "identity-then-chunked": b"identity, chunked",
        "chunked-then-identity": b"chunked, identity",
        "chunked-then-gzip": b"chunked, gzip",
        "gzip": b"gzip",
        "gzip-chunked": b"gzip, chunked",
        "deflate-chunked": b"deflate, chunked",
        "compress-chunked": b"compress, chunked",
        "trailers": b"trailers, chunked",
        "empty": b"",
        "comma": b",",
        "space-inside": b"chun ked",
        "two-words": b"chunked chunked",
        "semicolon": b"chunked;",
        "bracket": b"[chunked]",
        "equals": b"x=chunked",
        "backslash": b"\\chunked",
        "colon": b": chunked",
        "dot": b"chunked.",
        "cow": b"cow",
        "br": b"br, chunked",
    }
    for name, value in bad.items():
        raw = post(b"Transfer-Encoding: " + value + b"\r\n", ABC + SMUGGLED)
        yield Case(f"coding-{name}", "9112 6.1", MUST, raw, refused(400, 501))
        raw = post(b"Content-Length: 13\r\nTransfer-Encoding: " + value + b"\r\n", ABC + SMUGGLED)
        if name in (
            "xchunked",
            "identity",
            "nul",
            "vertical-tab",
            "empty",
            "quoted",
            "cow",
            "gzip-chunked",
            "twice-in-list",
        ):
            yield Case(f"coding-with-length-{name}", "9112 6.1", MUST, raw, refused(400, 501))
    lax = either(
        refused(400, 501), served(body=b"abc", head=[(b"transfer-encoding", b"chunked")], lacks=[b"content-length"])
    )
    for name, value in {
        "trailing-comma": b"chunked,",
        "leading-comma": b",chunked",
        "comma-space": b" , chunked",
    }.items():
        # RFC 9110, 5.6.1: empty list elements are ignored by a recipient; refusing them is what smuggling taught
        yield Case(f"coding-{name}", "9110 5.6.1", SAFE, post(b"Transfer-Encoding: " + value + b"\r\n", ABC), lax)
    for name, fields in {
        "space-before-colon": b"Transfer-Encoding : chunked\r\n",
        "tab-before-colon": b"Transfer-Encoding\t: chunked\r\n",
        "folded": b"Transfer-Encoding:\r\n chunked\r\n",
        "folded-tab": b"Transfer-Encoding:\r\n\tchunked\r\n",
        "leading-space": b" Transfer-Encoding: chunked\r\n",
        "folded-into-other": b"X-A: b\r\n Transfer-Encoding: chunked\r\n",
        "bare-lf-before": b"X-A: b\nTransfer-Encoding: chunked\r\n",
        "bare-cr-before": b"X-A: b\rTransfer-Encoding: chunked\r\n",
        "lf-in-value": b"Transfer-Encoding: \nchunked\r\n",
        "cr-lf-split": b"Transfer-Encoding\r\n : chunked\r\n",
        "nul-in-name": b"Transfer-Encoding\x00: chunked\r\n",
        "name-quoted": b'"Transfer-Encoding": chunked\r\n',
        "lf-behind": b"Transfer-Encoding: chunked\n\r\n",
        "lf-only-line": b"Transfer-Encoding: chunked\n",
    }.items():
        yield Case(f"coding-field-{name}", "9112 5", MUST, post(fields, ABC + SMUGGLED), REFUSED)
        raw = post(b"Content-Length: 13\r\n" + fields, ABC + SMUGGLED)
        yield Case(f"coding-field-with-length-{name}", "9112 5", MUST, raw, REFUSED)
    for name, fields in {
        "chunked-chunked": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "chunked-identity": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "identity-chunked": b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
        "chunked-cow": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n",
        "cow-chunked": b"Transfer-Encoding: cow\r\nTransfer-Encoding: chunked\r\n",
        "chunked-empty": b"Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n",
        "gzip-chunked": b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
        "case-differs": b"Transfer-Encoding: chunked\r\ntransfer-encoding: Chunked\r\n",
    }.items():
        yield Case(f"coding-lines-{name}", "9112 6.1", MUST, post(fields, ABC + SMUGGLED), refused(400, 501))
    lengthy = either(
        REFUSED, served(body=b"abc", head=[(b"transfer-encoding", b"chunked")], lacks=[b"content-length"], kept=False)
    )
    for name, fields in {
        "length-first": b"Content-Length: 13\r\nTransfer-Encoding: chunked\r\n",
        "length-last": b"Transfer-Encoding: chunked\r\nContent-Length: 13\r\n",
        "length-zero": b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
        "length-right": b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "length-odd-case": b"content-LENGTH: 6\r\ntransfer-ENCODING: chunked\r\n",
        "length-far-apart": b"Content-Length: 6\r\nX-A: 1\r\nX-B: 2\r\nTransfer-Encoding: chunked\r\n",
    }.items():
        yield Case(f"both-{name}", "9112 6.3 item 3", MUST, post(fields, ABC), lengthy)
    for name, fields in {
        "length-bad": b"Content-Length: x\r\nTransfer-Encoding: chunked\r\n",
        "lengths-differ": b"Content-Length: 3\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n",
    }.items():
        yield Case(f"both-{name}", "9112 6.3", MUST, post(fields, ABC), refused(400))
    yield Case(
        "coding-1.0",
        "9112 6.1",
        MUST,
        post(b"Transfer-Encoding: chunked\r\n", ABC, version=b"1.0"),
        either(refused(400, 501), served(body=b"abc", kept=False)),
    )
    yield Case(
        "coding-1.0-keep-alive",
        "9112 6.1",
        MUST,
        post(b"Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n", ABC + SMUGGLED, version=b"1.0"),
        either(refused(400, 501), served(body=b"abc", kept=False)),
    )
    yield Case(
        "coding-1.0-with-length",
        "9112 6.1",
        MUST,
        post(b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", ABC, version=b"1.0"),
        refused(400, 501),
    )
    ok = served(body=b"abc", head=[(b"transfer-encoding", b"chunked")], lacks=[b"content-length"], kept=True)
    streamed = either(ok, served(body=b"abc", head=[(b"content-length", b"3")], kept=True))
    for name, value in {
        "good": b"chunked",
        "case": b"cHuNkEd",
        "upper": b"CHUNKED",
        "tab": b"\tchunked",
        "spaces": b"  chunked \t ",
    }.items():
        yield Case(f"coding-{name}", "9112 7", MUST, post(b"Transfer-Encoding: " + value + b"\r\n", ABC), streamed)
    yield Case(
        "coding-good-get", "9110 9.3.1", MUST, post(b"Transfer-Encoding: chunked\r\n", ABC, method=b"GET"), streamed
    )
    yield Case(
        "coding-good-then-next",
        "9112 7.1",
        MUST,
        post(b"Transfer-Encoding: chunked\r\n", ABC + SMUGGLED),
        served(count=2, line=b"GET {p}/smuggled HTTP/1.1", kept=True),
        answers=2,
    )
    for name, fields in {
        "underscore": b"Transfer_Encoding: chunked\r\n",
        "dot": b"Transfer.Encoding: chunked\r\n",
        "x-prefix": b"X-Transfer-Encoding: chunked\r\n",
        "plural": b"Transfer-Encodings: chunked\r\n",
    }.items():
        # no framing: what follows is the next request
        kept = served(
            count=2, lacks=[] if name in ("x-prefix", "plural") else [b"transfer_encoding", b"transfer.encoding"]
        )
        yield Case(
            f"coding-lookalike-{name}",
            "9112 6.3",
            SAFE,
            post(fields, SMUGGLED),
            either(REFUSED, kept),
            answers=2,
        )
    yield Case(
        "coding-named-by-connection",
        "9110 7.6.1",
        SAFE,
        post(b"Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n", ABC),
        either(REFUSED, streamed),
    )


CASES = [*codings()]
