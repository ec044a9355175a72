"""uvicorn's server as the data plane runs it: our own protocol, on a socket that outlives it, stopped by `drain`."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Any

import uvicorn

from gateway.accept import Acceptor, ConnectionBoard
from gateway.edge.greeting import Greeting
from gateway.edge.protocol import EdgeProtocol
from gateway.edge.scope import Ends
from gateway.edge.state import EdgeState, Front

DRAIN_POLL_SECONDS = 0.05
LAST_ANSWERS_SECONDS = 0.5


class EdgeServer(uvicorn.Server):
    """front: what the app behind it says of limits, and where refusals are reported; made in a running loop or not."""

    server_state: EdgeState

    def __init__(self, config: uvicorn.Config, front: Front) -> None:
        super().__init__(config)
        self._front = front

    async def begin(
        self,
        sockets: Sequence[socket.socket],
        board: ConnectionBoard | None = None,
        *,
        secure: Sequence[socket.socket] = (),
        context: Callable[[], ssl.SSLContext | None] = lambda: None,
    ) -> None:
        """Starts to accept. Accepting, signals, the main loop and the date header are not uvicorn's here.

        board: how many connections each worker holds, where several accept on these sockets.
        secure: sockets on which TLS is spoken, with what `context` gives at each new connection; as long as that is
        nothing, they are left to other workers, until `accept_secure` is called.
        """
        config = self.config
        if not config.loaded:
            config.load()
        self.lifespan = config.lifespan_class(config)
        await self.lifespan.startup()
        self.server_state = EdgeState(self._front, asyncio.get_running_loop())
        self.server_state.board = board
        self.servers = []
        self._context = context
        self.acceptors = [Acceptor(each, self._protocol, board) for each in sockets]
        for acceptor in self.acceptors:
            acceptor.start()
        self._closed = [Acceptor(each, self._secure_protocol, board) for each in secure]
        self.accept_secure()
        self.started = True

    def accept_secure(self) -> None:
        """There is a certificate: from now on connections are accepted that speak TLS. Again and again is harmless."""
        if self._context() is None:
            return
        for acceptor in self._closed:
            acceptor.start()
        self.acceptors += self._closed
        self._closed = []

    def _protocol(self) -> asyncio.Protocol:
        if self._front.has_balancers:
            return Greeting(self._edge, self.server_state, None)
        return EdgeProtocol(self.config, self.server_state)

    def _secure_protocol(self) -> asyncio.Protocol:
        return Greeting(self._edge, self.server_state, self._context())

    def _edge(self, ends: Ends | None) -> EdgeProtocol:
        return EdgeProtocol(self.config, self.server_state, ends)

    def announce_drain(self) -> None:
        """From now on each answer carries `Connection: close`; new connections are still accepted."""
        self.server_state.draining = True

    def stop_accepting(self) -> None:
        """Those who are connected are served on."""
        for acceptor in self.acceptors:
            acceptor.close()
        self._closed = []  # nor later, when there is a certificate

    async def drain(self, timeout_seconds: float) -> int:
        """Stops accepting, closes idle connections, waits for running requests. Returns how many were cut."""
        self.stop_accepting()
        await asyncio.sleep(DRAIN_POLL_SECONDS)  # what is already in a socket's buffer becomes a request first
        for connection in list(self.server_state.swept):
            connection.shutdown()
        deadline = asyncio.get_running_loop().time() + timeout_seconds
        while self._unfinished() and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110 - uvicorn has no event
            await asyncio.sleep(DRAIN_POLL_SECONDS)
        return self.cut()

    def cut(self) -> int:
        """Ends what is left at once. Returns how many requests that were."""
        left = len(self.server_state.running) + len(self.server_state.tasks)
        for connection in list(self.server_state.swept):
            connection.cut()
        return left

    async def finish(self) -> None:
        """Before the process ends: answers of the last moment are written, and what lingers is closed."""
        deadline = asyncio.get_running_loop().time() + LAST_ANSWERS_SECONDS
        while self._has_work() and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110 - as above
            await asyncio.sleep(DRAIN_POLL_SECONDS / 5)
        for connection in list(self.server_state.swept):
            connection.transport.close()
        await asyncio.sleep(DRAIN_POLL_SECONDS / 5)

    def _unfinished(self) -> bool:
        return bool(self.server_state.connections) or self._has_work()

    def _has_work(self) -> bool:
        return bool(self.server_state.running or self.server_state.tasks)


def edge_config(app: Any) -> uvicorn.Config:
    """How the data plane runs under uvicorn: nothing added to what the proxy says, no signals, no access log."""
    return uvicorn.Config(
        app,
        http=EdgeProtocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        backlog=2048,
    )
