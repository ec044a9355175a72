"""What an upstream may answer: replies by a grammar that knows where parsers disagree, then damaged bytes."""

from dataclasses import dataclass

from tests.fuzz.request_mutator import (
    _CODINGS,
    _ENDS,
    _EXTENSIONS,
    _LENGTHS,
    _ODD_EXTENSIONS,
    _ODD_SIZES,
    _ODD_TRAILERS,
    _TRAILERS,
    _odd,
    cuts_of,
    damaged,
)

LEFT = b"LEFT-OVER"
"""What only a broken reply holds: it must never be seen in the answer to another request."""

_STATUSES = [
    b"200 OK",
    b"200 OK",
    b"200 OK",
    b"404 Not Found",
    b"204 No Content",
    b"304 Not Modified",
    b"500 x",
    b"206 P",
]
_ODD_STATUSES = [
    b"200", b"200 ", b"20 OK", b"2000 OK", b"600 x", b"099 x", b"000 x", b"101 Switching", b"100 Continue",
    b"103 Hints", b"200\tOK", b"200 \x80\xff", b"200 a\x00b", b"200 a\rb", b"200 a\nb", b" 200 OK", b"+200 OK",
    b"2e2 OK", b"", b"OK", b"199 x", b"205 Reset", b"200 \x0b", b"599 x", b"999 x", b"200  two", b"102 Processing",
    b"104 Upload",
]  # fmt: skip
_ODD_VERSIONS = [
    b"HTTP/1.2", b"HTTP/2.0", b"HTTP/0.9", b"http/1.1", b"HTTP/1.1.1", b"HTTP/11", b"ICY", b"RTSP/1.0", b"", b"HTTP/1.",
    b" HTTP/1.1", b"\r\nHTTP/1.1", b"HTTP/1.1 ", b"HTTP/1.10", b"xHTTP/1.1", b"HTTP/3",
]  # fmt: skip
_FIELDS = [
    b"X-A: b", b"Server: x", b"Date: Mon, 01 Jan 2024 00:00:00 GMT", b"Connection: close", b"Connection: keep-alive",
    b"Connection: x-a", b"Set-Cookie: a=b", b"Set-Cookie: c=d", b"X-Empty:", b"Content-Type: text/plain", b"X-B:\xe4",
    b"Keep-Alive: timeout=5", b"Vary: a, b", b"X-C:\t c \t", b"Trailer: X-T", b"X-Request-Id: z",
]  # fmt: skip
_ODD_FIELDS = [
    b"X-A : b", b" folded", b"X-A: b\r\n c", b"no colon", b": b", b"X A: b", b"X-A: b\x00c", b"X\x00: b", b"\tX: y",
    b"X-A: b\nContent-Length: 5", b"X-A: b\rY: c", b"X-A: \x01", b"X-A: \x7f", b"X\x80: b", b"X-A: b\x0b", b"(X): b",
    b"Connection: close, keep-alive", b"Connection: Upgrade\r\nUpgrade: websocket", b"Upgrade: h2c",
    b"X" * 300 + b": b", b"Connection: content-length", b"Connection: transfer-encoding", b"Connection: ,close",
    b"Proxy-Connection: close", b"Content-Length: 9", b"Content-Length: 0", b"Transfer-Encoding: chunked",
    b"HTTP/1.1 200 OK", b"X-Gateway-Side: new", b"Connection: clos", b"Date: a\r\nDate: b", b"\r", b"\n",
    b"Connection: set-cookie", b"Connection: close\r\nConnection: x",
]  # fmt: skip
_SURPLUS = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" + LEFT, LEFT, b"\r\n", b"\n", b"\r", b"\r\n\r\n", b" ", b"\0",
    b"0\r\n\r\n", b"HTTP/1.1 200 OK\r\n", b"H", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 204 N\r\n\r\n",
]  # fmt: skip
_WORDS = [
    b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b";", b",", b"\x0b", b"\x7f", b"\xff", b"0", b"-1", b"+5",
    b"5\r\n", b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: x\r\n", b"HTTP/1.0", b"HTTP/1.1", b"HTTP/1.1 200 OK\r\n", b"\r\n\r\n", b"0\r\n\r\n", b'"',
    b"chunked", b"Connection: close\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"ffffffffffffffff", b"\x80", b"\r\n ",
    LEFT,
]  # fmt: skip
_INTERIM = [
    b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
    b"HTTP/1.1 102 P\r\nX: y\r\n\r\n",
]  # fmt: skip
_ODD_INTERIM = [
    b"HTTP/1.1 100 Continue\r\nContent-Length: 9\r\n\r\n", b"HTTP/1.1 101 S\r\n\r\n", b"HTTP/1.1 100\r\n\r\n", b"\r\n",
    b"HTTP/1.0 100 Continue\r\n\r\n", b"HTTP/1.1 100 C\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"HTTP/1.1 100 C\r\nX Y: z\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n" * 10, b"HTTP/1.1 100 Continue\r\n\r\n" * 11,
    b"HTTP/1.1 199 x\r\n\r\n", b"HTTP/1.1 100 Continue\r\n", b"HTTP/1.1 100 Continue\n\n",
]  # fmt: skip


