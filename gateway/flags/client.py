"""How Redis is reached: the pooled client with which the control process and the registry write, and single
connections, of which the watcher has its own.

Through TLS (`rediss://`) certificate and name are verified. `ssl_ca_certs` in the URL names the only authorities that
are trusted: redis-py would add them to the system's. The file is read for each connection, so that it may be renewed.
"""

import ssl
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.connection import (
    AbstractConnection,
    Connection,
    ConnectionPool,
    RedisSSLContext,
    SSLConnection,
    parse_url,
)
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

LIMIT_SECONDS = 2.0


def client_for(url: str, *, limit_seconds: float = LIMIT_SECONDS) -> "Redis":
    """Gives up after the limit and never repeats a command by itself: a write may have been done when its answer is
    lost. Raises ValueError for a URL that is none.
    """
    settings: dict[str, Any] = {
        "protocol": 2,
        "decode_responses": False,
        "socket_timeout": limit_seconds,
        "socket_connect_timeout": limit_seconds,
        "retry": Retry(NoBackoff(), 0),
        "retry_on_error": [],
        **_address(url),
    }
    return Redis.from_pool(ConnectionPool(**settings))


def connection_for(url: str, limit_seconds: float, **more: Any) -> AbstractConnection:
    """A connection of its own, never from a pool, that gives up after the limit and never retries by itself.

    Raises ValueError for a URL that is none.
    """
    settings: dict[str, Any] = {
        **_address(url),
        "protocol": 2,
        "decode_responses": False,
        "socket_timeout": None,
        "socket_connect_timeout": limit_seconds,
        **more,
    }
    settings.pop("max_connections", None)  # allowed in a URL, and of no meaning here
    kind = settings.pop("connection_class", Connection)
    connection: AbstractConnection = kind(**settings)
    return connection


def _address(url: str) -> dict[str, Any]:
    settings = dict(parse_url(url))
    if settings.get("connection_class") is SSLConnection:
        settings["connection_class"] = SecureConnection
    return settings


class SecureConnection(SSLConnection):
    """Believes those authorities alone that it is told of, where it is told of any."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        said = {name: getattr(self.ssl_context, name) for name in RedisSSLContext.__slots__}
        said.pop("context")
        self.ssl_context = OwnAuthority(**said)


class OwnAuthority(RedisSSLContext):
    """Made anew for each connection. Raises OSError (ssl.SSLError too) for files that cannot be used."""

    def get(self) -> ssl.SSLContext:
        self.context = None
        context = super().get()
        if self.min_version is None:  # the default of Python, which the builds of some distributions leave out
            context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.ca_certs is None or self.cert_reqs is ssl.CERT_NONE:
            return context
        own = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        own.check_hostname = self.check_hostname
        own.load_verify_locations(cafile=self.ca_certs)
        own.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        own.minimum_version = context.minimum_version
        if self.certfile:
            own.load_cert_chain(self.certfile, self.keyfile, self.password)
        return own
