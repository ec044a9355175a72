"""The edge: uvicorn's httptools protocol with what a proxy needs beyond it, and a server that drains.

uvicorn parses and frames; this class tells a running exchange at once that its client has left (no task per request),
can cut a connection, and answers `Connection: close` while the worker drains.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from gateway.accept import Acceptor, ConnectionBoard

DRAIN_POLL_SECONDS = 0.05


class EdgeState(ServerState):
    """What all connections of a worker share. `draining`: answers close their connections."""

    draining = False
    board: ConnectionBoard | None = None


class EdgeProtocol(HttpToolsProtocol):
    """One per client connection. `on_disconnect` is set by the exchange that is being served, if any."""

    server_state: EdgeState
    on_disconnect: Callable[[], None] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """One more connection of this worker's."""
        if self.server_state.board is not None:
            self.server_state.board.add(1)
        super().connection_made(transport)

    def on_message_begin(self) -> None:
        """Announces ourselves to the app (`client.Edge`)."""
        super().on_message_begin()
        self.scope["extensions"] = cast("dict[str, dict[object, object]]", {"gateway.edge": self})

    def on_headers_complete(self) -> None:
        """While draining every answer closes its connection."""
        super().on_headers_complete()
        if self.cycle is not None and self.server_state.draining:
            self.cycle.keep_alive = False

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone: whoever serves it stops."""
        super().connection_lost(exc)
        if self.server_state.board is not None:
            self.server_state.board.add(-1)
        callback, self.on_disconnect = self.on_disconnect, None
        if callback is not None:
            callback()

    def abort(self) -> None:
        """Cuts the connection without flushing, so that a broken answer never looks whole."""
        self.on_disconnect = None
        if self.cycle is not None:
            self.cycle.disconnected = True
        self.transport.abort()

    @property
    def busy(self) -> bool:
        """Whether a request is being served or has begun to arrive."""
        return self.cycle is not None and not self.cycle.response_complete


class EdgeServer(uvicorn.Server):
    """uvicorn's server on a socket that outlives it, stopped by `drain` instead of signals."""

    server_state: EdgeState

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.server_state = EdgeState()

    async def begin(self, sockets: list[socket.socket], board: ConnectionBoard | None = None) -> None:
        """Starts to accept. Accepting, signals, the main loop and the date header are not uvicorn's here.

        board: how many connections each worker holds, where several accept on these sockets.
        """
        config = self.config
        if not config.loaded:
            config.load()
        self.lifespan = config.lifespan_class(config)
        await self.lifespan.startup()
        self.server_state.board = board
        self.servers = []
        self.acceptors = [Acceptor(each, self._protocol, board) for each in sockets]
        for acceptor in self.acceptors:
            acceptor.start()
        self.started = True

    def _protocol(self) -> asyncio.Protocol:
        return EdgeProtocol(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    def announce_drain(self) -> None:
        """From now on each answer carries `Connection: close`; new connections are still accepted."""
        self.server_state.draining = True
        for connection in list(self.server_state.connections):
            if isinstance(connection, EdgeProtocol) and connection.busy and not connection.cycle.response_started:
                connection.cycle.keep_alive = False

    async def drain(self, timeout_seconds: float) -> int:
        """Stops accepting, closes idle connections, waits for running requests. Returns how many were cut."""
        for acceptor in self.acceptors:
            acceptor.close()
        await asyncio.sleep(DRAIN_POLL_SECONDS)  # what is already in a socket's buffer becomes a request first
        for connection in list(self.server_state.connections):
            connection.shutdown()
        deadline = asyncio.get_running_loop().time() + timeout_seconds
        while self._unfinished() and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110 - uvicorn has no event
            await asyncio.sleep(DRAIN_POLL_SECONDS)
        return self.cut()

    def cut(self) -> int:
        """Ends what is left at once. Returns how many requests that were."""
        left = len(self.server_state.tasks)
        for task in list(self.server_state.tasks):
            task.cancel()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        return left

    def _unfinished(self) -> bool:
        return bool(self.server_state.connections or self.server_state.tasks)


def edge_config(app: Any, *, keep_alive_seconds: int = 75) -> uvicorn.Config:
    """How the data plane runs under uvicorn: nothing added to what the proxy says, no signals, no access log."""
    return uvicorn.Config(
        app,
        http=EdgeProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=keep_alive_seconds,
        backlog=2048,
    )
