"""One side of a WebSocket: frames (RFC 6455) on one transport, whole messages to and from the task that serves it.

Both sides of a relayed WebSocket are a `Wire`: towards the client as its server, towards the upstream as its client.
Frames end here: fragments are put together, pings are answered, masks and closing handshakes are each side's own.

Memory is bounded. Reading stops while a message waits to be taken, or while nobody waits and 256 KiB of the next one
have come; `send` returns when the peer has taken what was written, but for what a transport buffers. Of the pings of a
peer that does not read, the last one is answered (RFC 6455 section 5.5.3). All messages of a process that have begun
and not ended hold `HELD_BYTES` together; who goes over is told to come back (1013).
"""

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side, State

READ_AHEAD_BYTES = 262_144
HELD_BYTES = 268_435_456
"""Of one process; where a single message may be so large that four of them are more, four of those."""
CLOSE_SECONDS = 5.0
"""How long a peer that was told goodbye may take to answer and to hang up."""
STALL_SECONDS = 60.0
"""A peer that takes nothing at all of what is written for so long is gone."""
KEEPALIVE_SECONDS = (60, 15, 4)
"""TCP keep-alive: after so much silence, this often, so many times. A host that vanished is noticed in two minutes."""

NO_CODE = 1005
AGAIN_LATER = 1013
NO_CLOSE = 1006
RESTART = 1012
RESTART_REASON = "service restart"
_PONG = 0x80 | Opcode.PONG
_CONTROL_BYTES = 125
_REASON_BYTES = 123

Message = str | bytes

_quiet = logging.getLogger("websockets.gateway")
_quiet.setLevel(logging.CRITICAL)  # what peers do wrong is counted and told by the request's own line


class Held:
    """How much the messages that have begun and not ended hold. One for all wires of a process."""

    def __init__(self) -> None:
        self.size = 0


IN_THIS_PROCESS = Held()


@dataclass(frozen=True, slots=True)
class Closed:
    """How a peer's side ended.

    code: of its Close, `NO_CODE` where that had none, `NO_CLOSE` where the connection ended without one. fault: which
    rule of the protocol it broke, where we ended it for that.
    """

    code: int
    reason: str = ""
    fault: str = ""


class _Frames(Protocol):
    """Hands each frame over before it reads the next one: of a peer that has broken a rule nothing more is read, not
    even what came with it. take: called with each; it may end the reading (`fail`).
    """

    def __init__(self, side: Side, *, max_frame_bytes: int, take: Callable[[Frame], None]) -> None:
        super().__init__(side, max_size=(None, max_frame_bytes), logger=_quiet)
        self._take_frame = take

    def recv_frame(self, frame: Frame) -> None:
        super().recv_frame(frame)
        self.events.clear()  # they are for those who ask later
        self._take_frame(frame)
        frame.data = b""  # the parser keeps the last frame until the next one comes


