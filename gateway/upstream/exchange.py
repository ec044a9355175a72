"""One request and its reply on one connection: the `UpstreamResponse` of the HTTP/1.1 client.

Rules:

1.  The request is `sent` once its last byte is written. Until then an upload task writes it beside the reply.
2.  At most one caller waits: first for the head (in `send`), then for a piece of the body. Whatever happens to the
    connection is noted here and wakes it; in a `Runner` it then goes on at once, so waking is the last thing that is
    done. Pieces that arrived are handed out before an error is.
3.  The first error counts and cuts the connection. After the reply is complete nothing is an error any more.
4.  A complete reply that ends the connection also ends the upload; one that keeps it lets the upload go on.
5.  An iterated body whose client waits for 100 (`expects_continue`) is held: until the upstream says 100, until it has
    answered, which ends the request unsent, or until `CONTINUE_SECONDS` are over, for not every upstream says it.
6.  `aclose` gives the connection back only if request and reply are complete, the reply not before the request (who
    answers early may take the rest of the body for the next request), the upstream keeps it alive and sent nothing
    after the reply. In every other case the connection is cut. It decides this before it waits for anything.
7.  Three deadlines, read by the client's sweep: `total` for all; `read` while a body is held, while someone waits for
    the head (set when the request is sent, not moved by what trickles in) or for a piece of the body; `write` while
    the upstream does not take what is written, moved on as long as it takes some of it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from math import inf
from typing import Final

from gateway.errors import UpstreamError, UpstreamErrorKind
from gateway.runner import Runner, park, running
from gateway.upstream.api import BodyLengthError, Headers, OutboundRequest, Timeouts
from gateway.upstream.connection import Connection
from gateway.upstream.failures import upstream_error
from gateway.upstream.reply_parser import MalformedReplyError, ReplyParser
from gateway.upstream.tls_words import in_words, refuses_us
from gateway.upstream.upload import send_body

CONTINUE_SECONDS = 1.0
"""How long a body is held for an upstream to say 100 (RFC 9110 section 10.1.1); what curl waits, too."""

READ_AHEAD_BYTES: Final = 65_536
"""How much of a body waits here before reading from the socket stops; one read more (256 KiB) may come on top."""


class Exchange:
    """Made by the client for each request, on a connection that is its own until `aclose`."""

    __slots__ = (
        "_closed",
        "_connection",
        "_error",
        "_held",
        "_is_stream",
        "_loop",
        "_on_interim",
        "_parser",
        "_paused",
        "_read_deadline",
        "_runner",
        "_sent",
        "_timeouts",
        "_total_deadline",
        "_unsent",
        "_upload",
        "_upload_stopped",
        "_waiter",
        "_write_deadline",
        "content_length",
        "headers",
        "status",
    )

    def __init__(
        self,
        connection: Connection,
        timeouts: Timeouts,
        *,
        head_request: bool,
        total_deadline: float,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.status = 0
        self.headers: Headers = []
        self.content_length: int | None = None
        self._loop = loop
        self._connection = connection
        self._timeouts = timeouts
        self._parser = ReplyParser(head_request=head_request)
        self._waiter: asyncio.Future[None] | None = None
        self._runner: Runner | None = None
        self._upload: asyncio.Task[None] | None = None
        self._error: BaseException | None = None
        self._held: OutboundRequest | None = None
        self._is_stream = False
        self._on_interim: Callable[[int, Headers], None] | None = None
        self._upload_stopped = False
        self._sent = False
        self._paused = False
        self._closed = False
        self._unsent = 0
        self._read_deadline = inf
        self._write_deadline = inf
        self._total_deadline = total_deadline
        connection.exchange = self

    # -- the request

    def start(self, head: bytes, request: OutboundRequest) -> None:
        """Writes the head, with the body where that is complete; begins the upload of an iterated one, or holds it."""
        body = request.body
        self._on_interim = request.on_interim
        self._is_stream = request.is_stream
        if body is None or isinstance(body, bytes):
            self._sent = True
            self._connection.write(head)
            self._await_reply()
            return
        self._connection.write(head)
        self._held = request
        if request.expects_continue:
            self._read_deadline = self._loop.time() + CONTINUE_SECONDS
        else:
            self._begin_upload()

    def _begin_upload(self) -> None:
        """Of the body that is held, if there is one: once, and not after the answer."""
        request, self._held = self._held, None
        if request is None or self._closed or self._error is not None:
            return
        self._read_deadline = inf
        assert request.body is not None  # noqa: S101 - what is held has an iterated body
        assert not isinstance(request.body, bytes)  # noqa: S101
        upload = self._send(request.body, request.content_length)
        self._upload = self._loop.create_task(upload, name=f"upload to {self._connection.name}")

    async def _send(self, body: AsyncIterator[bytes], length: int | None) -> None:
        try:
            await send_body(self._connection, body, length, self._progressed)
        except asyncio.CancelledError:
            if not self._upload_stopped:
                self._fail(BodyLengthError("the body was cancelled before its end"))
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for the reply
            self._fail(error)
        else:
            self._sent = not (self._connection.closed or self._parser.complete)
            self._await_reply()

    def _await_reply(self) -> None:
        if self._connection.writable and not self.status:
            limit = self._timeouts.first_byte
            self._read_deadline = inf if limit is None else self._loop.time() + limit

    def _progressed(self) -> None:
        """A piece of the upload was written: whoever waits for the reply's body waits for a lively upstream."""
        if self._read_deadline != inf:
            self._read_deadline = self._idle_deadline()

    # -- the reply, as the caller sees it

    async def wait_for_head(self) -> None:
        """Returns when `status`, `headers` and `content_length` are set; raises what `send` promises."""
        while not self.status:
            if self._error is not None:
                raise self._error
            await self._wait()

    async def read(self) -> bytes:
        while True:
            piece = self.read_nowait()
            if piece is not None:
                return piece
            self._read_deadline = inf if self._is_stream else self._idle_deadline()
            try:
                await self._wait()
            finally:
                self._read_deadline = inf

    def read_nowait(self) -> bytes | None:
        pieces = self._parser.pieces
        if pieces:
            piece = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            pieces.clear()
            if self._paused:
                self._paused = False
                self._connection.resume_reading()
            return piece
        if self._parser.complete:
            return b""
        if self._error is not None:
            raise self._error
        if self._closed:
            raise self._error_of(UpstreamErrorKind.CLOSED)
        return None

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        upload = self._stop_upload()
        if self._is_reusable():
            if self._paused:
                self._connection.resume_reading()
            self._connection.release()
        else:
            self._connection.exchange = None
            self._connection.abort()
        if upload is not None:
            await asyncio.wait((upload,))

    def _is_reusable(self) -> bool:
        parser = self._parser
        return (
            self._sent
            and parser.complete
            and parser.keep_alive
            and not parser.surplus
            and self._connection.writable
            and not self._connection.closed
        )

    def _stop_upload(self) -> asyncio.Task[None] | None:
        upload = self._upload
        if upload is None or upload.done():
            return None
        self._upload_stopped = True
        upload.cancel()
        return upload

    # -- what happens to the connection

    def data_received(self, data: bytes) -> None:
        parser = self._parser
        try:
            parser.feed(data)
        except MalformedReplyError as error:
            self._fail(self._error_of(UpstreamErrorKind.MALFORMED, str(error)), error)
            return
        if not self.status:
            if parser.interim is not None:
                self._take_interim(parser)
            if parser.status:
                self._read_deadline = inf
                self._held = None
                if self._is_stream:
                    self._total_deadline = inf
                self.headers, self.content_length, self.status = parser.headers, parser.content_length, parser.status
        if parser.complete:
            self._read_deadline = inf
            if not parser.keep_alive:
                self._stop_upload()
        elif not self._paused and sum(map(len, parser.pieces)) > READ_AHEAD_BYTES:
            self._paused = True
            self._connection.pause_reading()
        self._wake()

    def _take_interim(self, parser: ReplyParser) -> None:
        """100 lets a held body go, unless the answer is there as well; the others are handed on."""
        interim, parser.interim = parser.interim or [], None
        for status, fields in interim:
            if status != 100 and self._on_interim is not None:
                self._on_interim(status, fields)
            elif status == 100 and not parser.status:
                self._begin_upload()

    def eof_received(self) -> None:
        if not self._parser.eof():
            self._fail(self._lost())
            return
        self._stop_upload()
        self._connection.abort()
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        if error is not None and not self._parser.complete and self._error is None:
            left = self._connection.read_what_is_left()
            if left:
                self.data_received(left)
        if self._parser.complete:
            self._stop_upload()
            self._wake()
        else:
            self._fail(self._lost(error), error)

    def writing_paused(self) -> None:
        if not self.status and self._held is None:
            self._read_deadline = inf
        self._unsent = self._connection.unsent()
        self._write_deadline = self._idle_deadline()

    def writing_resumed(self) -> None:
        self._write_deadline = inf
        self._progressed()
        if self._sent:
            self._await_reply()

    def check_deadlines(self, now: float) -> None:
        """Called every few milliseconds by the client's sweep."""
        if now >= self._total_deadline:
            self._fail(self._error_of(UpstreamErrorKind.TOTAL_TIMEOUT))
        elif now >= self._write_deadline:
            self._check_write()
        elif now >= self._read_deadline and self._held is not None:
            self._begin_upload()
        elif now >= self._read_deadline:
            kind = UpstreamErrorKind.IDLE_TIMEOUT if self.status else UpstreamErrorKind.FIRST_BYTE_TIMEOUT
            self._fail(self._error_of(kind))

    def _check_write(self) -> None:
        unsent = self._connection.unsent()
        if unsent < self._unsent:
            self._unsent = unsent
            self._write_deadline = self._idle_deadline()
        elif self.status:  # it replies without reading on: the reply may well be whole
            self._write_deadline = inf
            self._stop_upload()
        else:
            self._fail(self._error_of(UpstreamErrorKind.IDLE_TIMEOUT))

    # -- in common

    def _lost(self, cause: Exception | None = None) -> UpstreamError:
        if not self.status and refuses_us(cause):
            return self._error_of(UpstreamErrorKind.TLS, in_words(cause))
        return self._error_of(UpstreamErrorKind.TRUNCATED if self.status else UpstreamErrorKind.CLOSED)

    def _error_of(self, kind: UpstreamErrorKind, detail: str = "") -> UpstreamError:
        reused = self._connection.reused and not (kind is UpstreamErrorKind.CLOSED and self._parser.begun)
        return upstream_error(kind, sent=True, reused=reused, detail=detail)

    def _fail(self, error: BaseException, cause: BaseException | None = None) -> None:
        if self._error is None and not self._parser.complete:
            error.__cause__ = error.__cause__ or cause
            self._error = error
        self._connection.abort()
        self._stop_upload()
        self._wake()

    def _idle_deadline(self) -> float:
        limit = self._timeouts.idle
        return inf if limit is None else self._loop.time() + limit

    async def _wait(self) -> None:
        runner = self._runner = running()
        try:
            if runner is not None:
                await park()
            else:
                self._waiter = self._loop.create_future()
                await self._waiter
        finally:
            self._waiter = self._runner = None

    def _wake(self) -> None:
        """Always the last thing that is done (rule 2)."""
        if self._runner is not None:
            self._runner.resume()
        elif self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
