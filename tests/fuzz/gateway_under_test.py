"""The whole data plane in memory: the edge, the proxy and the HTTP/1.1 client, between a client and an origin."""

import asyncio

from gateway import recorder
from gateway.edge import protocol as edge_protocol
from gateway.edge.protocol import EdgeProtocol
from gateway.edge.server import edge_config
from gateway.edge.state import EdgeState
from tests.fuzz.memory import HangError, MemoryTransport
from tests.fuzz.request_mutator import HEAD_BYTES, MAX_FIELDS, TARGET_BYTES
from tests.support.proxy_harness import Gateway

LIMITS = f"""
limits:
  max_head_bytes: {HEAD_BYTES}
  max_headers: {MAX_FIELDS}
  max_target_bytes: {TARGET_BYTES}
  head_timeout_seconds: 1
  body_timeout_seconds: 1
  keep_alive_seconds: 1
  half_closed_seconds: 0.2
"""
ROUTES = (
    """
version: 1
upstreams:
  old:
    url: "{url}"
    client: {client}
    first_byte_timeout_seconds: 0.5
    idle_timeout_seconds: 0.5
    retry_percent: 100
    breaker: {{enabled: false}}
"""
    + LIMITS
    + """
routes:
  - {{path: "/*", upstream: old}}
"""
)
PATIENCE_SECONDS = 30.0
TURNS = 60
SLOW_SECONDS = 0.05
"""How long a slow client takes nothing."""


class Quiet:
    """Takes the place of a logger: requests' lines are dropped, faults of the gateway's are kept."""

    def __init__(self):
        self.faults = []

    def info(self, event, **fields):
        if "exc_info" in fields:
            self.faults.append((event, repr(fields["exc_info"])))

    warning = info

    def error(self, event, **fields):
        if event != "request":
            self.faults.append((event, repr(fields.get("exc_info", fields))))


class Link:
    """A connection of a client's, in memory. answers: every byte that it got. waited: seconds from the last of them to
    the end of the connection, where the client does nothing more.
    """

    def __init__(self, plane):
        self._loop = plane.loop
        self.edge = EdgeProtocol(plane.config, plane.state)
        self.answers = bytearray()
        self.transport = MemoryTransport(plane.loop, self.edge, self._take)
        self.stop_after = None
        self.waited = self._written = 0.0
        self.edge.connection_made(self.transport)

    def _take(self, data):
        self.answers += data
        self._written = self._loop.time()
        if self.stop_after is not None and len(self.answers) > self.stop_after and not self.edge.write_paused:
            self.stop_after = None
            self.transport.unsent = 1
            self.edge.pause_writing()
            self._loop.call_later(SLOW_SECONDS, self.take_again)

    def take_again(self):
        if self.edge.write_paused:
            self.transport.unsent = 0
            self.edge.resume_writing()

    def note_end(self):
        self.waited = self._loop.time() - self._written

    @property
    def over(self):
        """The gateway closes it, or has closed its sending side."""
        return self.transport.closing or self.transport.ended


class Plane:
    """Made once for many cases. origin: called with each new connection's protocol and transport; see `attach`."""

    def __init__(self, loop, text=None):
        self.loop = loop
        self.gateway = Gateway(text or ROUTES.format(url="http://127.0.0.1:9", client="http1"))
        self.gateway.use_clock(loop.time)
        self.quiet = Quiet()
        recorder.log = edge_protocol.log = self.quiet
        self.config = edge_config(self.gateway.proxy)
        self.config.load()
        self.state = EdgeState(self.gateway.proxy.reception, loop)
        self.unhandled = []
        loop.set_exception_handler(lambda _, context: self.unhandled.append(context.get("exception") or context))
        self.connections = []
        self._make_origin = None
        loop.connect = self._connect

    def serve_with(self, make_origin):
        """make_origin: given a number, makes what takes the bytes of that connection to the origin."""
        self.connections = []
        self._make_origin = make_origin

    def _connect(self, protocol):
        origin = self._make_origin(len(self.connections))
        transport = origin.transport = MemoryTransport(self.loop, protocol, origin.take, self.loop.silent)
        self.connections.append(origin)
        return transport

    async def until(self, condition):
        """Turns of the loop first; then time passes, until nothing more could happen."""
        for _ in range(TURNS):
            if condition():
                return
            await asyncio.sleep(0)
        deadline = self.loop.time() + PATIENCE_SECONDS
        while not condition():
            if self.loop.time() > deadline:
                raise HangError(f"not within {PATIENCE_SECONDS} seconds of the loop")
            await asyncio.sleep(0.02)

    async def settled(self, link):
        """After the case: everything of it must be gone."""
        await self.until(lambda: link.transport.lost and not (self.state.tasks or self.state.running))
        for client in self.gateway.clients.values():
            for pool in client._pools:
                for connection in tuple(pool.idle):
                    connection.abort()
        await self.until(lambda: all(origin.transport.lost for origin in self.connections))
        assert not self.state.swept, "the edge still holds a connection"
        assert not self.state.connections, "the server still counts a connection"
        assert not self.gateway.busy, "something is still counted as in flight"
        assert not self.unhandled, f"the loop was told of {self.unhandled!r}"
        assert not self.quiet.faults, f"the gateway logged {self.quiet.faults!r}"

    def reset(self):
        """After a finding: the next case must not see what this one has left behind."""
        self.unhandled.clear()
        self.quiet.faults.clear()
        self.state = EdgeState(self.gateway.proxy.reception, self.loop)