class Wire(asyncio.Protocol):
    """Made for one connection, in force from `begin` on. One task receives, one task sends; `close` is anybody's."""

    def __init__(
        self, side: Side, *, max_bytes: int, on_lost: Callable[[Exception | None], None] | None = None
    ) -> None:
        self._max_bytes = max_bytes
        self._frames = _Frames(side, max_frame_bytes=_frame_limit(max_bytes), take=self._take)
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._queue: deque[Message | Closed] = deque()
        self._parts: bytearray | None = None
        self._is_text = False
        self._held = 0
        self._begun = 0
        self._ended = False
        self._lost = False
        self._paused = False
        self._pong: bytes | None = None
        self._receiver: asyncio.Future[None] | None = None
        self._outflow = Outflow()
        self._linger: asyncio.TimerHandle | None = None

    def begin(self, transport: asyncio.Transport, data: bytes = b"") -> None:
        """The opening handshake is done: what follows on the transport are frames. data: those that came with it."""
        self._transport = transport
        self._outflow.transport = transport
        transport.set_protocol(self)
        watch_silence(transport)
        if data:
            self.data_received(data)

    # -- what the serving task does

    async def receive(self) -> Message | Closed:
        """The next message, or how it ended (again and again)."""
        while not self._queue:
            self._receiver = asyncio.get_running_loop().create_future()
            self._regulate()
            try:
                await self._receiver
            finally:
                self._receiver = None
        if isinstance(self._queue[0], Closed):
            return self._queue[0]
        message = self._queue.popleft()
        self._regulate()
        return message

    async def send(self, message: Message) -> None:
        """Returns when most of it has been taken. To a peer that has closed nothing is sent: `receive` tells of it."""
        if self._frames.state is not State.OPEN or self._lost:
            return
        if isinstance(message, str):
            self._frames.send_text(message.encode())
        else:
            self._frames.send_binary(message)
        self._flush()
        await self._outflow.drain()

    def close(self, code: int, reason: str = "") -> None:
        """Sends a Close, once; what arrives from now on is dropped. The connection ends when the peer has answered."""
        if self._frames.state is State.OPEN and not self._lost:
            self._frames.send_close(None if code == NO_CODE else sendable(code), fitting(reason, code))
            self._flush()
        self._end_soon()

    def depart(self, code: int, reason: str) -> None:
        """Ends both ways at once: a Close to the peer, and the same to whoever receives."""
        self.close(code, reason)
        self._end(Closed(code, reason))

    def hang_up(self) -> None:
        """Ends the connection without a Close, as the other side's has ended; what was written still goes out."""
        if self._transport is not None and not self._lost:
            self._transport.close()
        self._end_soon()

    def abort(self) -> None:
        """Cuts the connection."""
        if self._transport is not None and not self._lost:
            self._transport.abort()

    # -- what the transport does

    def data_received(self, data: bytes) -> None:
        if self._lost or self._frames.reader.eof:
            return
        self._held += len(data)
        self._frames.receive_data(data)
        error = self._frames.parser_exc
        if error is not None:
            self._end(Closed(NO_CLOSE, fault=str(error) or "protocol error"))
        self._account()
        self._flush()
        self._regulate()

    def eof_received(self) -> None:
        """The peer writes no more; the transport then closes by itself."""
        self._frames.receive_eof()
        self._flush()
        self._end(Closed(NO_CLOSE))

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        if self._linger is not None:
            self._linger.cancel()
        self._outflow.lose()
        self._end(Closed(NO_CLOSE))
        if self._on_lost is not None:
            self._on_lost(exc)

    def pause_writing(self) -> None:
        self._outflow.pause()

    def resume_writing(self) -> None:
        pong, self._pong = self._pong, None
        if pong is not None:
            self._write(pong)
        self._outflow.resume()

    # -- incoming

    def _take(self, frame: Frame) -> None:
        if frame.opcode is Opcode.CLOSE:
            received = self._frames.close_rcvd
            self._end(Closed(received.code, received.reason) if received else Closed(NO_CLOSE))
        elif frame.opcode in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT} and not self._ended:
            self._take_data(frame)

    def _take_data(self, frame: Frame) -> None:
        if frame.opcode is not Opcode.CONT:
            self._is_text = frame.opcode is Opcode.TEXT
        size = len(frame.data) + (len(self._parts) if self._parts is not None else 0)
        if size > self._max_bytes:
            self._fail(1009, f"a message is larger than {self._max_bytes} bytes")
        elif self._parts is None and frame.fin:
            self._take_message(bytes(frame.data))
        else:
            if self._parts is None:
                self._parts = bytearray()
            self._parts += frame.data
            room = self._max_bytes - len(self._parts)
            if frame.fin:
                room = self._max_bytes
                whole, self._parts = bytes(self._parts), None
                self._take_message(whole)
            self._frames.max_fragment_size = _frame_limit(room)  # so that a head alone shows what is too large

    def _take_message(self, data: bytes) -> None:
        self._held = 0
        if not self._is_text:
            self._put(data)
            return
        try:
            self._put(data.decode())
        except UnicodeDecodeError:
            self._fail(1007, "a text is not UTF-8")

    def _account(self) -> None:
        """What this side holds of a message that has not ended goes into the sum of all. Small ones are let be."""
        size = 0 if self._ended else len(self._frames.reader.buffer) + (len(self._parts) if self._parts else 0)
        if size == self._begun:  # what nearly every message finds
            return
        IN_THIS_PROCESS.size += size - self._begun
        self._begun = size
        if size > READ_AHEAD_BYTES and IN_THIS_PROCESS.size > max(HELD_BYTES, 4 * self._max_bytes):
            self._fail(AGAIN_LATER, "the messages of all WebSockets hold too much memory")

    def _fail(self, code: int, fault: str) -> None:
        """RFC 6455 section 7.1.7: the peer broke a rule, or our limit."""
        self._parts = None
        self._frames.fail(code, fault)
        self._frames.reader.discard()
        self._end(Closed(NO_CLOSE, fault=fault))

    def _put(self, item: Message | Closed) -> None:
        self._queue.append(item)
        if self._receiver is not None and not self._receiver.done():
            self._receiver.set_result(None)

    def _end(self, closed: Closed) -> None:
        """The last item of the queue. From here on the connection is read only to see it end."""
        if not self._ended:
            self._ended = True
            self._parts = None
            self._account()
            self._put(closed)
            self._end_soon()

    def _regulate(self) -> None:
        over = self._ended or self._frames.state is not State.OPEN
        full = bool(self._queue) or (self._receiver is None and self._held > READ_AHEAD_BYTES)
        pause = full and not over
        if pause != self._paused and self._transport is not None and not self._lost:
            self._paused = pause
            if pause:
                self._transport.pause_reading()
            elif not self._transport.is_closing():
                self._transport.resume_reading()

    # -- outgoing

    def _flush(self) -> None:
        for data in self._frames.data_to_send():
            if not data:
                self._write_eof()
            elif data[0] == _PONG and self._outflow.blocked:
                self._pong = data
            else:
                self._write(data)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _write_eof(self) -> None:
        """A half-close where that is possible: a full one with unread data answers it with a reset, and our Close is
        lost on its way.
        """
        if self._transport is None or self._transport.is_closing():
            return
        if self._transport.can_write_eof() and not self._frames.reader.eof:
            self._transport.write_eof()
        else:
            self._transport.close()

    def _end_soon(self) -> None:
        """Nothing more is said: the peer has a moment to hang up."""
        self._regulate()
        if self._linger is None and not self._lost and self._transport is not None:
            self._linger = asyncio.get_running_loop().call_later(CLOSE_SECONDS, self.abort)


