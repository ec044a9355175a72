"""The words that every layer shares: sides, reasons, decisions. A leaf: imports nothing of ours."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NewType

BasisPoints = NewType("BasisPoints", int)
"""A share in hundredths of a percent, 0..10000: 25 % is 2500. Never a float (STYLE: 573 percents go wrong)."""

ALL: Final = BasisPoints(10_000)
NONE: Final = BasisPoints(0)

NO_FEATURE: Final = "none"
"""The feature label of a request that a route sends to one fixed upstream."""


class Side(StrEnum):
    """Which implementation answers. `FIXED` is the label where a route names one upstream, `NOBODY` where the gateway
    itself answered before any side was chosen (no such route, a malformed request).
    """

    LEGACY = "legacy"
    NEW = "new"
    FIXED = "fixed"
    NOBODY = "none"


class Reason(StrEnum):
    """Why a side was chosen: the first rule that applied, in the order of `rules.decide`."""

    ROUTE = "route"
    RETIRED = "retired"
    KILLED = "killed"
    UNKNOWN = "unknown"
    UNHEALTHY = "unhealthy"
    OVERRIDE = "override"
    DENIED = "denied"
    ALLOWED = "allowed"
    SPLIT = "split"
    NO_KEY = "no_key"
    FALLBACK = "fallback"


class Cohort(StrEnum):
    """Whether an attempt belongs to the fair comparison of the sides (`SPLIT`) or was steered (`OTHER`)."""

    SPLIT = "split"
    OTHER = "other"


class Source(StrEnum):
    """Where a feature's percent or kill comes from, strongest first."""

    REDIS = "redis"
    ENVIRONMENT = "environment"
    FILE = "file"
    NEVER_READ = "never read"


class Refusal(StrEnum):
    """Why a client's connection ended before a request could be read; `gateway_connections_refused_total` counts it."""

    FULL = "full"  # over a limit, where nothing can be answered yet
    PROXY_HEADER = "proxy_header"  # a balancer has sent something else
    PLAIN_HTTP = "plain_http"  # where TLS is spoken
    TLS = "tls"  # the handshake failed
    TIMEOUT = "timeout"  # header or handshake did not come in time
    GONE = "gone"  # the client left in the middle of it


class Outcome(StrEnum):
    """How one attempt at an upstream ended; what `gateway_attempts_total` counts."""

    OK = "ok"
    CLIENT_ERROR = "4xx"
    SERVER_ERROR = "5xx"
    TIMEOUT = "timeout"
    REFUSED = "refused"
    TRUNCATED = "truncated"
    CLIENT_GONE = "client_gone"


class ShadowOutcome(StrEnum):
    """What became of one shadow; `gateway_shadow_requests_total` counts each shadow once."""

    MATCH = "match"
    MISMATCH = "mismatch"
    NOISE = "noise"  # legacy differs from itself at all the places where new differed
    UNDECIDED = "undecided"  # too few pairs to tell noise from a mismatch
    UNCONFIRMED = "unconfirmed"  # both sides were read once more, and did not differ so again
    FAILED = "failed"  # the side that was asked gave no reply: refused, timeout, cut, malformed
    DROPPED_IN_FLIGHT = "dropped_in_flight"
    DROPPED_BUDGET = "dropped_budget"  # of bytes that are held, or that are moved in a second
    DROPPED_UNHEALTHY = "dropped_unhealthy"  # the shadowed side fails, and is not asked for a while
    DROPPED_REQUEST_TOO_LARGE = "dropped_request_too_large"
    DROPPED_REPLY_TOO_LARGE = "dropped_reply_too_large"
    DROPPED_KILLED = "dropped_killed"
    DROPPED_STREAM = "dropped_stream"
    DROPPED_CONDITIONAL = "dropped_conditional"  # the answer is about the copy that the client has
    DROPPED_PRIMARY_FAILED = "dropped_primary_failed"
    DROPPED_SHUTDOWN = "dropped_shutdown"

    @property
    def is_dropped(self) -> bool:
        """Whether nothing was compared because the gateway gave it up, over a bound or for what came in between."""
        return self.value.startswith("dropped_")


@dataclass(slots=True, init=False)
class Decision:
    """A side and the reason for it. Never changed: another decision is another value.

    feature: the feature's name, or `NO_FEATURE` for a fixed upstream.
    upstream: the name of the upstream that is to answer.
    bucket: 0..9999 where a split was computed, else None.
    issue_cookie: the request had no key and gets a cookie of our own with this split.
    """

    feature: str
    side: Side
    reason: Reason
    upstream: str
    bucket: int | None
    issue_cookie: bool

    def __init__(
        self,
        feature: str,
        side: Side,
        reason: Reason,
        upstream: str,
        *,
        bucket: int | None = None,
        issue_cookie: bool = False,
    ) -> None:
        self.feature = feature
        self.side = side
        self.reason = reason
        self.upstream = upstream
        self.bucket = bucket
        self.issue_cookie = issue_cookie

    @property
    def cohort(self) -> Cohort:
        """SPLIT when a key's bucket decided, OTHER for lists, kills and keyless requests."""
        return Cohort.SPLIT if self.reason is Reason.SPLIT else Cohort.OTHER
