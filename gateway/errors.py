"""What can go wrong with a request, and the one function that turns it into an answer's status and title.

    GatewayError                 source, status, retryable
    |- ClientError               source client: the request cannot be served as it stands (4xx, 499)
    |- InternalError             source gateway: a fault of ours (500)
    |- NoUpstreamError           source gateway: nothing can take the request now (503)
    `- UpstreamError             source upstream: kind says what happened (502, 503, 504)

Errors of files, flags and commands live beside what raises them; only requests fail with these.
"""

from enum import StrEnum


class ErrorSource(StrEnum):
    """Who is at fault; decides whether a backend is blamed in metrics."""

    CLIENT = "client"
    GATEWAY = "gateway"
    UPSTREAM = "upstream"


class UpstreamErrorKind(StrEnum):
    """What happened at an upstream; the `kind` label of `gateway_upstream_errors_total`."""

    NAME = "name"  # the host name does not resolve
    REFUSED = "refused"  # nothing accepted the connection
    CONNECT_TIMEOUT = "connect_timeout"
    TLS = "tls"
    FIRST_BYTE_TIMEOUT = "first_byte_timeout"
    IDLE_TIMEOUT = "idle_timeout"
    TOTAL_TIMEOUT = "total_timeout"
    CLOSED = "closed"  # the connection ended before the reply's head
    MALFORMED = "malformed"  # the reply is not HTTP, is ambiguous or has a head over the limit
    TRUNCATED = "truncated"  # the connection ended inside the reply's body
    POOL_TIMEOUT = "pool_timeout"  # max_connections are all busy
    FULL = "full"  # max_in_flight requests are under way and the queue is full, or did not move in time
    EXHAUSTED = "exhausted"  # this process has no descriptor or memory for another connection
    DOWN = "down"  # not even asked: its breaker is open, or no target passes its health checks


_TIMEOUTS = frozenset(
    {
        UpstreamErrorKind.CONNECT_TIMEOUT,
        UpstreamErrorKind.FIRST_BYTE_TIMEOUT,
        UpstreamErrorKind.IDLE_TIMEOUT,
        UpstreamErrorKind.TOTAL_TIMEOUT,
    },
)
_BUSY = frozenset(
    {
        UpstreamErrorKind.POOL_TIMEOUT,
        UpstreamErrorKind.FULL,
        UpstreamErrorKind.EXHAUSTED,
        UpstreamErrorKind.DOWN,
    }
)


_UNREACHABLE = frozenset({UpstreamErrorKind.NAME, UpstreamErrorKind.REFUSED, UpstreamErrorKind.TLS})


class GatewayError(Exception):
    """Base of every failure of a request. `detail` goes to the client: never secrets, addresses or stack traces."""

    source = ErrorSource.GATEWAY
    status = 500
    title = "Internal error"
    retry_after = 1
    """Seconds: what a 503 tells the client."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class ClientError(GatewayError):
    """The request cannot be served as it stands; 499 is a client that left (never sent, only counted)."""

    source = ErrorSource.CLIENT

    def __init__(self, status: int, title: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title


class InternalError(GatewayError):
    """A fault of the gateway itself: 500, with the request id to find its log line by."""


class NoUpstreamError(GatewayError):
    """Nothing can take the request now: 503, and a client may try again."""

    status = 503
    title = "Service unavailable"


class UpstreamError(GatewayError):
    """An upstream failed. `sent` is False only when not one byte of the request can have reached it.

    `reused` says that the connection came from the pool: a close before any byte of the reply then most likely
    means that the upstream had closed it while it was idle (RFC 9112 section 9.3.1).
    """

    source = ErrorSource.UPSTREAM

    def __init__(self, kind: UpstreamErrorKind, detail: str, *, sent: bool, reused: bool = False) -> None:
        super().__init__(detail)
        self.kind = kind
        self.sent = sent
        self.reused = reused
        if kind in _TIMEOUTS:
            self.status, self.title = 504, "Upstream timed out"
        elif kind in _BUSY:
            self.status, self.title = 503, "Service unavailable"
        elif kind in _UNREACHABLE:
            self.status, self.title = 502, "Upstream unreachable"
        else:
            self.status, self.title = 502, "Bad reply from upstream"
