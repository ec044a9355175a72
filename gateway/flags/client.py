"""The pooled client with which the control process and the registry write. The watcher has connections of its own."""

from typing import Any

from redis.asyncio import Redis
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
    }
    return Redis.from_url(url, **settings)
