"""What a client may send: pipelines of requests by a grammar that knows where parsers disagree, then damaged bytes.

Everything comes from the case's own random numbers, so a seed and an index say all. About a third of the cases are
valid, so that what lies behind a head (pipelines, bodies, endings) is reached as often as what refuses it.
"""

from dataclasses import dataclass

HEAD_BYTES, MAX_FIELDS, TARGET_BYTES = 1024, 24, 256
"""The limits that the gateway runs with here: near enough to be met."""

_METHODS = [b"GET", b"POST", b"PUT", b"HEAD", b"DELETE", b"OPTIONS", b"PATCH", b"GET", b"POST", b"POST"]
_ODD_METHODS = [
    b"get", b"propfind", b"!#$%&'*+-.^_`|~",
    b"CONNECT", b"TRACE", b"PRI", b"M-SEARCH", b"PROPFIND", b"X" * 32, b"X" * 33, b"G\0ET", b"", b"GET ",
    b"GET\t", b"G(ET", b"QUERY", b"_", b"P@ST", b"BREW", b"GE\x80T", b"1", b"A1",
]  # fmt: skip
_TARGETS = [b"/", b"/a", b"/a?b=c", b"/a%20b?x=%0d%0a", b"/a//b/../c", b"/a?", b"/%2e%2e/x", b"/a;b=c"]
_ODD_TARGETS = [
    b"*", b"http://test/a", b"http://test", b"HTTP://TEST/", b"http://other/a", b"http://test:80/a", b"https://test/a",
    b"http://a@test/a", b"ftp://test/a", b"//test/a", b"a", b"", b"/a#b", b"/a b", b"/a\tb", b"/\x80", b"/\x00",
    b"/\x7f", b"test:80", b"http:///a", b"http://[::1]/a", b"http://test?x", b"http://test:99999/",
    b"/" + b"t" * (TARGET_BYTES - 1), b"/" + b"t" * TARGET_BYTES, b"http://test#", b"http://te st/a", b"/a\\b", b'/"<>',
    b"/{}|^`", b"https://test:443/a", b"http://test:/a", b"/ HTTP/1.1", b"/%", b"/%zz", b"http://test/a HTTP/1.1\r\nX:",
]  # fmt: skip
_ODD_VERSIONS = [
    b"HTTP/1.2", b"HTTP/1.9", b"HTTP/2.0", b"HTTP/0.9", b"HTTP/1.10", b"HTTP/2", b"HTTP/1", b"http/1.1", b"HTTP/1.1 ",
    b" HTTP/1.1", b"HTTP/11", b"HTTP/1,1", b"HTTP/01.1", b"", b"HTTP/1.1\t", b"HTTP/3", b"ICE/1.0", b"HTTP/1.\xb2",
    b"HTTP/9.9", b"HTTP /1.1", b"RTSP/1.0",
]  # fmt: skip
_ODD_HOSTS = [
    b"", b"Host: other\r\n", b"Host: test\r\nHost: test\r\n", b"Host:\r\n", b"Host: test:80\r\n", b"Host: test:\r\n",
    b"Host: test:0\r\n", b"Host: test:65536\r\n", b"Host: te st\r\n", b"Host: test, b\r\n", b"Host: a@test\r\n",
    b"Host: [::1]\r\n", b"Host: [::1]:80\r\n", b"Host: [::g]\r\n", b"Host: test/\r\n", b"Host: TEST\r\n",
    b"Host: test\\\r\n", b"Host: %41\r\n", b"Host: %4\r\n", b"Host: t\x80st\r\n", b"Host : test\r\n",
    b" Host: test\r\n", b"Host: test\r\nhost: b\r\n", b"Host:test\r\n", b"Host:\t test \t\r\n", b"Host: test:00080\r\n",
    b"Host: [::1\r\n", b"Host: [v1.a]\r\n", b"Host: test?a\r\n", b"Host: test#a\r\n", b"Host: " + b"h" * 256 + b"\r\n",
    b"Host: 1.2.3.4:8\r\n", b"X-Host: test\r\n", b"Host\x00: test\r\n", b"Host: te\x00st\r\n", b"Host: test\x0b\r\n",
    b"Host: [::1]x\r\n",
]  # fmt: skip
_LENGTHS = [
    b"+5", b"-5", b"05", b"5 ", b" 5", b"5,5", b"5, 5", b"0x5", b"5.0", b"5e0", b"", b"1 5", b"\x0b5", b"5\x0b", b"00",
    b"9" * 18, b"9" * 19, b"9" * 30, b"4294967297", b"\xb2", b"5;", b"5\x00", b"5,", b"five", b"5_0", b"\xd9\xa5", b"0",
    b"\t5\t",
]  # fmt: skip
_CODINGS = [
    b"Chunked", b"CHUNKED", b" chunked ", b"chunked,", b",chunked", b"chunked, chunked", b"gzip, chunked",
    b"chunked, gzip", b"identity", b"gzip", b"", b"\x0bchunked", b"chunked\x0b", b"chunked;q=1", b"chunke", b"chunkedx",
    b"x, chunked", b'"chunked"', b"chunked\x00", b"identity, chunked", b"chunked identity", b"\tchunked\t",
    b"gzip\r\n chunked", b"chunked\r\n", b"xchunked",
]  # fmt: skip
_CODING_NAMES = [
    b"Transfer-Encoding :", b"Transfer_Encoding:", b" Transfer-Encoding:", b"\tTransfer-Encoding:",
    b"TRANSFER-ENCODING:", b"Transfer-Encoding", b"X: y\nTransfer-Encoding:", b"X: y\rTransfer-Encoding:",
    b"Transfer-Encoding\x00:", b"X: y\r\n Transfer-Encoding:", b"Transfer\x85Encoding:", b"Transfer-Encoding\x0b:",
    b"transfer-encoding:",
]  # fmt: skip
_FIELDS = [
    b"X-A: b", b"Accept: */*", b"Connection: close", b"Connection: keep-alive", b"Connection: x-a", b"Cookie: a=b",
    b"X-Forwarded-For: 1.2.3.4", b"Expect: 100-continue", b"TE: trailers", b"Authorization: x", b"User-Agent:",
    b"A:\xff", b"X-Request-Id: abc", b"Connection: Keep-Alive, x", b"Trailer: X-T", b'Content-Type: a/b;c="d"',
]  # fmt: skip
_ODD_FIELDS = [
    b"X-A : b", b" folded", b"\tfolded", b"X-A: b\r\n c", b"X-A: b\r\n\tc", b"no colon", b":", b": b", b"X A: b",
    b"X-A: b\x00c", b"X\x00: b", b"X-A: b\nContent-Length: 5", b"X-A: b\rY: c", b"X-A: \x01", b"X-A: \x7f", b"X\x80: b",
    b"X-A: b\x0b", b"X-A: b\x0c", b"(X): b", b"X;: b", b"X" * 256 + b": b", b"X" * 257 + b": b", b"Expect: 200-ok",
    b"Expect: 100-continue, x", b"Expect: 100-Continue", b"Expect:", b"Upgrade: websocket",
    b"Connection: Upgrade\r\nUpgrade: websocketx", b"Connection: Upgrade\r\nUpgrade: h2c", b"Upgrade: h2c, websocket",
    b"Connection: close, keep-alive", b"Connection: clos", b"Connection: ,", b"Connection: close\r\nConnection: x",
    b"X-A: " + b"y" * 700, b"Connection: host, content-length", b"Connection: transfer-encoding",
    b"Proxy-Connection: close", b"Content_Length: 5", b"X-A: b\r", b"\r", b"\n", b"Keep-Alive: 5", b"HTTP/1.1 200 OK",
    b"GET / HTTP/1.1", b"Transfer-Encoding: chunked", b"Content-Length: 5", b"\xefX: y", b"X-A:\x0b b", b"X\t: y",
    b"\x0bX: y",
]  # fmt: skip
_ENDS = [b"\n", b"\r", b"\r\r\n", b"\n\r", b"\r\n\r\n", b"", b"\x00\r\n", b" \r\n", b"\r\n ", b"\x0b\r\n", b"\x85"]
_EXTENSIONS = [
    b";a", b";a=b", b';a="b"', b';a="\\""', b" ;a", b"; a", b";a =b", b";a= b", b"\t;\ta", b";a;b=c",
]  # fmt: skip
_ODD_EXTENSIONS = [
    b";", b";=", b";a=", b"; ", b" ", b"\t", b';a="b', b";a\x00", b";a=b c", b";\n", b";a\rb", b"x", b';a="\x00"',
    b" 5", b";;a", b",a", b';a="\n"', b";a=\x80", b';a="\x80"', b";" + b"e" * 1030, b";a\r", b"\x0b",
]  # fmt: skip
_ODD_SIZES = [
    b"", b"0x5", b"+5", b"-5", b" 5", b"5 ", b"g", b"5\x00", b"0" * 14 + b"5", b"0" * 15 + b"5", b"f" * 15, b"f" * 16,
    b"f" * 17, b"1" + b"0" * 16, b"5.", b"\xb2", b"05", b"0" * 20 + b"5", b"0" * 21 + b"5", b"5_0", b"\n5", b"\r\n5",
]  # fmt: skip
_TRAILERS = [b"X-T: y", b"X-T:", b"X-T: y\r\nX-U: z"]
_ODD_TRAILERS = [
    b"Content-Length: 5", b"Transfer-Encoding: chunked", b"Host: b", b"X T: y", b"X-T : y", b" folded", b"no colon",
    b"X: \x00", b"X-T: y\nZ: q", b":", b"X" * 257 + b": y", b"X-T: y\r\n folded", b"X-T: " + b"y" * 1100, b"X: y\rz",
    b"Authorization: q", b"GET / HTTP/1.1", b"Transfer-Encoding: x\r\nContent-Length: 1",
    b"Content-Length: 1\r\nContent-Length: 2", b"Host: x y",
]  # fmt: skip
_WORDS = [
    b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b";", b",", b"\x0b", b"\x7f", b"\xff", b"0", b"-1", b"+5", b"0x5",
    b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: x\r\n",
    b"Host: a\r\n", b"chunked", b"HTTP/1.0", b"HTTP/1.1", b"GET / HTTP/1.1\r\n", b"\r\n\r\n", b"0\r\n\r\n", b'"',
    b" chunked", b"Connection: close\r\n", b"5\r\n", b"ffffffffffffffff", b"\x80", b"\r\n ", b"Upgrade: websocket\r\n",
    b"\r\r\n",
]  # fmt: skip
_ENDINGS = ["eof"] * 12 + ["silence"] + ["abort"] * 3


