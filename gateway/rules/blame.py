"""What the end of an attempt says about its upstream: well, badly, or nothing. Breakers and ejection go by it.

Clients that leave say nothing, a 4xx is a good answer, and a 500 is the bug of one endpoint, not the end of a service:
502, 503 and 504 say that the service itself cannot answer.
"""

from typing import Final

from gateway.errors import UpstreamError, UpstreamErrorKind

FAILING: Final = frozenset((502, 503, 504))

_OUR_OWN: Final = frozenset(
    (UpstreamErrorKind.POOL_TIMEOUT, UpstreamErrorKind.FULL, UpstreamErrorKind.EXHAUSTED, UpstreamErrorKind.DOWN)
)
"""The gateway's own bounds: the upstream was not asked."""

_SLOW_BODY: Final = frozenset((UpstreamErrorKind.IDLE_TIMEOUT, UpstreamErrorKind.TOTAL_TIMEOUT))
"""Inside a reply, what streams and long downloads meet by their nature."""


def is_well(status: int) -> bool:
    """Whether a reply with this status shows a service that works."""
    return status not in FAILING


def verdict_of(error: UpstreamError, *, answered: bool) -> bool | None:
    """False where the upstream has failed, None where nothing was learnt. answered: the reply's head had come."""
    if error.kind in _OUR_OWN or (answered and error.kind in _SLOW_BODY):
        return None
    if error.kind is UpstreamErrorKind.CLOSED and error.reused:
        return None  # an idle connection that had grown old
    return False
