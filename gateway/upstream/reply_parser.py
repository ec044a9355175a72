"""Reads one reply from the bytes of a connection: no I/O, and the only file that knows httptools (llhttp).

Rules, in the order in which they apply:

1.  The head's bytes are held until CRLF CRLF, at most 64 KiB of them, and read as strictly as a request's: no obs-fold,
    bare CR or LF, space before the colon, NUL or control byte, no Content-Length beside Transfer-Encoding, and no
    repeated, listed, signed or empty Content-Length. Names and lengths that nothing in use has are refused, too.
2.  1xx heads are kept in `interim` for the exchange to take, ten of them at most; one that declares a body is refused,
    and 101 too: nobody asked for an upgrade.
3.  Framing is RFC 9112 section 6.3: no body for HEAD, 204 and 304; then exactly `chunked` (HTTP/1.1 only), then
    Content-Length (counted here, so that bodies are passed on uncopied and a surplus is seen), then until close.
4.  Chunks are llhttp's, in a parser that is given a head of our own first: the two cannot disagree about what the
    reply's head said. Trailers are read and dropped, those that speak of framing refused. Extensions, sizes and
    trailers may not go on for more than 64 KiB without a byte of body; trailers have at most 200 fields.
5.  Every byte after the end of the reply is `surplus`: the connection that sent it cannot be trusted again, and none
    of it is ever taken for a part of this reply.

A parser serves one reply and is then dropped: httptools cannot be told that a reply has no body (HEAD), nor be
unwound from a half-read one. It holds no reference to itself, so it is freed without the garbage collector.
"""

import re
from enum import IntEnum
from typing import Final

from httptools import HttpParserError, HttpResponseParser

from gateway.rules.framing import MAX_LENGTH_DIGITS
from gateway.rules.tokens import FIELD_NAMES, MAX_NAME, are_lines, field_value
from gateway.upstream.api import Headers

MAX_HEAD_BYTES: Final = 65_536
MAX_FIELDS: Final = 200
MAX_INTERIM_REPLIES: Final = 10
MAX_PIECES: Final = 64

_STATUSES: Final = {b" %d" % status: status for status in range(100, 600)}
_AFTER_STATUS: Final = frozenset((b" ", b""))
"""A reason may follow, of anything but control characters; or not even the space before it (RFC 9112 section 4)."""

_BARE_LF: Final = re.compile(rb"(?<!\r)\n")
_START: Final = b"HTTP/1."
_END: Final = b"\r\n\r\n"
_CHUNKED_HEAD: Final = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding", b"connection"})


class MalformedReplyError(Exception):
    """The reply is not HTTP/1.x, is ambiguous, or is over a limit; the text says which and holds no bytes of it."""


class _Phase(IntEnum):
    HEAD = 0
    COUNTED = 1
    CHUNKED = 2
    UNTIL_CLOSE = 3
    ENDED = 4


class _Fields:
    """What a head says, and what llhttp calls back for chunks and trailers. `on_body` is the bound `append` of the list
    that the body's pieces go to.
    """

    __slots__ = ("coding", "connection", "ended", "headers", "length", "on_body")

    def __init__(self, pieces: list[bytes]) -> None:
        self.headers: Headers = []
        self.length: bytes | None = None
        self.coding: bytes | None = None
        self.connection: bytes | None = None
        self.on_body = pieces.append
        self.ended = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(name) > MAX_NAME:
            raise MalformedReplyError("A field of the reply has a name that is too long.")
        self.add(name.lower(), value.rstrip(b" \t"))

    def add(self, name: bytes, value: bytes) -> None:
        """name: in lower case. value: without the blanks around it."""
        if name in _FRAMING:
            self._note(name, value)
        else:
            self.headers.append((name, value))

    def _note(self, name: bytes, value: bytes) -> None:
        if name == b"connection":
            self.headers.append((name, value))
            self.connection = value if self.connection is None else self.connection + b"," + value
        elif name == b"content-length":
            if self.length is not None or not value.isdigit():
                raise MalformedReplyError("The reply's Content-Length is not one plain number.")
            self.length = value
        else:
            self.coding = value if self.coding is None else self.coding + b"," + value

    def on_message_begin(self) -> None:
        if self.ended:
            raise MalformedReplyError("Another reply follows.")

    def on_message_complete(self) -> None:
        self.ended = True

    def keeps_alive(self, *, http10: bool) -> bool:
        """RFC 9112 section 9.3: `close` ends it, HTTP/1.0 needs `keep-alive`."""
        if self.connection is None:
            return not http10
        options = {option.strip(b" \t") for option in self.connection.lower().split(b",")}
        return b"close" not in options and (not http10 or b"keep-alive" in options)


