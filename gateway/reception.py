"""What the edge asks before there is a request, and what it tells of those that never became one."""

from typing import Protocol

from gateway.config.schema import Limits
from gateway.errors import GatewayError
from gateway.model import Refusal
from gateway.recorder import Recorder
from gateway.rules import headers
from gateway.rules.plan import Plan
from gateway.rules.request_head import HeadLimits


class HasPlan(Protocol):
    """The plan in force is replaced whole."""

    @property
    def plan(self) -> Plan: ...


class Reception:
    """The edge's `Front`: always by the plan in force. One per `Proxy`."""

    def __init__(self, held: HasPlan, recorder: Recorder) -> None:
        self._held = held
        self._recorder = recorder

    @property
    def limits(self) -> Limits:
        """Those in force."""
        return self._held.plan.limits

    @property
    def head_limits(self) -> HeadLimits:
        """Those of them that bound a head."""
        return self._held.plan.head_limits

    def trusts(self, address: str) -> bool:
        """Whether an address is a trusted proxy's, or a balancer's."""
        return headers.is_trusted(address, self._held.plan.trusted) or self.announces(address)

    @property
    def has_balancers(self) -> bool:
        """Whether any peer begins with a PROXY header."""
        return bool(self._held.plan.balancers)

    def announces(self, address: str) -> bool:
        """Whether this one does."""
        return headers.is_trusted(address, self._held.plan.balancers)

    def shaken(self, version: str) -> None:
        """A TLS handshake is complete."""
        self._recorder.metrics.handshake(version)

    def connection_refused(self, why: Refusal, problem: str, *, address: str) -> None:
        """A connection has ended before its first request."""
        self._recorder.connection_refused(why, problem, address=address)

    def refused(self, error: GatewayError, *, request_id: bytes, method: bytes, path: bytes, seconds: float) -> None:
        """What the edge answered by itself."""
        self._recorder.refused(
            error, request_id=request_id, method=method, path=path, seconds=seconds, policy=self._held.plan.log
        )
