"""When a failed attempt may be tried again (STYLE: only when nothing was sent, or when it can do no harm twice)."""

from typing import Final

from gateway.errors import UpstreamError, UpstreamErrorKind

IDEMPOTENT: Final = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"))
"""RFC 9110 section 9.2.2."""

MAX_ATTEMPTS: Final = 3


def may_retry(error: UpstreamError, *, method: bytes, replayable: bool, attempts: int) -> bool:
    """Whether to try the same upstream again: a pooled connection that the upstream had closed meanwhile, where
    either nothing was sent, or the method is idempotent and the body can be sent a second time.
    """
    if attempts >= MAX_ATTEMPTS or error.kind is not UpstreamErrorKind.CLOSED or not error.reused:
        return False
    return replayable and (not error.sent or method in IDEMPOTENT)
