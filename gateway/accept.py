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

from gateway.descriptors import RESERVE, Reserve

YIELD_SECONDS = 0.001
BATCH = 32
"""Connections that are taken at one wake-up: a burst must not wait in the kernel's queue, nor hold up those who are
served.
"""
EXHAUSTED_SECONDS = 0.25
MOST_PATIENCE = 8
BACKLOG = 4096
"""Connections that may wait to be accepted. The kernel keeps no more than `net.core.somaxconn`, which is 4096 on Linux
since 5.4; what comes beyond is dropped, and its client tries again a second later.
"""
_TRANSIENT = frozenset((errno.EAGAIN, errno.EINTR, errno.ECONNABORTED, errno.EPROTO, errno.ENETDOWN, errno.EPERM))

log = structlog.get_logger("edge")


class ConnectionBoard:
    """How many client connections each worker of this machine holds: a page of shared memory, one writer per place.

    A place holds one more than its worker's connections, and 0 while nobody accepts for it.
    """

    def __init__(self, path: Path, *, places: int, mine: int) -> None:
        """Raises OSError where there is no room for it: a store into a page that a full disk cannot hold is fatal."""
        with path.open("a+b") as file:
            file.truncate(8 * places)
            if sys.platform == "linux":
                os.posix_fallocate(file.fileno(), 0, 8 * places)
            self._counts = memoryview(mmap.mmap(file.fileno(), 8 * places)).cast("q")
        self._mine = mine
        self._accepts = True
        self._counts[mine] = 1

    def add(self, number: int) -> None:
        """A connection was opened (1) or lost (-1)."""
        if self._accepts:
            self._counts[self._mine] += number

    def leave(self) -> None:
        """We accept no more: nobody must leave a connection to us."""
        self._accepts = False
        self._counts[self._mine] = 0

    def should_yield(self, opening: int) -> bool:
        """Whether another worker holds clearly fewer. opening: connections of ours that are not counted yet."""
        fewest = min(filter(None, self._counts), default=1)
        return self._counts[self._mine] + opening > fewest + fewest // 16


def clear_place(path: Path, place: int) -> None:
    """The worker of a place is gone, however it ended. Raises OSError."""
    with path.open("r+b") as file:
        file.seek(8 * place)
        file.write(bytes(8))


class Acceptor:
    """Accepts connections and hands each to a new protocol. Owned by `EdgeServer`."""

    def __init__(
        self,
        listener: socket.socket,
        protocol: Callable[[], asyncio.BaseProtocol],
        board: ConnectionBoard | None,
        reserve: Reserve = RESERVE,
    ) -> None:
        self._listener = listener
        self._protocol = protocol
        self._board = board
        self._reserve = reserve
        self._loop = asyncio.get_running_loop()
        self._resume: asyncio.TimerHandle | None = None
        self._opening: set[asyncio.Task[None]] = set()
        self._exhausted = False
        self._open = True
        self._patience = 1

    def start(self) -> None:
        """From now on connections are accepted."""
        self._loop.add_reader(self._listener.fileno(), self._readable)

    def close(self) -> None:
        """Accepts no more. The socket stays open: it is the supervisor's, and other workers accept on it."""
        if not self._open:
            return
        for _ in range(BACKLOG):  # whoever is connected already is served; closing the socket would reset them
            if not self._accept():
                break
        self._open = False
        if self._board is not None:
            self._board.leave()
        self._loop.remove_reader(self._listener.fileno())
        if self._resume is not None:
            self._resume.cancel()

    def _readable(self) -> None:
        self._patience = 1
        self._take(0)

    def _take(self, at_least: int) -> None:
        """Up to a batch. at_least: so many are not left to others any more."""
        if not self._reserve.hold():
            self._refused("the last descriptors are for the requests of those who are connected")
            return
        for number in range(BATCH):
            if number >= at_least and self._board is not None and self._board.should_yield(len(self._opening)):
                self._pause(YIELD_SECONDS)
                return
            if not self._accept():
                return

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._listener.fileno())
        self._resume = self._loop.call_later(seconds, self._take_what_is_left)

    def _take_what_is_left(self) -> None:
        """Nobody else took it in time: more and more is ours, so that a burst does not wait for one that hangs."""
        self._resume = None
        if not self._open:
            return
        patience, self._patience = self._patience, min(2 * self._patience, MOST_PATIENCE)
        self._take(patience)
        if self._resume is None:
            self.start()

    def _accept(self) -> bool:
        """Takes one. False when there is none, or none can be taken."""
        try:
            connection, _ = self._listener.accept()
        except OSError as error:
            if error.errno not in _TRANSIENT:
                self._refused(error.strerror)
            return error.errno == errno.ECONNABORTED
        self._exhausted = False
        connection.setblocking(False)
        task = self._loop.create_task(self._serve(connection), name="accept")
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)
        return True

    async def _serve(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._protocol, connection)
        except OSError:
            connection.close()  # it was gone before it was here

    def _refused(self, problem: str | None) -> None:
        """No descriptors or no memory: told once, tried again soon; connections wait in the kernel's queue, where
        another worker may take them.
        """
        if not self._exhausted:
            self._exhausted = True
            log.error("cannot accept connections; they wait", problem=problem)
        self._pause(EXHAUSTED_SECONDS)
