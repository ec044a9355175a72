"""When legacy answers what new could not: which requests may be sent a second time, to another service.

Only what does no harm twice: safe methods, and idempotent ones where the route says so, with a body that is at hand
whole. Nothing of a feature that cannot go back (`reversible: false`) ever falls back.
"""

from dataclasses import dataclass
from typing import Final

from gateway.rules.blame import FAILING
from gateway.rules.retry import IDEMPOTENT

SAFE: Final = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE"))
"""RFC 9110 section 9.2.1."""

MAX_BODY_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class FallbackPlan:
    """Of one feature. statuses: the answers of new that legacy answers instead. max_in_flight: per worker."""

    statuses: frozenset[int]
    max_in_flight: int


def fallback_plan(*, asked_for: tuple[int, ...], max_in_flight: int) -> FallbackPlan:
    return FallbackPlan(FAILING | frozenset(asked_for), max_in_flight)


def may_go_twice(method: bytes, *, idempotent_too: bool) -> bool:
    """Whether a request of this method may go to legacy after new."""
    return method in SAFE or (idempotent_too and method in IDEMPOTENT)


def is_at_hand(whole: bytes | None, *, complete: bool) -> bool:
    """Whether a body can be sent again: none, or all of it and not too large."""
    return complete and len(whole or b"") <= MAX_BODY_BYTES
