"""An event loop whose clock jumps and whose connections are memory: thousands of cases a second, and no hang unseen.

The loop has one process to itself. Time passes only when nothing else is left to do, and then at once; with nothing
left to wait for it raises `HangError`. The gateway's own code for sockets runs over it unchanged.
"""

import asyncio
import selectors
import socket


class HangError(Exception):
    """Somebody waits for what will never come."""


class _NoWaiting(selectors.SelectSelector):
    now = 0.0

    def select(self, timeout=None):
        if timeout is None:
            raise HangError("everything waits, and no timer runs")
        self.now += max(timeout, 0.0)
        return []


class MemoryLoop(asyncio.SelectorEventLoop):
    """connect: called with each new connection's protocol, for `create_connection`; gives its transport."""

    def __init__(self):
        self._clock = _NoWaiting()
        super().__init__(self._clock)
        self.connect = None
        self.silent, self._other = socket.socketpair()

    def time(self):
        return self._clock.now

    async def create_connection(self, make, host=None, port=None, **_):
        protocol = make()
        transport = self.connect(protocol)
        protocol.connection_made(transport)
        return transport, protocol

    def close(self):
        super().close()
        self.silent.close()
        self._other.close()


class MemoryTransport(asyncio.Transport):
    """What a protocol under test holds. take: called with all that it writes. ended: it writes no more; aborted: it
    has cut the connection. connection: what code may ask the kernel about. The other end speaks by `deliver`,
    `deliver_eof` and `lose`.
    """

    def __init__(self, loop, protocol, take, connection=None):
        super().__init__()
        self._socket = connection
        self._loop = loop
        self._protocol = protocol
        self._take = take
        self.unsent = 0
        self.closing = self.ended = self.aborted = self.lost = self.reading_held = False

    def get_extra_info(self, name, default=None):
        if name in {"peername", "sockname"}:
            return ("127.0.0.1", 1)
        return self._socket if name == "socket" else default

    def write(self, data):
        if self.ended:
            raise RuntimeError("Cannot call write() after write_eof()")
        if not self.closing:
            self._take(bytes(data))

    def writelines(self, pieces):
        self.write(b"".join(pieces))

    def is_closing(self):
        return self.closing

    def close(self, error=None):
        if not self.closing:
            self.closing = True
            self._loop.call_soon(self._lost, error)

    def abort(self):
        self.aborted = True
        self.close()

    def can_write_eof(self):
        return True

    def write_eof(self):
        if not self.closing:
            self.ended = True

    def get_write_buffer_size(self):
        return self.unsent

    def pause_reading(self):
        self.reading_held = True

    def resume_reading(self):
        self.reading_held = False

    def set_protocol(self, protocol):
        self._protocol = protocol

    def get_protocol(self):
        return self._protocol

    def deliver(self, data):
        if data and not self.closing:
            self._protocol.data_received(data)

    def deliver_eof(self):
        if not self.closing and not self._protocol.eof_received():
            self.close()

    def lose(self):
        """The other end has reset the connection."""
        self.close(ConnectionResetError())

    def _lost(self, error):
        self.lost = True
        self._protocol.connection_lost(error)
