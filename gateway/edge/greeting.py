"""A client's connection before its first request can be read: the PROXY header of a balancer, then a TLS handshake.

Rules:

1.  All of it has `head_timeout_seconds`, and counts as a connection of its client's from the first moment.
2.  A peer of `proxy_protocol` must begin with a header; from any other peer none is read.
3.  What fails is ended without a word but TLS's own, and counted by cause. Plain HTTP where TLS is spoken is answered.
4.  What stays unfinished while the worker drains may still be finished, and asks one thing.
"""

import asyncio
import ssl
from collections.abc import Callable
from math import inf

from gateway.edge.protocol import EdgeProtocol
from gateway.edge.scope import Ends
from gateway.edge.state import EdgeState, Room
from gateway.edge.tls import Handshake, TlsTransport
from gateway.errors import ClientError
from gateway.model import Refusal
from gateway.rules.proxy_protocol import ProxyHeaderError, read_header

_HANDSHAKE_RECORD = 0x16


def plain_http() -> ClientError:
    """What a client is told that has left out the `s`."""
    return ClientError(400, "Bad request", "plain HTTP was sent to a port that speaks TLS; the address begins https://")


class Greeting(asyncio.Protocol):
    """Made by `EdgeServer` for each connection of a listener that speaks TLS, or of any while balancers are named.

    edge: makes the protocol that the connection is handed to. context: for TLS; None where none is spoken.
    """

    def __init__(
        self, edge: Callable[[Ends | None], EdgeProtocol], state: EdgeState, context: ssl.SSLContext | None
    ) -> None:
        self._edge = edge
        self._state = state
        self._front = state.front
        self._context = context
        self.transport: asyncio.Transport = None  # type: ignore[assignment]
        self.deadline = inf
        self.write_paused = False
        self._address = ""
        self._ends: Ends | None = None
        self._awaits_header = False
        self._handshake: Handshake | None = None
        self._buffer = b""
        self._begun = False
        self._done = False
        self._closes_soon = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport
        name = transport.get_extra_info("peername")
        self._address = str(name[0]) if isinstance(name, tuple) else ""
        self._awaits_header = self._front.announces(self._address)
        if not self._awaits_header and self._context is None:
            self._done = True
            self._hand_over(b"")
            return
        self._state.connections.add(self)  # type: ignore[arg-type]
        self.deadline = self._state.loop.time() + self._front.limits.head_timeout_seconds
        if self._state.add(self, self._address) is not Room.YES:
            self._refuse(Refusal.FULL, "there are too many connections")

    def data_received(self, data: bytes) -> None:
        if self._done:
            return
        self._begun = True
        if self._awaits_header:
            self._buffer += data
            self._take_header()
        else:
            self._take(data)

    def _take_header(self) -> None:
        try:
            header = read_header(self._buffer)
        except ProxyHeaderError as error:
            self._refuse(Refusal.PROXY_HEADER, str(error))
            return
        if header is None:
            return
        self._awaits_header = False
        rest, self._buffer = self._buffer[header.size :], b""
        if header.client is not None:
            self._ends = Ends(header.client, header.server)
            if not self._move_to(header.client[0]) and self._context is not None:
                self._refuse(Refusal.FULL, "there are too many connections from this address")
                return
        if rest or self._context is None:
            self._take(rest)

    def _move_to(self, address: str) -> bool:
        """The connection is not the balancer's but its client's. Whether there is room for it there."""
        self._state.remove(self, self._address)
        self._address = address
        return self._state.add(self, address) is Room.YES

    def _take(self, data: bytes) -> None:
        if self._context is None:
            self._leave()
            self._hand_over(data)
            return
        if self._handshake is None:
            if data[0] != _HANDSHAKE_RECORD:
                self._leave()
                self._answer_plain_http(data)
                return
            self._handshake = Handshake(self._context)
        self._shake_hands(self._handshake, data)

    def _shake_hands(self, handshake: Handshake, data: bytes) -> None:
        try:
            complete = handshake.feed(data)
        except ssl.SSLError as error:
            self._say(handshake)
            self._refuse(Refusal.TLS, error.reason or "the TLS handshake failed")
            return
        self._say(handshake)
        if complete:
            self._leave()
            self._front.shaken(handshake.tls.version() or "unknown")
            edge = self._edge(self._ends)
            TlsTransport(self.transport, handshake).begin(edge)
            self._pass_on(edge)

    def _say(self, handshake: Handshake) -> None:
        if handshake.outgoing.pending:
            self.transport.write(handshake.outgoing.read())

    def _answer_plain_http(self, data: bytes) -> None:
        edge = self._edge(self._ends)
        self.transport.set_protocol(edge)
        edge.connection_made(self.transport)
        edge.turn_away(plain_http(), data)
        self._front.connection_refused(Refusal.PLAIN_HTTP, "plain HTTP", address=self._address)

    def _hand_over(self, rest: bytes) -> None:
        edge = self._edge(self._ends)
        self.transport.set_protocol(edge)
        edge.connection_made(self.transport)
        if rest:
            edge.data_received(rest)
        self._pass_on(edge)

    def _pass_on(self, edge: EdgeProtocol) -> None:
        """What the server has said meanwhile."""
        if self._closes_soon:
            edge.close_soon()

    # -- the end

    def _refuse(self, why: Refusal, problem: str) -> None:
        self._leave()
        self._front.connection_refused(why, problem, address=self._address)
        if why is Refusal.TLS and not self.transport.get_write_buffer_size():
            self.transport.close()  # behind the alert
        else:
            self.transport.abort()

    def _leave(self) -> None:
        """The connection is somebody else's from here on, or gone."""
        if not self._done:
            self._done = True
            self._state.connections.discard(self)
            self._state.remove(self, self._address)

    def connection_lost(self, exc: Exception | None) -> None:
        """A balancer that only looks whether the port is open says nothing, and that is no failure."""
        if not self._done and self._begun:
            self._front.connection_refused(Refusal.GONE, "the client left", address=self._address)
        self._leave()

    # -- what the sweep and the server do

    def expire(self, now: float) -> None:
        self._refuse(Refusal.TIMEOUT, "the greeting did not come in time")

    def check_writing(self, now: float) -> None:
        """Nothing that is written here is long."""

    def shutdown(self) -> None:
        if self._begun:
            self._closes_soon = True
        else:
            self.transport.close()

    def cut(self) -> None:
        self._leave()
        self.transport.abort()
