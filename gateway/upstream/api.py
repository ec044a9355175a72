"""The one Protocol through which the proxy reaches an upstream, and the values that cross it.

Two implementations: `http1.Http1Client` (asyncio protocol on httptools, a LIFO pool per target: the default) and
`httpx_client.HttpxClient` (any `httpx.AsyncBaseTransport`: HTTP/2 and whatever else httpx does). One test suite runs
over both; the table in `httpx_client` says what httpx does otherwise.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Protocol

Headers = list[tuple[bytes, bytes]]
"""Names in lower case, values as on the wire, in order, repeats kept."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds; None means no limit. Each maps to one kind of `UpstreamError`."""

    connect: float | None = 2.0
    """To connect (CONNECT_TIMEOUT), or to wait for a free connection when max_connections are busy (POOL_TIMEOUT)."""
    first_byte: float | None = 60.0
    """From the end of the request (or its last accepted byte) to the reply's head (FIRST_BYTE_TIMEOUT)."""
    idle: float | None = 60.0
    """Between two pieces of the reply's body, and for a piece of the request's to be accepted (IDLE_TIMEOUT)."""
    total: float | None = None
    """For the whole attempt, connect to last byte (TOTAL_TIMEOUT)."""


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """Bounds of one upstream's connection pool, per worker and per target (URL)."""

    max_connections: int = 1024
    max_idle: int = 128
    idle_seconds: float = 4.0
    """Under the usual keep-alive of application servers (5 s): we close first, and no request meets a dead one."""
    resolve_seconds: float = 5.0
    """Between two lookups of a target's name."""


class DecisionChangedError(Exception):
    """Raised by `OutboundRequest.admit`: the request must not go to this upstream any more (a kill arrived)."""


class BodyLengthError(Exception):
    """A body was longer or shorter than `content_length` declared. The connection is cut; the caller's fault."""


@dataclass(slots=True, init=False)
class OutboundRequest:
    """What goes to the upstream: a fresh value, hop-by-hop headers already gone, everything else already added.

    target: the raw path and query as on the wire, e.g. b"/a%20b?c=1".
    headers: complete but for framing: contains `host`; never `content-length` or `transfer-encoding`, which the
        client adds from `content_length` and `body`.
    body: None (no body), bytes (complete: sent with the head in one write), or an async iterator of chunks, which is
        closed (`aclose`, if it has one) when its sending ends; until the head is written it is left untouched.
    content_length: the declared length of an iterated body; None means chunked. Fewer or more bytes than declared
        must never be sent as if complete: the connection is cut, with BodyLengthError.
    expects_continue: whoever sends the iterated body waits for 100. The http1 client asks the upstream (with an
        `expect: 100-continue`, never among the headers) and leaves the body untouched until it says 100, or a moment
        has passed; one that answers instead gets nothing of it. httpx reads the body when the head is out.
    is_stream: the reply may be silent between two pieces for as long as it likes. `Timeouts.idle` does not count for
        it, and `Timeouts.total` only up to its head.
    on_interim: called with the status and the fields of each 1xx before the final head, but 100, by those that can.
    admit: called synchronously right before the head is written, each time, after any wait for a connection. May raise
        `DecisionChangedError`, which leaves the connection unused (back in the pool) and propagates.
    """

    method: bytes
    target: bytes
    headers: Headers
    body: bytes | AsyncIterator[bytes] | None
    content_length: int | None
    expects_continue: bool
    is_stream: bool
    on_interim: Callable[[int, Headers], None] | None
    admit: Callable[[], None] | None

    def __init__(
        self,
        method: bytes,
        target: bytes,
        headers: Headers,
        body: bytes | AsyncIterator[bytes] | None = None,
        *,
        content_length: int | None = None,
        expects_continue: bool = False,
        is_stream: bool = False,
        on_interim: Callable[[int, Headers], None] | None = None,
        admit: Callable[[], None] | None = None,
    ) -> None:
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
        self.content_length = content_length
        self.expects_continue = expects_continue
        self.is_stream = is_stream
        self.on_interim = on_interim
        self.admit = admit


class UpstreamResponse(Protocol):
    """A reply whose head has arrived. `headers` still contain hop-by-hop fields, but never `content-length` or
    `transfer-encoding`: the framing is consumed, and `content_length` says what there was to say.
    """

    status: int
    headers: Headers
    content_length: int | None
    """The declared length of the body, where there is one (for HEAD and 304: what the header says; None for 204)."""

    async def read(self) -> bytes:
        """The next piece of the body, b"" at its end. Raises UpstreamError TRUNCATED, IDLE_TIMEOUT, TOTAL_TIMEOUT,
        MALFORMED, and whatever the request's body iterator raised while it was still being sent.

        Backpressure: an implementation stops reading from its socket when about 64 KiB wait to be read here.
        """
        ...

    def read_nowait(self) -> bytes | None:
        """What has arrived of the body, without waiting: bytes, b"" if it has ended, None if one must wait."""
        ...

    async def aclose(self) -> None:
        """Must be called once, always. Returns the connection to the pool when the reply and the request were complete
        and both sides keep it alive; otherwise closes it at once. Cancels a body still being sent."""
        ...