@dataclass
class RequestCase:
    """data: all that the client sends; cuts: where its pieces end; turns: of the loop after each piece. ending: it
    closes its sending side (`eof`), goes away (`abort`), or says nothing more and waits (`silence`). slow: it takes its
    answers late. chunked: how the origin frames its replies.
    """

    data: bytes
    cuts: list
    turns: int = 0
    ending: str = "eof"
    slow: bool = False
    chunked: bool = False


def request_case(rng):
    oddness = rng.choice((0, 0, 0, 1, 1, 1, 1, 2, 2, 3))
    data = b"".join([_request(rng, oddness) for _ in range(rng.choice((1, 1, 1, 2, 2, 3)))])
    if oddness and rng.random() < 0.45:
        data = damaged(rng, data, _WORDS)
    if rng.random() < 0.06:
        data = data[: rng.randrange(len(data) + 1)]
    number = rng.random()
    return RequestCase(
        data,
        cuts_of(rng, data),
        turns=rng.choice((0, 0, 1, 3)),
        ending=rng.choice(_ENDINGS),
        slow=number < 0.05,
        chunked=number > 0.5,
    )


def cuts_of(rng, data):
    """Where the stream is cut: nowhere, anywhere, around line ends, after every byte."""
    size, kind = len(data), rng.randrange(20)
    if size < 2 or kind < 7:
        return []
    if kind == 19 and size < 400:
        return list(range(1, size))
    if kind > 13:
        ends = [at for at in range(1, size) if data[at] == 10 or data[at - 1] == 10]
        return sorted(rng.sample(ends, k=min(len(ends), 6)))
    return sorted(rng.sample(range(1, size), k=min(size - 1, rng.choice((1, 1, 2, 3, 8)))))


