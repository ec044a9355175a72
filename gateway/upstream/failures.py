"""The words for each kind of upstream failure, as clients may read them: no addresses, no bytes of a reply."""

import errno

from gateway.errors import UpstreamError, UpstreamErrorKind

_TEXTS = {
    UpstreamErrorKind.NAME: "The upstream's name does not resolve.",
    UpstreamErrorKind.REFUSED: "The upstream does not accept connections.",
    UpstreamErrorKind.CONNECT_TIMEOUT: "The upstream did not accept the connection in time.",
    UpstreamErrorKind.TLS: "No secure connection to the upstream could be made.",
    UpstreamErrorKind.FIRST_BYTE_TIMEOUT: "The upstream did not begin its reply in time.",
    UpstreamErrorKind.IDLE_TIMEOUT: "The upstream stopped in the middle of a body.",
    UpstreamErrorKind.TOTAL_TIMEOUT: "The upstream did not finish in time.",
    UpstreamErrorKind.CLOSED: "The upstream closed the connection before it replied.",
    UpstreamErrorKind.MALFORMED: "The upstream's reply is not valid.",
    UpstreamErrorKind.TRUNCATED: "The upstream closed the connection inside its reply.",
    UpstreamErrorKind.POOL_TIMEOUT: "All connections to the upstream are busy.",
    UpstreamErrorKind.FULL: "The upstream has as many requests as it may have.",
    UpstreamErrorKind.EXHAUSTED: "The gateway can open no more connections for the moment.",
    UpstreamErrorKind.DOWN: "The upstream is known to be down.",
}

CONNECTING = frozenset(
    {UpstreamErrorKind.NAME, UpstreamErrorKind.REFUSED, UpstreamErrorKind.TLS, UpstreamErrorKind.CONNECT_TIMEOUT}
)
"""Failures of one target to take a connection: another target of the same upstream may be tried."""


_OURS = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))


def is_exhausted(error: BaseException) -> bool:
    """Whether a connection could not be opened for want of descriptors or memory here: no fault of the upstream's."""
    return isinstance(error, OSError) and error.errno in _OURS


def upstream_error(kind: UpstreamErrorKind, *, sent: bool, reused: bool = False, detail: str = "") -> UpstreamError:
    return UpstreamError(kind, detail or _TEXTS[kind], sent=sent, reused=reused)
