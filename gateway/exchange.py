"""What the phases of one request share. One per request; nothing is hung on the ASGI scope."""

from collections.abc import Mapping
from typing import Protocol

from gateway.errors import ClientError, GatewayError
from gateway.model import NO_FEATURE, NONE, Cohort, Decision, Reason, Side
from gateway.rules.cors import CorsPlan
from gateway.rules.fallback import FallbackPlan, may_go_twice
from gateway.rules.headers import Fields, client_origin
from gateway.rules.keys import Key
from gateway.rules.plan import FeaturePlan, Plan, Target
from gateway.rules.rewrite import PathRewrite
from gateway.shadow.copy import Copy
from gateway.upstream.api import UpstreamClient, UpstreamGuard


def client_left() -> ClientError:
    """499: the client closed its connection before the answer was complete. Never sent; only counted and logged."""
    return ClientError(499, "Client closed request", "the client closed its connection before the answer was complete")


class Cancellable(Protocol):
    """What runs a request: a task, or a `Runner`."""

    def cancel(self) -> object: ...
    def uncancel(self) -> object: ...


class Exchange:
    """Attributes are grouped by when they become known; everything inbound stays as it came.

    named: the first value of each field. query: with its question mark, empty where there is none. scheme: of the
    connection. trusted: the peer is a proxy whose forwarding fields are believed. client_ip: the user's address.
    is_preflight: it asks, for CORS, whether another request may be made, and the gateway answers it.
    hinted_by: the attempt whose 1xx the client gets, once there was one.
    """

    __slots__ = (
        "admitted", "attempt_open", "attempt_started", "attempts", "client_ip", "clients", "copy", "cut", "decision",
        "decisions", "error", "fell_back", "fields", "first_byte_seconds", "gone", "guard", "guards", "hinted_by",
        "host", "http_version", "is_preflight", "key", "method", "named", "peer", "plan", "query", "raw_path",
        "refusal", "request_id", "response_complete", "response_started", "scheme", "shadow", "started", "status",
        "streaming", "target", "task", "ticket", "trusted",
    )  # fmt: skip

    def __init__(
        self,
        *,
        plan: Plan,
        clients: Mapping[str, UpstreamClient],
        guards: Mapping[str, UpstreamGuard],
        started: float,
        method: bytes,
        raw_path: bytes,
        query: bytes,
        fields: Fields,
        named: dict[bytes, bytes],
        host: bytes,
        scheme: str,
        peer: str,
        trusted: bool,
        client_ip: str,
        request_id: bytes,
        http_version: str = "1.1",
    ) -> None:
        # inbound
        self.plan = plan
        self.clients = clients
        self.guards = guards
        self.started = started
        self.method = method
        self.raw_path = raw_path
        self.query = query
        self.fields = fields
        self.named = named
        self.host = host
        self.scheme = scheme
        self.peer = peer
        self.trusted = trusted
        self.client_ip = client_ip
        self.request_id = request_id
        self.http_version = http_version

        # match and decide
        self.target: Target | None = None
        self.is_preflight = False
        self.key: Key | None = None
        self.decision: Decision | None = None
        self.decisions = 0

        # a copy of it may go to the other side: how many of ten thousand, and what is kept for the one that does
        self.shadow = NONE
        self.copy: Copy | None = None

        # admit: the (feature, side) whose requests in flight this one is counted among
        self.admitted: tuple[str, Side] | None = None

        # legacy answers what new could not, and this one counts among those that it does so for
        self.fell_back = False

        # the guard that has let this attempt through, and its ticket until it has been judged
        self.guard: UpstreamGuard | None = None
        self.ticket: int | None = None

        # send and relay
        self.attempts = 0
        self.attempt_started = 0.0
        self.first_byte_seconds: float | None = None
        self.attempt_open = False
        self.hinted_by = 0
        self.status = 0
        self.streaming = False
        self.response_started = False
        self.response_complete = False

        # how it ended
        self.error: GatewayError | None = None
        self.gone = False
        self.cut = False
        self.refusal: GatewayError | None = None
        self.task: Cancellable | None = None

    @property
    def feature(self) -> str:
        """The feature label: its name, or `none`."""
        return self.decision.feature if self.decision is not None else NO_FEATURE

    @property
    def upstream(self) -> str:
        """The name of the upstream that is to answer; only where it was decided."""
        assert self.decision is not None  # noqa: S101 - asked for by those who come after the decision
        return self.decision.upstream

    @property
    def may_be_diverted(self) -> bool:
        """Whether legacy may serve this request of new's while new is known to be down."""
        feature = self.target.feature if self.target is not None else None
        return feature is not None and feature.diverts and self.side is Side.NEW

    @property
    def fallback(self) -> FallbackPlan | None:
        """How legacy may answer instead, if it may; only while the request is new's."""
        target = self.target
        if target is None or target.feature is None or self.side is not Side.NEW:
            return None
        plan = target.feature.fallback
        if plan is None or not may_go_twice(self.method, idempotent_too=target.fallback_idempotent):
            return None
        return plan

    @property
    def side(self) -> Side:
        """The side label."""
        return self.decision.side if self.decision is not None else Side.NOBODY

    @property
    def cohort(self) -> Cohort:
        """Whether this request belongs to the fair comparison of the sides."""
        return self.decision.cohort if self.decision is not None else Cohort.OTHER

    @property
    def reason(self) -> Reason | None:
        """Why the side was chosen."""
        return self.decision.reason if self.decision is not None else None

    @property
    def feature_plan(self) -> FeaturePlan | None:
        """The feature that the route leads to, if it leads to one."""
        return self.target.feature if self.target is not None else None

    @property
    def rewrite(self) -> PathRewrite | None:
        """The path rewriting of the side that was chosen."""
        if self.target is None or self.target.feature is None:
            return self.target.rewrite if self.target is not None else None
        return self.target.feature.rewrites[1 if self.side is Side.NEW else 0]

    @property
    def is_stream(self) -> bool:
        """Whether the route's replies may be silent for as long as they like."""
        return self.target is not None and self.target.stream

    @property
    def cors(self) -> CorsPlan | None:
        """Which origins' pages may read the reply; None where CORS is off."""
        return self.plan.cors if self.target is None else self.target.cors

    @property
    def client_origin(self) -> tuple[str, bytes]:
        """Scheme and host as the user's browser has them."""
        return client_origin(self.named, scheme=self.scheme, host=self.host, trusted=self.trusted)

    def leave(self) -> None:
        """The client's connection is gone: stop what is being done for it."""
        if not self.response_complete:
            self.gone = True
            self._stop()

    def cut_short(self) -> None:
        """A kill's or a drain's grace is over: this request ends now."""
        if not self.response_complete:
            self.cut = True
            self._stop()

    def refuse(self, error: GatewayError) -> None:
        """What the client sends is no body, or does not come: this is the answer, where none has begun."""
        if not self.response_complete:
            self.refusal = error
            self._stop()

    def _stop(self) -> None:
        if self.task is not None:
            self.task.cancel()
