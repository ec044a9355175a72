"""A connection to Redis whose replies are taken where they arrive: in the loop's callback that has read them.

redis-py opens it, with TLS and password; then its streams are put aside. With them each reply waits for a task to have
its turn, and each command for the end of a turn: at full load a turn is some milliseconds, and from the message that a
flag has changed to its effect there were five of them.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as StoreConnectionError
from redis.exceptions import InvalidResponse, ResponseError

Command = tuple[str, ...]
Reply = Any
"""bytes, int, None, a list of replies, or the ResponseError that the server answered with."""

_LINE_END = b"\r\n"
_SIZED = (b"$", b"*")
_MESSAGE = b"message"


class Replies:
    """RESP2, piece by piece."""

    def __init__(self) -> None:
        self._unread = b""
        self._open: list[tuple[list[Reply], int]] = []

    def feed(self, data: bytes) -> list[Reply]:
        """The replies that are whole by now. Raises InvalidResponse for what is none."""
        data = self._unread + data
        whole: list[Reply] = []
        at = 0
        while (end := data.find(_LINE_END, at)) >= 0:
            kind, text = data[at : at + 1], data[at + 1 : end]
            after = end + len(_LINE_END)
            size = _number(text) if kind in _SIZED else -1
            if kind == b"$" and size >= 0:
                begin, after = after, after + size + len(_LINE_END)
                if after > len(data):
                    break
                text = data[begin : begin + size]
            at = after
            if kind == b"*" and size > 0:
                self._open.append(([], size))
            else:
                whole += self._close(_value(kind, text, size))
        self._unread = data[at:]
        return whole

    def _close(self, value: Reply) -> list[Reply]:
        """The reply that has become whole by this value, if one has."""
        while self._open:
            items, size = self._open[-1]
            items.append(value)
            if len(items) < size:
                return []
            self._open.pop()
            value = items
        return [value]


def _number(text: bytes) -> int:
    try:
        return int(text)
    except ValueError:
        raise InvalidResponse(f"Protocol Error: {text[:80]!r} is no number") from None


def _value(kind: bytes, text: bytes, size: int) -> Reply:
    """size: of a string or an array, -1 for a null."""
    match kind:
        case b"$" | b"*":
            empty: Reply = [] if kind == b"*" else text
            return None if size < 0 else empty
        case b"+":
            return text
        case b":":
            return _number(text)
        case b"-":
            return ResponseError(text.decode("utf-8", "replace").removeprefix("ERR "))
        case _:
            raise InvalidResponse(f"Protocol Error: {(kind + text)[:80]!r}")


class _Owed(NamedTuple):
    """What waits for as many replies as it has sent commands."""

    commands: int
    replies: list[Reply]
    then: Callable[[list[Reply]], None]
    failed: Callable[[BaseException], None]


class Wire(asyncio.Protocol):
    """Takes over a connection that redis-py has opened, and on which no reply is due."""

    def __init__(
        self,
        connection: AbstractConnection,
        *,
        lost: Callable[[BaseException], None],
        hear: Callable[[Sequence[bytes] | None], None] | None = None,
    ) -> None:
        """lost: called at most once, when nothing more will come: the connection has ended, or what was called with a
        reply or a message has raised. hear: takes what a message of a subscribed channel carries.
        """
        self._connection = connection
        self._lost, self._hear = lost, hear
        self._replies, self._owed = Replies(), deque[_Owed]()
        self._ended: BaseException | None = None
        writer = cast("asyncio.StreamWriter", connection._writer)  # noqa: SLF001 - redis-py shows it nowhere else
        self._transport = cast("asyncio.Transport", writer.transport)
        self._transport.set_protocol(self)
        self._transport.set_write_buffer_limits(high=0)  # uvloop then writes at once, not at the end of the turn

    @property
    def owes(self) -> bool:
        """Whether replies are still to come."""
        return bool(self._owed)

    def send(
        self,
        commands: Sequence[Command],
        then: Callable[[list[Reply]], None],
        failed: Callable[[BaseException], None] = lambda _: None,
    ) -> None:
        """then: called with a reply to each command, in the callback that has read the last one."""
        if self._ended is not None:
            failed(self._ended)
            return
        self._owed.append(_Owed(len(commands), [], then, failed))
        self._transport.writelines(self._connection.pack_commands(commands))

    async def ask(self, *commands: Command) -> list[Reply]:
        """The reply to each command; raises what has ended the connection."""
        answered = asyncio.get_running_loop().create_future()

        def then(replies: list[Reply]) -> None:
            if not answered.done():
                answered.set_result(replies)

        def failed(error: BaseException) -> None:
            if not answered.done():
                answered.set_exception(error)

        self.send(commands, then, failed)
        replies: list[Reply] = await answered
        return replies

    def end(self, error: BaseException) -> None:
        """Nothing is sent or taken any more. Does not close the connection, which is redis-py's."""
        if self._ended is not None:
            return
        self._ended = error
        owed, self._owed = self._owed, deque()
        for each in owed:
            each.failed(error)
        self._lost(error)

    # -- by the transport

    def data_received(self, data: bytes) -> None:
        try:
            for reply in self._replies.feed(data):
                self._take(reply)
        except Exception as error:  # noqa: BLE001 - a fault of ours must end the session, not the loop's callback alone
            self.end(error)

    def connection_lost(self, exc: Exception | None) -> None:
        error = StoreConnectionError("Connection closed by server.")
        error.__cause__ = exc
        self.end(error)

    def _take(self, reply: Reply) -> None:
        if self._ended is not None:
            return
        if self._hear is not None and isinstance(reply, list) and reply[:1] == [_MESSAGE]:
            self._hear(reply[2])
        elif self._owed:
            owed = self._owed[0]
            owed.replies.append(reply)
            if len(owed.replies) == owed.commands:
                self._owed.popleft()
                owed.then(owed.replies)