class UpstreamGuard(Protocol):
    """What stands before one upstream: `guard.Guard`."""

    @property
    def is_down(self) -> bool:
        """Whether a request would be refused now, because the upstream is known not to answer."""
        ...

    @property
    def is_probing(self) -> bool:
        """Whether what is let through now are the probes of a breaker that is half-open."""
        ...

    @property
    def is_capped(self) -> bool:
        """Whether a request needs a place, and may have to wait for one."""
        ...

    async def take_place(self, admit: Callable[[], None]) -> None:
        """At once, or after a wait in which `admit` is asked whether to go on waiting. Raises UpstreamError FULL and
        DOWN, and DecisionChangedError from `admit`.
        """
        ...

    def give_place_back(self) -> None:
        """Once for each request that was let through, with a place or without."""
        ...

    def ask_again(self) -> None:
        """After a kill: whoever waits and must not go there any more leaves the queue."""
        ...

    def earn_retry(self) -> None:
        """A request is sent for the first time."""
        ...

    def may_retry(self) -> bool:
        """Whether the budget lets a request be sent again; if so, it is paid for."""
        ...

    def enter(self) -> int:
        """Lets a request through: its ticket, for `judge`. Raises UpstreamError DOWN."""
        ...

    def judge(self, ticket: int, success: bool | None) -> None:
        """Once for each ticket. success: None where nothing was learnt."""
        ...

    def why_down(self) -> str | None:
        """For people; None while requests are let through."""
        ...


class UpstreamLine(Protocol):
    """A connection to one target that is nobody else's. It ends in `end`, once or more often."""

    connection: Any
    """A `connection.Connection`, without an exchange; whoever asked for it takes it from here."""

    def judge(self, success: bool | None) -> None:
        """What the target has shown of itself. success: None where nothing was learnt."""
        ...

    def end(self) -> None:
        """It is over, and its place is free."""
        ...


class UpstreamLines(Protocol):
    """Connections outside of the pool, for what is no request with one reply: WebSockets."""

    timeouts: Timeouts

    @property
    def open(self) -> int:
        """Those that are in use or being opened."""
        ...

    async def connect(self, total_deadline: float) -> UpstreamLine:
        """To the target with fewer of them. Raises UpstreamError as `UpstreamClient.send` does, with `sent` False."""
        ...


class UpstreamClient(Protocol):
    """One upstream: its targets, pool and timeouts. Called by `proxy` only, from one event loop."""

    @property
    def lines(self) -> UpstreamLines:
        """To the same targets, by the same standing of each, the same names and the same TLS."""
        ...

    @property
    def targets(self) -> tuple[str, ...]:
        """The base URLs."""
        ...

    @property
    def is_down(self) -> bool:
        """Whether no target passes its health checks."""
        ...

    def states(self) -> tuple[str, ...]:
        """How each target stands, in the order of `targets`: the values of `rules.standing.Standing`."""
        ...

    def problems(self) -> tuple[str | None, ...]:
        """What the last health check of each target found, or why it took no connection."""
        ...

    def checked(self, place: int, problem: str | None) -> None:
        """Told by health checks: what was found at a target, None where all was well."""
        ...

    @property
    def in_flight(self) -> int:
        """Requests between `send` and the end of `aclose`, those that wait for a connection too."""
        ...

    @property
    def idle(self) -> int:
        """Connections kept for reuse."""
        ...

    async def send(self, request: OutboundRequest) -> UpstreamResponse:
        """Sends the request and returns when the reply's head has arrived (final status; of 1xx see `OutboundRequest`).

        An early reply to an unfinished upload returns as it arrives; the body goes on being sent beside it.
        Raises UpstreamError (kinds NAME, REFUSED, CONNECT_TIMEOUT, POOL_TIMEOUT, TLS, FIRST_BYTE_TIMEOUT,
        TOTAL_TIMEOUT, IDLE_TIMEOUT, CLOSED, MALFORMED) with `sent` and `reused` set truthfully, DecisionChangedError
        from `admit`, BodyLengthError and whatever the body iterator raised; ValueError, before anything is sent, for a
        request that would not be one request on the wire (line breaks, framing of its own). Cancellation closes the
        connection. Never retries by itself, except to another target of the same upstream when connecting to the first
        failed.
        """
        ...

    async def aclose(self) -> None:
        """Closes idle connections now and those in use when their response is closed."""
        ...