class ReplyParser:
    """Fed by a connection with what it receives; the exchange reads the attributes after each call.

    status: 0 until the final head is complete; then `headers` and `content_length` are set.
    interim: the 1xx replies that have arrived and that nobody has taken yet, each with its fields.
    pieces: the body as it arrived; the reader empties this list, never replaces it.
    complete: the reply has ended as its framing says. keep_alive: the upstream keeps the connection afterwards.
    """

    __slots__ = (
        "_chunks",
        "_fields",
        "_held",
        "_interim_count",
        "_no_body",
        "_overhead",
        "_phase",
        "_remaining",
        "_tail",
        "complete",
        "content_length",
        "headers",
        "interim",
        "keep_alive",
        "pieces",
        "status",
        "surplus",
    )

    def __init__(self, *, head_request: bool) -> None:
        self.status = 0
        self.headers: Headers = []
        self.content_length: int | None = None
        self.interim: list[tuple[int, Headers]] | None = None
        self.pieces: list[bytes] = []
        self.complete = False
        self.keep_alive = False
        self.surplus = False
        self._no_body = head_request
        self._phase = _Phase.HEAD
        self._held: bytearray | None = None
        self._interim_count = 0
        self._remaining = 0
        self._chunks: HttpResponseParser | None = None
        self._fields: _Fields | None = None
        self._tail = b""
        self._overhead = 0

    @property
    def begun(self) -> bool:
        """Whether any byte of a reply has arrived, an interim one too: the upstream has seen the request."""
        return bool(self.status or self._interim_count or self._held)

    def feed(self, data: bytes) -> None:
        """Takes the next bytes of the connection. Raises MalformedReplyError, after which the parser is of no use."""
        phase = self._phase
        if phase is _Phase.HEAD:
            self._feed_head(data)
        elif phase is _Phase.COUNTED:
            self._feed_counted(data)
        elif phase is _Phase.CHUNKED:
            self._feed_chunked(data)
        elif phase is _Phase.UNTIL_CLOSE:
            self.pieces.append(data)
        else:
            self.surplus = True
        if len(self.pieces) > MAX_PIECES:
            self.pieces[:] = [b"".join(self.pieces)]

    def eof(self) -> bool:
        """The connection ended in good order: whether that leaves a complete reply."""
        if self._phase is _Phase.UNTIL_CLOSE:
            self._end()
        return self.complete

    def _feed_head(self, data: bytes) -> None:
        while data:
            end = data.find(_END) if self._held is None else -1
            if end < 0:
                whole = self._hold(data)
                if whole is None:
                    return
                data, self._held = whole, None
                end = data.find(_END)
            if end + 4 > MAX_HEAD_BYTES:
                raise MalformedReplyError("The reply's head is too large.")
            self._read_head(data[: end + 4])
            data = data[end + 4 :]
            if self.status:
                if data:
                    self.feed(data)
                return

    def _hold(self, data: bytes) -> bytes | None:
        """Keeps a piece of a head; returns all of it once its end is there. Fails early where it cannot become one."""
        held = self._held
        if held is None:
            held = self._held = bytearray()
        searched = max(len(held) - 3, 0)
        held += data
        end = held.find(_END, searched)
        if not held.startswith(_START[: len(held)]):
            raise MalformedReplyError("The reply is not HTTP/1.x.")
        if end >= 0:
            return bytes(held)
        if len(held) > MAX_HEAD_BYTES:
            raise MalformedReplyError("The reply's head is too large.")
        if _BARE_LF.search(held, searched):
            raise MalformedReplyError("A line of the reply's head does not end in CRLF.")
        return None

    def _read_head(self, head: bytes) -> None:
        lines = head[:-4].split(b"\r\n")
        first = lines[0]
        status = _STATUSES.get(first[8:12], 0) if first.startswith(b"HTTP/1.") else 0
        if not status or not b"0" <= first[7:8] <= b"9" or first[12:13] not in _AFTER_STATUS:
            raise MalformedReplyError("The reply's status line is not valid.")
        if status == 101:
            raise MalformedReplyError("The upstream switched protocols without being asked.")
        if not are_lines(lines):
            raise MalformedReplyError("The reply's head holds a bare line end or a control character.")
        if len(lines) - 1 > MAX_FIELDS:
            raise MalformedReplyError("The reply has too many header fields.")
        fields = _Fields(self.pieces)
        for line in lines[1:]:
            raw, colon, text = line.partition(b":")
            name = FIELD_NAMES[raw]
            if name is None or not colon:
                raise MalformedReplyError("A field of the reply's head has no valid name.")
            fields.add(name, field_value(text))
        if status < 200:
            self._keep_interim(status, fields)
        else:
            self._frame(status, fields, http10=first[7:8] == b"0")  # RFC 9110 section 2.5: a later one is read as 1.1

    def _keep_interim(self, status: int, fields: _Fields) -> None:
        """RFC 9112 section 6.3: it has no body, so what says that there is one cannot be read in one way."""
        self._interim_count += 1
        if self._interim_count > MAX_INTERIM_REPLIES:
            raise MalformedReplyError("The upstream sent too many interim replies.")
        if fields.coding is not None or (fields.length or b"").strip(b"0"):
            raise MalformedReplyError("An interim reply declares a body.")
        if self.interim is None:
            self.interim = []
        self.interim.append((status, fields.headers))

    def _frame(self, status: int, fields: _Fields, *, http10: bool) -> None:
        coding = fields.coding
        if coding is not None and (http10 or coding.lower() != b"chunked"):
            raise MalformedReplyError("The reply's Transfer-Encoding is not exactly chunked, or is of HTTP/1.0.")
        if coding is not None and fields.length is not None:
            raise MalformedReplyError("The reply has both a Content-Length and a Transfer-Encoding.")
        if fields.length is not None and len(fields.length) > MAX_LENGTH_DIGITS:
            raise MalformedReplyError("The reply's Content-Length is larger than any body.")
        self.status = status
        self.headers = fields.headers
        self.keep_alive = fields.keeps_alive(http10=http10)
        if fields.length is not None and status != 204:
            self.content_length = int(fields.length)
        if self._no_body or status in {204, 304}:
            self._end()
        elif coding is not None:
            self._begin_chunks()
        elif self.content_length is None:
            self._phase = _Phase.UNTIL_CLOSE
            self.keep_alive = False
        elif self.content_length:
            self._phase = _Phase.COUNTED
            self._remaining = self.content_length
        else:
            self._end()

    def _begin_chunks(self) -> None:
        self._phase = _Phase.CHUNKED
        self._fields = _Fields(self.pieces)
        self._chunks = HttpResponseParser(self._fields)
        self._chunks.feed_data(_CHUNKED_HEAD)

    def _feed_counted(self, data: bytes) -> None:
        remaining = self._remaining - len(data)
        if remaining > 0:
            self._remaining = remaining
            self.pieces.append(data)
            return
        if remaining < 0:
            self.surplus = True
            data = data[:remaining]
        self.pieces.append(data)
        self._end()

    def _feed_chunked(self, data: bytes) -> None:
        parser, fields = self._chunks, self._fields
        if parser is None or fields is None:
            raise AssertionError("chunks without their parser")
        before = len(self.pieces)
        try:
            parser.feed_data(data)
        except HttpParserError as error:
            if not fields.ended:
                raise MalformedReplyError(f"The reply's chunks are not valid: {error}") from error
            self.surplus = True
        self._overhead = 0 if len(self.pieces) > before else self._overhead + len(data)
        if self._overhead > MAX_HEAD_BYTES or len(fields.headers) > MAX_FIELDS:
            raise MalformedReplyError("The reply's chunk extensions or trailers are too large.")
        self._tail = (self._tail + data)[-5:]
        if fields.ended:
            if fields.length is not None or fields.coding != b"chunked":
                raise MalformedReplyError("A trailer of the reply speaks of framing.")
            self.surplus = self.surplus or not _ends_a_chunked_body(self._tail)
            self._end()

    def _end(self) -> None:
        self.complete = True
        self._phase = _Phase.ENDED
        self._chunks = self._fields = None


def _ends_a_chunked_body(tail: bytes) -> bool:
    """Whether nothing follows the end. llhttp skips CR and LF after it without a word, but no line of a chunked body's
    end is empty but the last: an octet other than CR or LF stands right before the last four.
    """
    return tail.endswith(_END) and tail[0] not in _END
