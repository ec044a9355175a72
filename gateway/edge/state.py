"""What all client connections of a worker share, and the one sweep that looks at their deadlines."""

import asyncio
import resource
from collections import Counter
from enum import Enum
from typing import Protocol

from uvicorn.server import ServerState

from gateway.accept import ConnectionBoard
from gateway.config.schema import Limits
from gateway.errors import GatewayError
from gateway.model import Refusal
from gateway.rules.request_head import HeadLimits
from gateway.runner import Runner

SWEEP_SECONDS = 0.1
"""How late a deadline of a client's connection may be kept. One timer for all of them, none for each."""


class Front(Protocol):
    """What stands behind the edge: the limits in force, and a place to report what never became a request."""

    @property
    def limits(self) -> Limits:
        """Of the plan in force; read afresh for each connection and each request."""
        ...

    @property
    def head_limits(self) -> HeadLimits:
        """Those of them that bound a request's head."""
        ...

    def trusts(self, address: str) -> bool:
        """Whether many users may come from this address: it is a trusted proxy's."""
        ...

    @property
    def has_balancers(self) -> bool:
        """Whether there are peers of which `announces` is true."""
        ...

    def announces(self, address: str) -> bool:
        """Whether this peer is a balancer that begins each connection with a PROXY header."""
        ...

    def shaken(self, version: str) -> None:
        """A TLS handshake is complete: `TLSv1.3`."""
        ...

    def connection_refused(self, why: Refusal, problem: str, *, address: str) -> None:
        """A connection has ended before a request could be read on it."""
        ...

    def refused(self, error: GatewayError, *, request_id: bytes, method: bytes, path: bytes, seconds: float) -> None:
        """The edge has answered a request by itself: it is counted and logged like any other."""
        ...


class SweptConnection(Protocol):
    """What the sweep and the server see of a connection; `EdgeProtocol`."""

    deadline: float
    write_paused: bool

    @property
    def transport(self) -> asyncio.Transport: ...

    def expire(self, now: float) -> None: ...
    def check_writing(self, now: float) -> None: ...
    def shutdown(self) -> None: ...
    def cut(self) -> None: ...


class Room(Enum):
    """Whether a new connection can be served. One that cannot is told so, which takes a descriptor and two seconds; of
    those that are told so at once there is a bound too, or they would use up what is kept for upstreams.
    """

    YES = "it is served"
    NO = "it is answered 503"
    NOT_EVEN = "it is cut without a word"


class EdgeState(ServerState):
    """`draining`: answers close their connections. running: requests; `tasks` are WebSockets. swept: all connections,
    for the sweep. by_client: how many each address holds.
    """

    def __init__(self, front: Front, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.front = front
        self.loop = loop
        self.draining = False
        self.running: set[Runner] = set()
        self.board: ConnectionBoard | None = None
        self.swept: set[SweptConnection] = set()
        self.by_client: Counter[str] = Counter()
        self.most_connections, self.most_refused = _descriptors_for_clients()
        self._sweeping = False

    def add(self, connection: SweptConnection, address: str) -> Room:
        """Whether there is room for the connection. It is counted in any case; `remove` must follow."""
        self.swept.add(connection)
        self.by_client[address] += 1
        if self.board is not None:
            self.board.add(1)
        if not self._sweeping:
            self._sweeping = True
            self.loop.call_later(SWEEP_SECONDS, self._sweep)
        limits = self.front.limits
        over = len(self.swept) - min(limits.max_connections, self.most_connections)
        of_client = self.by_client[address] - limits.max_connections_per_client
        if of_client > max(over, 0) and not self.front.trusts(address):
            over = of_client
        if over <= 0:
            return Room.YES
        return Room.NO if over <= self.most_refused else Room.NOT_EVEN

    def remove(self, connection: SweptConnection, address: str) -> None:
        """It is gone."""
        self.swept.discard(connection)
        self.by_client[address] -= 1
        if not self.by_client[address]:
            del self.by_client[address]
        if self.board is not None:
            self.board.add(-1)

    def _sweep(self) -> None:
        now = self.loop.time()
        for connection in list(self.swept):
            if connection.deadline <= now:
                connection.expire(now)
            elif connection.write_paused:
                connection.check_writing(now)
        self._sweeping = bool(self.swept)
        if self._sweeping:
            self.loop.call_later(SWEEP_SECONDS, self._sweep)


def _descriptors_for_clients() -> tuple[int, int]:
    """Of this process's descriptors an eighth is left for upstreams, Redis and files; and of that eighth a quarter for
    clients that are told that there is no room.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    descriptors = 1_000_000 if soft == resource.RLIM_INFINITY else soft
    kept = max(descriptors // 8, 64)
    return descriptors - kept, kept // 4
