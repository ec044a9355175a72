"""A cache with a time to live. It can only ever save work: whatever is wrong with it is a miss."""

from typing import Protocol

from redis.asyncio import Redis

from new_backend.infrastructure.outage import Outage
from new_backend.infrastructure.persistence.redis.connection import UNAVAILABLE

MAX_VALUE_BYTES = 1024 * 1024
_PREFIX = "resume-review:"


class Cache(Protocol):
    """Text by key. Neither method raises because of the store."""

    async def get(self, key: str) -> str | None: ...

    async def set(self, key: str, text: str, *, ttl_seconds: int) -> None: ...


class NoCache:
    """Where there is no REDIS_URL."""

    async def get(self, key: str) -> str | None:
        return None

    async def set(self, key: str, text: str, *, ttl_seconds: int) -> None:
        return None


class RedisCache:
    def __init__(self, client: Redis) -> None:
        self._client = client
        self._outage = Outage("the cache")

    async def get(self, key: str) -> str | None:
        try:
            value = await self._client.get(_PREFIX + key)
        except UNAVAILABLE as error:
            self._outage.failed(error)
            return None
        self._outage.worked()
        return _text(value)

    async def set(self, key: str, text: str, *, ttl_seconds: int) -> None:
        """What is larger than MAX_VALUE_BYTES is not kept: it would push out much else."""
        value = text.encode()
        if len(value) > MAX_VALUE_BYTES:
            return
        try:
            await self._client.set(_PREFIX + key, value, ex=ttl_seconds)
        except UNAVAILABLE as error:
            self._outage.failed(error)
        else:
            self._outage.worked()


def _text(value: object) -> str | None:
    """None for what is not ours: somebody may have written under our key."""
    try:
        return value.decode() if isinstance(value, bytes) else None
    except UnicodeDecodeError:
        return None
