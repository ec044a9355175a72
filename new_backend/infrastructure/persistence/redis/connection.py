"""A client of the application's own Redis: opened in the lifespan, never the gateway's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from new_backend.infrastructure.settings import SetupError

CONNECT_TIMEOUT_SECONDS = 0.25
ANSWER_TIMEOUT_SECONDS = 0.5
MAX_CONNECTIONS = 8

UNAVAILABLE: tuple[type[Exception], ...] = (RedisError, OSError, TimeoutError)
"""What a Redis that is away, stuck or full raises."""


@asynccontextmanager
async def redis_client(url: str) -> AsyncIterator[Redis]:
    """Connects to nothing until it is used, and tries nothing twice: who waits for a cache could do the work instead.
    Raises SetupError for a URL that cannot be used."""
    try:
        client = Redis.from_url(
            url,
            socket_connect_timeout=CONNECT_TIMEOUT_SECONDS,
            socket_timeout=ANSWER_TIMEOUT_SECONDS,
            max_connections=MAX_CONNECTIONS,
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError as error:
        raise SetupError("REDIS_URL cannot be used; write it like redis://127.0.0.1:6379/0") from error
    try:
        yield client
    finally:
        await client.aclose()