@dataclass
class ReplyCase:
    """data: all that the upstream says to one request; cuts: where its pieces end; turns: of the loop between them.
    ending: then it closes (`close`), resets (`reset`) or stays silent (`stay`). methods: of the requests that the
    clients make one after another; broken: which of them gets that reply. minor: of the clients' version.
    """

    data: bytes
    cuts: list
    turns: int = 0
    ending: str = "stay"
    methods: tuple = (b"GET", b"GET")
    broken: int = 0
    minor: int = 1


def reply_case(rng):
    oddness = rng.choice((0, 0, 1, 1, 1, 2, 2, 3))
    broken = rng.choice((0, 0, 1))
    methods = [rng.choice((b"GET", b"GET", b"GET", b"POST", b"HEAD", b"PUT")) for _ in range(broken + 2)]
    data = _reply(rng, oddness, methods[broken])
    if rng.random() < 0.15:
        data = _odd(rng, oddness * 3, _INTERIM, _ODD_INTERIM) + data
    if rng.random() < 0.12:
        data += rng.choice(_SURPLUS)
    if oddness and rng.random() < 0.45:
        data = damaged(rng, data, _WORDS)
    if rng.random() < 0.08:
        data = data[: rng.randrange(len(data) + 1)]
    return ReplyCase(
        data,
        cuts_of(rng, data),
        turns=rng.choice((0, 0, 1, 3)),
        ending=rng.choice(("stay", "stay", "close", "close", "reset")),
        methods=tuple(methods),
        broken=broken,
        minor=int(rng.random() > 0.1),
    )


def _reply(rng, oddness, method):
    version = _odd(rng, oddness, (b"HTTP/1.1",) * 6 + (b"HTTP/1.0",), _ODD_VERSIONS)
    line = version + b" " + _odd(rng, oddness, _STATUSES, _ODD_STATUSES) + b"\r\n"
    lines = [_odd(rng, oddness, _FIELDS, _ODD_FIELDS) + b"\r\n" for _ in range(rng.choice((0, 1, 1, 2, 3)))]
    framing, body = _framed(rng, oddness)
    if method == b"HEAD" and rng.random() < 0.8:
        body = b""
    lines += framing
    if oddness and rng.random() < 0.1:
        rng.shuffle(lines)
    if rng.random() < 0.004:
        lines += rng.choice(([b"X-F: 1\r\n"] * rng.choice((196, 199, 200, 205)), [b"X-F: " + b"f" * 65_500 + b"\r\n"]))
    if oddness and rng.random() < 0.04 * oddness:
        at = rng.randrange(len(lines) + 1)
        if at:
            lines[at - 1] = lines[at - 1].removesuffix(b"\r\n") + rng.choice(_ENDS)
        else:
            line = line.removesuffix(b"\r\n") + rng.choice(_ENDS)
    return line + b"".join(lines) + b"\r\n" + body


def _framed(rng, oddness):
    kind = rng.random()
    content = rng.choice((b"hello", b"", LEFT, b"\r\n", b"0\r\n\r\n", b"a" * 300, b"\x00\xff", LEFT * 3))
    if rng.random() < 0.003:
        content = bytes(rng.choice((65_536, 65_537, 200_000)))
    if kind < 0.12:
        return [], content
    return _counted(rng, oddness, content) if kind < 0.55 else _in_chunks(rng, oddness, content)


def _counted(rng, oddness, content):
    lines = [b"Content-Length: %d\r\n" % len(content)]
    if oddness and rng.random() < 0.13 * oddness:
        kind = rng.randrange(4)
        if kind == 0:
            lines.append(rng.choice((lines[0], b"Content-Length: 6\r\n", b"content-length: 0\r\n")))
        elif kind == 1:
            lines.append(b"Transfer-Encoding: " + rng.choice((b"chunked", *_CODINGS)) + b"\r\n")
        else:
            lines = [b"Content-Length: " + rng.choice((*_LENGTHS, b"3", b"7", b"10")) + b"\r\n"]
    return lines, content


def _in_chunks(rng, oddness, content):
    value = rng.choice(_CODINGS) if oddness and rng.random() < 0.08 * oddness else b"chunked"
    lines = [b"Transfer-Encoding: " + value + b"\r\n"]
    pieces, at = [], 0
    while at < len(content):
        size = max(rng.randint(1, len(content)), len(content) // 4)
        pieces.append(_chunk(rng, oddness, content[at : at + size]))
        at += size
    pieces.append(_chunk(rng, oddness, b"")[:-2])
    if rng.random() < 0.15:
        pieces.append(_odd(rng, oddness * 4, _TRAILERS, _ODD_TRAILERS) + b"\r\n")
    pieces.append(_odd(rng, oddness, (b"\r\n",), (b"\n", b"\r", b"", b"\r\n\r\n", b" \r\n", b"\r\r\n")))
    return lines, b"".join(pieces)


def _chunk(rng, oddness, piece):
    size = _odd(
        rng, oddness, (b"%x" % len(piece),), (*_ODD_SIZES, b"%x" % (len(piece) + 1), b"%X" % max(len(piece) - 1, 0))
    )
    extension = rng.choice(_EXTENSIONS) if rng.random() < 0.06 else b""
    extension = _odd(rng, oddness, (extension,), _ODD_EXTENSIONS)
    end = _odd(rng, oddness, (b"\r\n",), _ENDS)
    return size + extension + end + piece + _odd(rng, oddness, (b"\r\n",), (*_ENDS, b"xx", b"x\r\n"))
