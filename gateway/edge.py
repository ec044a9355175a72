"""The edge: uvicorn's httptools protocol with what a proxy needs beyond it, and a server that drains.

uvicorn parses and frames; this class tells a running exchange at once that its client has left (no task per request),
can cut a connection, keeps what is not HTTP from what is, and answers `Connection: close` while the worker drains.
"""

import asyncio
import re
import secrets
import socket
import struct
from typing import Any, cast

import httptools
import uvicorn
from uvicorn._types import ASGI3Application, ASGISendEvent
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from gateway.accept import Acceptor, ConnectionBoard
from gateway.client import Listener
from gateway.errors import ClientError
from gateway.rules.problem import CONTENT_TYPE, problem_document
from gateway.rules.upgrade import asks_for_websocket, is_handshake
from gateway.websocket_edge import WebSocketEdge, take_over

DRAIN_POLL_SECONDS = 0.05

_ABSOLUTE_FORM = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?([^/?#]*)")
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\ncontent-type: %b\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"


class EdgeState(ServerState):
    """What all connections of a worker share. `draining`: answers close their connections."""

    draining = False
    board: ConnectionBoard | None = None


class UntilCloseCycle(RequestResponseCycle):
    """The answer to an HTTP/1.0 client, which knows no chunks: without a Content-Length it ends with the connection."""

    async def send(self, message: ASGISendEvent) -> None:
        if message["type"] == "http.response.start":
            self.chunked_encoding = False
        elif message["type"] == "http.response.body":
            self.expected_content_length = len(message.get("body", b""))
        await super().send(message)


class EdgeProtocol(HttpToolsProtocol):
    """One per client connection. `listener` is set by the exchange that is being served, if any."""

    server_state: EdgeState
    listener: Listener | None = None
    lost = False
    _arriving = False
    """The head of a request has begun and has not ended."""
    _ignored_upgrade = False
    """The head asks for an upgrade that is ignored (RFC 9110 section 7.8): it is read again without it."""
    _becomes_websocket = False
    """The head was a WebSocket's: the connection is handed over, and nothing more is read here."""
    _serving: RequestResponseCycle | None = None
    """The cycle that the app runs in; of pipelined requests `cycle` is the last one."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Counts the connection."""
        super().connection_made(transport)
        if self.server_state.board is not None:
            self.server_state.board.add(1)

    # -- what arrives

    def data_received(self, data: bytes) -> None:
        """Feeds the parser. llhttp stops at the head of a request that asks for an upgrade, and takes its body for
        something else: one that nobody serves is read again without the Upgrade, as a request like any other.
        """
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._becomes_websocket:
                take_over(self, data[upgrade.args[0] :])
            elif self._ignored_upgrade:
                self._ignored_upgrade = False
                self.data_received(self._head_without_upgrade() + data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._refuse()

    def _head_without_upgrade(self) -> bytes:
        fields = b"".join(b"%b: %b\r\n" % field for field in self.headers if field[0] != b"upgrade")
        return b"%b %b HTTP/%b\r\n%b\r\n" % (
            self.parser.get_method(),
            self.url,
            self.parser.get_http_version().encode(),
            fields,
        )

    def on_message_begin(self) -> None:
        """Announces ourselves to the app (`client.Edge`)."""
        super().on_message_begin()
        self._arriving = True
        self.scope["extensions"] = cast("dict[str, dict[object, object]]", {"gateway.edge": self})

    def on_headers_complete(self) -> None:
        """Hands the request to the app. While draining every answer closes its connection."""
        if self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            self._ignored_upgrade = not self._asks_for_websocket()
            if self._ignored_upgrade:
                return
        if not self.url.startswith(b"/"):
            self._take_authority()
        self._becomes_websocket = self._can_become_websocket()
        if self._becomes_websocket:
            self._arriving = False
            return
        super().on_headers_complete()
        self.headers = []  # trailers go here, not among what the app was given: nobody would look at them again
        self._arriving = False
        if self.url.endswith(b"?"):
            self.scope["raw_path"] += b"?"  # so that the app knows of an empty query
        if (
            self.server_state.draining or self.parser.should_upgrade()
        ):  # the app refuses what is no handshake; what follows is no request
            self.cycle.keep_alive = False
        if self.scope["http_version"] == "1.0":
            self.cycle.__class__ = UntilCloseCycle  # uvicorn makes the cycle itself and takes no other class

    def on_message_complete(self) -> None:
        """The last piece may have paused reading, and nobody will ask for more: a client's leaving must still show."""
        if self._ignored_upgrade or self._becomes_websocket:
            return
        super().on_message_complete()
        if self.cycle is self._serving:
            self.flow.resume_reading()

    def _asks_for_websocket(self) -> bool:
        return asks_for_websocket(self.headers)

    def _can_become_websocket(self) -> bool:
        """Not while an earlier request of the connection is unanswered: its answer would go among the frames."""
        return (
            self.parser.should_upgrade()
            and self.parser.get_http_version() == "1.1"
            and is_handshake(self.parser.get_method(), self.headers)
            and self.url.startswith(b"/")
            and (self.cycle is None or self.cycle.response_complete)
        )

    def _take_authority(self) -> None:
        """`GET http://host/path`: that host counts (RFC 9112 section 3.2.2), and the path goes on alone."""
        absolute = _ABSOLUTE_FORM.match(self.url)
        if absolute is not None:
            self.headers[:] = [field for field in self.headers if field[0] != b"host"]
            self.headers.append((b"host", absolute[1]))
            path = self.url[absolute.end() :]
            self.url = path if path.startswith(b"/") else b"/" + path

    def _refuse(self) -> None:
        """What came is not HTTP. That never disturbs the answers to what came before it on the connection."""
        last = self.cycle
        if last is None or last.response_complete:
            self._answer_bad_request()
        elif last is not self._serving or self._arriving or not last.more_body:
            self.flow.pause_reading()
            last.keep_alive = False
        elif last.response_started:
            self.transport.abort()
        else:
            last.disconnected = True
            self._answer_bad_request()

    def _answer_bad_request(self) -> None:
        error = ClientError(400, "Bad request", "what was sent is not valid HTTP")
        document = problem_document(error, b"%032x" % secrets.randbits(128))
        self.transport.write(_BAD_REQUEST % (CONTENT_TYPE, len(document)) + document)
        self.transport.close()

    # -- what is served

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._serving = cycle
        super()._start_asgi_task(cycle, app)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone: whoever serves it stops."""
        self.lost = True
        if self.server_state.board is not None:
            self.server_state.board.add(-1)
        if self._serving is not None:
            self._serving.disconnected = not self._serving.response_complete
            self._serving.message_event.set()
        super().connection_lost(exc)
        if self.listener is not None:
            self.listener.leave()

    def abort(self) -> None:
        """Cuts the connection without flushing, and with a reset, so that a broken answer never looks whole."""
        self.listener = None
        if self._serving is not None:
            self._serving.disconnected = True
        connection = self.transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.transport.abort()

    def cut(self) -> None:
        """Ends what is being served: with 503 where no answer has begun, else by a cut."""
        if self.listener is not None:
            self.listener.cut_short()
        else:
            self.abort()

    def shutdown(self) -> None:
        """Closes an idle connection; one with a request, even half a head of it, closes after the answer."""
        if not self._arriving:
            super().shutdown()

    @property
    def answers_later(self) -> bool:
        """Whether a request is being served whose answer has not begun."""
        return self.cycle is not None and not self.cycle.response_started


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
            if isinstance(connection, EdgeProtocol) and connection.answers_later:
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
        for connection in list(self.server_state.connections):
            if isinstance(connection, EdgeProtocol | WebSocketEdge):
                connection.cut()
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
