"""One request and its answer as an ASGI app sees them: `receive` and `send` over a client's connection.

Rules:

1.  What arrives of the body waits here; reading from the socket stops when 64 KiB do.
2.  `100 Continue` is said when the app asks for a body of which nothing has come, once, and to HTTP/1.1 alone.
3.  A body that turns out to be no body (`fault`) is raised to the app from `receive`: nothing more of it is given.
4.  An answer is one head and a body of exactly the length that the head declares; anything else raises to the app.
5.  `connection: close` is said when the connection will be closed: by the client's wish, while draining, where the
    end of the body is the end of the connection, and where an error is answered before a body of which too much is to
    come to be read for nothing; and where the app says so.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, MutableMapping
from typing import Any, Final, Protocol

from gateway.edge.reply_head import Framing, ReplyHead, interim
from gateway.errors import GatewayError
from gateway.rules.headers import Fields
from gateway.rules.request_head import RequestHead
from gateway.runner import Runner

READ_AHEAD_BYTES: Final = 65_536
JOINED_BYTES: Final = 16_384
"""A head and so much of its body are copied to be written together; more is not worth a copy."""

Scope = MutableMapping[str, Any]
App = Callable[
    [Scope, Callable[[], Awaitable[dict[str, Any]]], Callable[[dict[str, Any]], Awaitable[None]]], Awaitable[None]
]

Take = Callable[
    [RequestHead, Any, Callable[[], Awaitable[dict[str, Any]]], Callable[[dict[str, Any]], Awaitable[None]]],
    Coroutine[Any, Any, None],
]
"""What an app may have besides: the same for a request as this edge has read it."""

_DISCONNECT: Final = {"type": "http.disconnect"}


class Line(Protocol):
    """What a cycle needs of its connection; `EdgeProtocol`."""

    write_paused: bool

    @property
    def must_close(self) -> bool: ...
    @property
    def has_much_to_come(self) -> bool: ...
    def write(self, data: bytes) -> None: ...
    def want_body(self) -> None: ...
    def hold_body(self) -> None: ...
    async def writable(self) -> None: ...
    def answered(self, *, keep_alive: bool) -> None: ...
    def app_ended(self, cycle: "Cycle", runner: Runner, error: BaseException | None) -> None: ...


class Cycle:
    """Made by the connection for each request; one at a time on each connection."""

    __slots__ = (
        "_begun", "_body", "_connection", "_ended", "_framing", "_head", "_keep_alive", "_remaining", "_waiter",
        "disconnected", "expects_continue", "fault", "keep_alive", "more_body", "response_complete",
        "response_started",
    )  # fmt: skip

    def __init__(self, connection: Line, head: RequestHead) -> None:
        self._connection = connection
        self._head = head
        # the request
        self._body = bytearray()
        self._ended = False
        self._waiter: asyncio.Future[None] | None = None
        self.more_body = head.length != 0
        self.expects_continue = head.expects_continue and self.more_body
        self.fault: GatewayError | None = None
        self.disconnected = False
        # the answer
        self.keep_alive = head.keep_alive
        self._keep_alive = False
        self._framing = Framing.NONE
        self._remaining = 0
        self._begun = b""
        self.response_started = False
        self.response_complete = False

    def ended(self, runner: Runner, error: BaseException | None) -> None:
        """The app has returned, or raised."""
        self._connection.app_ended(self, runner, error)

    # -- the request

    def add(self, piece: bytes) -> None:
        """A piece of the body has arrived."""
        self.expects_continue = False
        self._body += piece
        if len(self._body) > READ_AHEAD_BYTES:
            self._connection.hold_body()
        self.wake()

    def end_body(self) -> None:
        """All of it has."""
        self.more_body = False
        self.wake()

    def wake(self) -> None:
        """Something has changed for whoever waits in `receive`."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def arrived(self) -> bytes | None:
        """The whole body, where it is there and nothing of it was received before."""
        if self.more_body or self._ended or self.fault is not None:
            return None
        self._ended = True
        body = bytes(self._body)
        self._body.clear()
        return body

    async def receive(self) -> dict[str, Any]:
        if not self._ended and not self._body and self.more_body:
            if self.expects_continue and not self.response_started:
                self.expects_continue = False
                self._connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._connection.want_body()
        while self._must_wait():
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self.fault is not None:
            raise self.fault
        if self.disconnected or self.response_complete:
            return _DISCONNECT
        body = bytes(self._body)
        self._body.clear()
        self._ended = not self.more_body
        if self.more_body:
            self._connection.want_body()
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    def _must_wait(self) -> bool:
        if self.fault is not None or self.disconnected or self.response_complete:
            return False
        return self._ended or (self.more_body and not self._body)

    # -- the answer

    async def send(self, message: dict[str, Any]) -> None:
        if self._connection.write_paused and not self.disconnected:
            await self._connection.writable()
        if self.disconnected:
            return
        if not self.response_started:
            if message["type"] != "http.response.start":
                raise RuntimeError(f"an answer begins with its head, not with {message['type']}")
            self.begin(message["status"], message.get("headers", ()))
        elif message["type"] != "http.response.body" or self.response_complete:
            raise RuntimeError(f"{message['type']} does not follow what was sent before")
        else:
            self.go_on(message.get("body", b""), more=message.get("more_body", False))

    def interim(self, status: int, fields: Fields) -> None:
        """1xx: not to HTTP/1.0 (RFC 9110 section 15.2), nor to who is slow to take what was sent before."""
        ready = not (self.response_started or self.disconnected or self._connection.write_paused)
        if ready and self._head.minor:
            self._connection.write(interim(status, fields))

    def begin(self, status: int, fields: Iterable[tuple[bytes, bytes]], *, hold: bool = False) -> None:
        """The answer's head. Called by `send`, and by an app that knows this edge, as `go_on` is.

        hold: something of the body follows at once, and both are written together; or else `flush` is called.
        """
        unread = self.more_body and (self.expects_continue or (status >= 400 and self._connection.has_much_to_come))
        keep_alive = self.keep_alive and not unread and not self._connection.must_close
        request = self._head
        head = ReplyHead(status, fields, method=request.method, minor=request.minor, keep_alive=keep_alive)
        self._keep_alive, self._framing, self._remaining = head.keep_alive, head.framing, head.length
        self.response_started = True
        self.expects_continue = False
        if hold:
            self._begun = head.data
        else:
            self._connection.write(head.data)

    def flush(self) -> None:
        """Nothing follows for the moment: a head that was held is written."""
        begun, self._begun = self._begun, b""
        self._connection.write(begun)

    def withdraw(self) -> bool:
        """Whether a head that was held is dropped, so that another answer can be given: the last on the connection."""
        if not self._begun:
            return False
        self._begun = b""
        self.response_started = self.keep_alive = False
        return True

    def go_on(self, body: bytes, *, more: bool) -> None:
        """A piece of the answer's body, or its end."""
        data = self._framed(body, more=more)
        if self._begun:
            if len(data) <= JOINED_BYTES:
                data, self._begun = self._begun + data, b""
            else:
                self.flush()
        self._connection.write(data)
        if not more:
            self.response_complete = True
            self.wake()
            self._connection.answered(keep_alive=self._keep_alive)

    def _framed(self, body: bytes, *, more: bool) -> bytes:
        framing = self._framing
        if framing is Framing.LENGTH:
            self._remaining -= len(body)
            if self._remaining < 0 or (self._remaining and not more):
                raise RuntimeError("the answer is not as long as it has declared")
            return body
        if framing is Framing.CHUNKED:
            chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            return chunk if more else chunk + b"0\r\n\r\n"
        return body if framing is Framing.CLOSE else b""
