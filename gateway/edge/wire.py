"""The socket's side of a client's connection: writing with backpressure, reading that can be held, and who is there."""

import asyncio
import socket
import struct
from math import inf
from typing import Final

from gateway.edge.state import Front

_TCP_CLOSED: Final = 7
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class Wire(asyncio.Protocol):
    """Base of `EdgeProtocol`. loop: that it runs in. deadline: when the sweep calls `expire`. wrote: something since it
    was last unset.
    """

    def __init__(self, front: Front, loop: asyncio.AbstractEventLoop) -> None:
        self._front = front
        self.loop = loop
        self.transport: asyncio.Transport = None  # type: ignore[assignment]
        self.deadline = inf
        self.lost = False
        self.reading = True
        self.write_paused = False
        self.wrote = False
        self._writable: asyncio.Future[None] | None = None
        self._unsent = 0
        self._unsent_deadline = inf

    def write(self, data: bytes) -> None:
        if data and not self.lost:
            self.wrote = True
            self.transport.write(data)

    def expect_body(self, received: int = 0) -> None:
        """Sets the deadline of the next piece of a body. received: bytes that have just come. They give time, as much
        as they may take, up to the whole: so one that trickles runs out of it.
        """
        limits = self._front.limits
        latest = self.loop.time() + limits.body_timeout_seconds
        rate = limits.min_body_bytes_per_second
        self.deadline = min(latest, self.deadline + received / rate) if received and rate else latest

    async def writable(self) -> None:
        """Returns when the client has taken enough of what was written, or is gone."""
        while self.write_paused and not self.lost:
            self._writable = self.loop.create_future()
            await self._writable

    def is_taking(self, now: float) -> bool:
        """Whether what was written is on its way: some of it since the last look, or the time for that is not over."""
        unsent = self.transport.get_write_buffer_size()
        if unsent < self._unsent or self._unsent_deadline == inf:
            self._unsent_deadline = now + self._front.limits.send_timeout_seconds
        self._unsent = unsent
        return unsent > 0 and now < self._unsent_deadline

    def pause_writing(self) -> None:
        self.write_paused = True
        self._unsent_deadline = inf

    def resume_writing(self) -> None:
        self.write_paused = False
        self._unsent_deadline = inf
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    def hold_reading(self) -> None:
        if self.reading:
            self.reading = False
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        if not self.reading and not self.lost:
            self.reading = True
            self.transport.resume_reading()

    def reset(self) -> None:
        """Cuts the connection without flushing, so that nothing that was said looks whole."""
        connection = self.transport.get_extra_info("socket")
        if connection is not None and not self.lost:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.transport.abort()

    def is_connected(self) -> bool:
        """Whether the kernel still holds the connection to be one: a client that is gone has answered with a reset."""
        connection = self.transport.get_extra_info("socket")
        if connection is None or not hasattr(socket, "TCP_INFO"):
            return True
        try:
            info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
        except OSError:
            return False
        return bool(info[0] != _TCP_CLOSED)
