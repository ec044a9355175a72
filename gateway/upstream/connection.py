"""One connection to an upstream: the asyncio protocol that passes what happens on it to the exchange in progress.

Rules: a connection carries one exchange at a time, or none (idle in its pool, or on its way to or from it). Whatever
an upstream says or does on a connection without an exchange (bytes, end of file, reset) ends the connection. It tells
its pool exactly once that it is gone, at that very moment, so that it is never handed out again.
"""

import asyncio
import os
import select
import socket
from typing import Final, Protocol, cast

MAX_LEFT_BYTES: Final = 262_144


class Carried(Protocol):
    """What a connection tells the exchange that it carries."""

    def data_received(self, data: bytes) -> None: ...
    def eof_received(self) -> None: ...
    def connection_lost(self, error: Exception | None) -> None: ...
    def writing_paused(self) -> None: ...
    def writing_resumed(self) -> None: ...
    def check_deadlines(self, now: float) -> None: ...


class Owner(Protocol):
    """What a connection tells its pool."""

    def forget(self, connection: "Connection") -> None: ...
    def release(self, connection: "Connection") -> None: ...


class Connection(asyncio.Protocol):
    """Made by a pool. `name`: of the upstream. `reused`: it has been given back to its pool since it was opened.
    `address`: of the upstream's end.
    """

    __slots__ = (
        "_drained",
        "_pool",
        "_watch",
        "address",
        "closed",
        "exchange",
        "idle_since",
        "loop",
        "name",
        "reused",
        "transport",
        "writable",
    )

    def __init__(self, pool: Owner, name: str) -> None:
        self.name = name
        self.loop = asyncio.get_running_loop()
        self._pool = pool
        self._watch: select.poll | None = None
        self.transport: asyncio.Transport | None = None
        self.exchange: Carried | None = None
        self.address = ""
        self.closed = False
        self.reused = False
        self.writable = True
        self.idle_since = 0.0
        self._drained: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.address = str((transport.get_extra_info("peername") or ("",))[0]).partition("%")[0]

    def data_received(self, data: bytes) -> None:
        if self.exchange is None:
            self.abort()
        else:
            self.exchange.data_received(data)

    def eof_received(self) -> None:
        if self.exchange is None:
            self.abort()
        else:
            self.exchange.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone()
        if self.exchange is not None:
            self.exchange.connection_lost(exc)

    def pause_writing(self) -> None:
        self.writable = False
        if self.exchange is not None:
            self.exchange.writing_paused()

    def resume_writing(self) -> None:
        self.writable = True
        self._wake()
        if self.exchange is not None:
            self.exchange.writing_resumed()

    def write(self, data: bytes) -> None:
        if self.transport is not None and not self.closed:
            self.transport.write(data)

    def unsent(self) -> int:
        """Bytes accepted from us that the kernel has not taken yet."""
        return 0 if self.transport is None or self.closed else self.transport.get_write_buffer_size()

    async def drain(self) -> None:
        """Waits until more may be written, or the connection is gone. One waiter at a time: the upload."""
        while not self.writable and not self.closed:
            self._drained = self.loop.create_future()
            try:
                await self._drained
            finally:
                self._drained = None

    def pause_reading(self) -> None:
        if self.transport is not None and not self.closed:
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        if self.transport is not None and not self.closed:
            self.transport.resume_reading()

    def release(self) -> None:
        """The exchange is over and has left the connection as new: back to the pool."""
        self.exchange = None
        self._pool.release(self)

    def abort(self) -> None:
        """Closes at once and drops what was not sent. The connection is out of its pool when this returns."""
        if not self.closed and self.transport is not None:
            self.transport.abort()
        self._gone()

    def is_silent(self) -> bool:
        """Asks the kernel whether the upstream has sent or closed anything that the loop has not come to yet."""
        if self.transport is None:
            return False
        if self._watch is None:
            self._watch = select.poll()
            self._watch.register(self.transport.get_extra_info("socket").fileno(), select.POLLIN)
        return not self._watch.poll(0)

    def read_what_is_left(self) -> bytes:
        """What the kernel still holds for us when writing has failed: an upstream may answer (413, say), close, and
        reset what we go on to send, before the loop has come to read the answer. Called inside `connection_lost`,
        while the transport still has its socket; nothing can be read so through TLS.
        """
        if self.transport is None or self.transport.get_extra_info("ssl_object") is not None:
            return b""
        left = bytearray()
        try:
            with socket.socket(fileno=os.dup(self.transport.get_extra_info("socket").fileno())) as rest:
                while len(left) < MAX_LEFT_BYTES and (data := rest.recv(65_536, socket.MSG_DONTWAIT)):
                    left += data
        except OSError:
            pass  # nothing more: either nothing is there, or the reset comes next
        return bytes(left)

    def _gone(self) -> None:
        if not self.closed:
            self.closed = True
            self._wake()
            self._pool.forget(self)

    def _wake(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