def damaged(rng, data, words):
    """One to three of: a word put in, bytes taken out, changed, repeated, or a line doubled elsewhere."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 3))):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(7)
        if kind == 0:
            data[at:at] = rng.choice(words)
        elif kind == 1:
            del data[at : at + rng.randint(1, 8)]
        elif kind == 2 and at < len(data):
            data[at] = rng.randrange(256)
        elif kind == 3:
            data[at:at] = data[at : at + rng.randint(1, 40)]
        elif kind == 4 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 5:
            line = data.find(b"\r\n", at)
            data[line + 2 : line + 2] = rng.choice(words)
        else:
            start, end = data.find(b"\r\n", at), data.find(b"\r\n", at + rng.randint(1, 60))
            data[at:at] = data[max(start, 0) : max(end, 0)]
    return bytes(data)


def _odd(rng, oddness, usual, strange):
    return rng.choice(strange) if oddness and rng.random() < 0.055 * oddness else rng.choice(usual)


def _request(rng, oddness):
    method = _odd(rng, oddness, _METHODS, _ODD_METHODS)
    target = _odd(rng, oddness, _TARGETS, _ODD_TARGETS)
    usual = (b"HTTP/1.1",) * 9 + (b"HTTP/1.0",)
    lines = [_odd(rng, oddness, (b"Host: test\r\n",), _ODD_HOSTS)]
    lines += [_odd(rng, oddness, _FIELDS, _ODD_FIELDS) + b"\r\n" for _ in range(rng.choice((0, 0, 1, 1, 2, 3)))]
    framing, body = _framed(rng, oddness, method)
    lines += framing
    if oddness and rng.random() < 0.1:
        rng.shuffle(lines)
    if rng.random() < 0.01:
        lines += _filling(rng, method, target, lines)
    line = method + b" " + target + b" " + _odd(rng, oddness, usual, _ODD_VERSIONS) + b"\r\n"
    if oddness and rng.random() < 0.04 * oddness:
        each = rng.randrange(len(lines) + 1)
        end = rng.choice(_ENDS)
        if each:
            lines[each - 1] = lines[each - 1].removesuffix(b"\r\n") + end
        else:
            line = line.removesuffix(b"\r\n") + end
    empty = b"\r\n" * rng.choice((1, 2, 4, 5)) if rng.random() < 0.02 else b""
    return empty + line + b"".join(lines) + b"\r\n" + body


def _filling(rng, method, target, lines):
    """A head of exactly, or nearly, as many bytes or fields as are allowed."""
    if rng.random() < 0.4:
        return [b"X-F: 1\r\n"] * max(MAX_FIELDS - len(lines) + rng.choice((-1, 0, 0, 1)), 0)
    size = len(method) + len(target) + len("  HTTP/1.1\r\n") + sum(map(len, lines)) + len("X-F: \r\n")
    return [b"X-F: " + b"f" * max(HEAD_BYTES - size + rng.choice((-1, 0, 0, 1, 2)), 0) + b"\r\n"]


def _framed(rng, oddness, method):
    kind = rng.random()
    if kind < (0.15 if method in {b"POST", b"PUT", b"PATCH"} else 0.75):
        return [], b""
    content = _content(rng)
    if kind < 0.85 if kind > 0.75 else kind < 0.5:
        return _counted(rng, oddness, content)
    return _in_chunks(rng, oddness, content)


def _content(rng):
    number = rng.random()
    if number < 0.002:
        return bytes(rng.choice((65_535, 65_536, 65_537, 150_000)))
    if number < 0.1:  # a body that would be a request
        return b"GET /inner HTTP/1.1\r\nHost: inner\r\n\r\n"
    return rng.choice((b"hello", b"", b"x", b"\r\n", b"0\r\n\r\n", b"a" * 40, b"\r\n\r\n", b"\x00\xff"))


def _counted(rng, oddness, content):
    value = b"%d" % len(content)
    lines = [b"Content-Length: " + value + b"\r\n"]
    if oddness and rng.random() < 0.16 * oddness:
        kind = rng.randrange(5)
        if kind == 0:
            lines.append(rng.choice((lines[0], b"Content-Length: 6\r\n", b"content-length: 0\r\n")))
        elif kind == 1:
            name = rng.choice((b"Transfer-Encoding:", *_CODING_NAMES))
            lines.append(name + b" " + rng.choice((b"chunked", *_CODINGS)) + b"\r\n")
        elif kind == 2:
            lines = [rng.choice((b"Content-Length :", b" Content-Length:", b"Content_Length:")) + value + b"\r\n"]
        else:
            lines = [b"Content-Length: " + rng.choice(_LENGTHS) + b"\r\n"]
    return lines, content


def _in_chunks(rng, oddness, content):
    name, value = b"Transfer-Encoding:", b"chunked"
    if oddness and rng.random() < 0.08 * oddness:
        value = rng.choice(_CODINGS)
    if oddness and rng.random() < 0.04 * oddness:
        name = rng.choice(_CODING_NAMES)
    lines = [name + b" " + value + b"\r\n"]
    if oddness and rng.random() < 0.03 * oddness:
        lines.append(rng.choice((lines[0], b"Transfer-Encoding: identity\r\n", b"Content-Length: 5\r\n")))
    pieces, at = [], 0
    while at < len(content):
        size = max(rng.randint(1, len(content)), len(content) // 4)
        pieces.append(_chunk(rng, oddness, content[at : at + size]))
        at += size
    pieces.append(_chunk(rng, oddness, b"")[:-2])
    if rng.random() < 0.15:
        pieces.append(_odd(rng, oddness * 5, _TRAILERS, _ODD_TRAILERS) + b"\r\n")
    pieces.append(_odd(rng, oddness, (b"\r\n",), (b"\n", b"\r", b"", b"\r\n\r\n", b" \r\n", b"\r\r\n")))
    return lines, b"".join(pieces)


def _chunk(rng, oddness, piece):
    size = b"%X" % len(piece) if rng.random() < 0.3 else b"%x" % len(piece)
    size = _odd(rng, oddness, (size,), (*_ODD_SIZES, b"%x" % (len(piece) + 1), b"%x" % max(len(piece) - 1, 0)))
    extension = rng.choice(_EXTENSIONS) if rng.random() < 0.1 else b""
    extension = _odd(rng, oddness, (extension,), _ODD_EXTENSIONS)
    end = _odd(rng, oddness, (b"\r\n",), _ENDS)
    return size + extension + end + piece + _odd(rng, oddness, (b"\r\n",), (*_ENDS, b"xx", b"x\r\n"))
