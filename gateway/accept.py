"""Accepting on a socket that all workers share, so that each of them gets its part.

Left to the kernel, whoever wakes first takes what is there, and one worker may serve nearly all connections. Here each
worker writes how many it holds on a board that all can read; one that holds more than another leaves a new connection
to it for a moment, and takes it after that in any case: nobody waits for a worker that is stuck or gone.
"""

import asyncio
import errno
import mmap
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import structlog

YIELD_SECONDS = 0.001
EXHAUSTED_SECONDS = 0.25
_TRANSIENT = frozenset((errno.EAGAIN, errno.EINTR, errno.ECONNABORTED, errno.EPROTO, errno.ENETDOWN, errno.EPERM))

log = structlog.get_logger("edge")


class ConnectionBoard:
    """How many client connections each worker of this machine holds: a page of shared memory, one writer per place."""

    def __init__(self, path: Path, *, slots: int, mine: int) -> None:
        """Raises OSError where there is no room for it: a store into a page that a full disk cannot hold is fatal."""
        with path.open("a+b") as file:
            file.truncate(8 * slots)
            if sys.platform == "linux":
                os.posix_fallocate(file.fileno(), 0, 8 * slots)
            self._counts = memoryview(mmap.mmap(file.fileno(), 8 * slots)).cast("q")
        self._mine = mine
        self._counts[mine] = 0

    def add(self, number: int) -> None:
        """A connection was opened (1) or lost (-1)."""
        self._counts[self._mine] += number

    @property
    def should_yield(self) -> bool:
        """Whether another worker holds clearly fewer."""
        fewest = min(self._counts)
        return self._counts[self._mine] > fewest + fewest // 16


class Acceptor:
    """Accepts one connection at a time and hands it to a new protocol. Owned by `EdgeServer`."""

    def __init__(
        self, listener: socket.socket, protocol: Callable[[], asyncio.BaseProtocol], board: ConnectionBoard | None
    ) -> None:
        self._listener = listener
        self._protocol = protocol
        self._board = board
        self._loop = asyncio.get_running_loop()
        self._resume: asyncio.TimerHandle | None = None
        self._opening: set[asyncio.Task[None]] = set()
        self._exhausted = False
        self._open = True

    def start(self) -> None:
        """From now on connections are accepted."""
        self._loop.add_reader(self._listener.fileno(), self._readable)

    def close(self) -> None:
        """Accepts no more. The socket stays open: it is the supervisor's, and other workers accept on it."""
        self._open = False
        self._loop.remove_reader(self._listener.fileno())
        if self._resume is not None:
            self._resume.cancel()

    def _readable(self) -> None:
        if self._board is not None and self._board.should_yield:
            self._pause(YIELD_SECONDS)
        else:
            self._accept()

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._listener.fileno())
        self._resume = self._loop.call_later(seconds, self._take_what_is_left)

    def _take_what_is_left(self) -> None:
        self._resume = None
        if self._open:
            self._accept()
        if self._open and self._resume is None:
            self.start()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError as error:
            if error.errno not in _TRANSIENT:
                self._refused(error)
            return
        self._exhausted = False
        connection.setblocking(False)
        task = self._loop.create_task(self._serve(connection), name="accept")
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _serve(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._protocol, connection)
        except OSError:
            connection.close()  # it was gone before it was here

    def _refused(self, error: OSError) -> None:
        """No descriptors or no memory: told once, tried again soon; connections wait in the kernel's queue."""
        if not self._exhausted:
            self._exhausted = True
            log.error("cannot accept connections; they wait", problem=error.strerror)
        self._pause(EXHAUSTED_SECONDS)