class Outflow:
    """Whether a transport takes more, and one task that waits until it does."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.blocked = False
        self._lost = False
        self._waiter: asyncio.Future[None] | None = None

    def pause(self) -> None:
        self.blocked = True

    def resume(self) -> None:
        self.blocked = False
        self._wake()

    def lose(self) -> None:
        self._lost = True
        self._wake()

    async def drain(self) -> None:
        """Returns when more may be written, or the connection is gone. Cuts it when nothing moves for too long."""
        while self.blocked and not self._lost:
            before = self._unsent()
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(STALL_SECONDS):
                    await self._waiter
            except TimeoutError:
                if self._unsent() >= before and self.transport is not None:
                    self.transport.abort()
            finally:
                self._waiter = None

    def _unsent(self) -> int:
        return self.transport.get_write_buffer_size() if self.transport is not None else 0

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _frame_limit(room: int) -> int:
    """Of a single frame, by what the message has room for: a control frame may stand between any two fragments."""
    return max(room, _CONTROL_BYTES)


def sendable(code: int) -> int:
    """A code that a Close may hold (RFC 6455 section 7.4); anything else is an internal error of whoever said it."""
    if 3000 <= code < 5000 or (1000 <= code <= 1014 and code not in {1004, NO_CODE, NO_CLOSE}):
        return code
    return 1011


def fitting(reason: str, code: int) -> str:
    """As much of a reason as a control frame holds; none without a code."""
    if code == NO_CODE:
        return ""
    return reason.encode()[:_REASON_BYTES].decode(errors="ignore")


def watch_silence(transport: asyncio.Transport) -> None:
    """TCP keep-alive instead of pings of our own: no frame that neither side sent."""
    connection = cast("socket.socket | None", transport.get_extra_info("socket"))
    if connection is None or connection.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in zip(("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT"), KEEPALIVE_SECONDS, strict=True):
        if hasattr(socket, name):  # not on every platform
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
