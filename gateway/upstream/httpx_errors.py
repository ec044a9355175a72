"""What httpx raises, as an `UpstreamError`: the one place that knows httpx's exceptions and their texts."""

import socket
import ssl
from collections.abc import Iterator

import httpx

from gateway.errors import UpstreamErrorKind
from gateway.upstream.failures import is_exhausted

_KINDS: dict[type[httpx.TransportError], UpstreamErrorKind] = {
    httpx.ConnectTimeout: UpstreamErrorKind.CONNECT_TIMEOUT,
    httpx.PoolTimeout: UpstreamErrorKind.POOL_TIMEOUT,
    httpx.WriteTimeout: UpstreamErrorKind.IDLE_TIMEOUT,
    httpx.UnsupportedProtocol: UpstreamErrorKind.REFUSED,
    httpx.ProxyError: UpstreamErrorKind.REFUSED,
}

_LOST = ("Server disconnected", "peer closed connection", "ConnectionTerminated", "StreamReset")
"""How httpcore, h11 and h2 begin to say that the connection (or the HTTP/2 stream) has ended."""


FAILURES = (httpx.TransportError, ssl.SSLError)
"""All that says that the exchange has failed. What TLS says after its handshake, httpcore passes on as it is."""


def kind_of(error: Exception, *, in_body: bool, in_handshake: bool = False) -> UpstreamErrorKind:
    """in_body: the reply's head has arrived. in_handshake: a TLS handshake had begun and had not ended."""
    if isinstance(error, httpx.TransportError) and type(error) in _KINDS:
        return _KINDS[type(error)]
    if isinstance(error, httpx.ConnectError):
        return _kind_of_connect_error(error, in_handshake=in_handshake)
    if isinstance(error, httpx.ReadTimeout):
        return UpstreamErrorKind.IDLE_TIMEOUT if in_body else UpstreamErrorKind.FIRST_BYTE_TIMEOUT
    if isinstance(error, httpx.RemoteProtocolError) and not str(error).lstrip("<").startswith(_LOST):
        return UpstreamErrorKind.MALFORMED
    return UpstreamErrorKind.TRUNCATED if in_body else UpstreamErrorKind.CLOSED


def _kind_of_connect_error(error: httpx.ConnectError, *, in_handshake: bool) -> UpstreamErrorKind:
    causes = tuple(_causes(error))
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return UpstreamErrorKind.NAME
    if any(is_exhausted(cause) for cause in causes):
        return UpstreamErrorKind.EXHAUSTED
    if in_handshake or any(isinstance(cause, ssl.SSLError) for cause in causes):
        return UpstreamErrorKind.TLS
    return UpstreamErrorKind.REFUSED


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__
