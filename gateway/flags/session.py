"""One conversation with one Redis server: a connection that listens and one that reads. They end together.

Used by `watcher` alone. Neither connection is ever re-opened under way: redis-py would resubscribe without tracking
and hear nothing more. A new session sets up everything anew, in `redis_connect_func`. RESP2 with REDIRECT is spoken
rather than RESP3 pushes: an invalidation is then an ordinary message of the one channel that the connection has, and
redis-py's RESP3 parser hands pushes to callbacks that swallow a flush's null.
"""

import asyncio
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as StoreConnectionError
from redis.exceptions import ResponseError

from gateway.flags.client import connection_for
from gateway.flags.keys import Keys
from gateway.rules.flagmodel import WRONG_TYPE, Entries, FeatureReading, WrongType

CHANNEL = "__redis__:invalidate"
BATCH = 64
"""Features in one transaction: small enough that a worker's loop serves requests between two of them."""


class Session:
    """Open with `open`, then `listen`, `ping` and `read` from three coroutines; `close` in the end."""

    def __init__(self, *, url: str, keys: Keys, limit_seconds: float) -> None:
        self._keys = keys
        self._limit = limit_seconds
        self._pong = asyncio.Event()
        self._listener = connection_for(url, limit_seconds, redis_connect_func=self._start_tracking)
        self._reader = connection_for(url, limit_seconds)

    async def open(self) -> None:
        """Listen first, so that nothing is missed between the first read and the first message."""
        async with asyncio.timeout(3 * self._limit):
            await self._listener.connect_check_health()
            await self._reader.connect_check_health()

    async def close(self) -> None:
        for connection in (self._listener, self._reader):
            await connection.disconnect(nowait=True)

    async def _start_tracking(self, connection: AbstractConnection) -> None:
        await connection.on_connect()
        own_id = await self._ask(connection, "CLIENT", "ID")
        prefixes = [word for prefix in self._keys.listened for word in ("PREFIX", prefix)]
        await self._ask(connection, "CLIENT", "TRACKING", "ON", "REDIRECT", str(own_id), "BCAST", *prefixes)
        await self._ask(connection, "SUBSCRIBE", CHANNEL)

    async def _ask(self, connection: AbstractConnection, *command: str) -> Any:
        async with asyncio.timeout(self._limit):
            await connection.send_command(*command, check_health=False)
            return await connection.read_response()

    async def listen(self) -> Sequence[bytes] | None:
        """The keys of the next invalidation; None when everything was flushed. Raises when the connection is lost."""
        while True:
            message = await self._listener.read_response(timeout=math.inf)
            if isinstance(message, list) and message and message[0] == b"message":
                keys = message[2]
                return None if keys is None else list(keys)
            if message in (b"PONG", b"pong") or (isinstance(message, list) and message and message[0] == b"pong"):
                self._pong.set()

    async def ping(self) -> None:
        """Returns when the server has answered on the listening connection; raises TimeoutError when it has not."""
        self._pong.clear()
        async with asyncio.timeout(self._limit):
            await self._listener.send_command("PING", check_health=False)
            await self._pong.wait()

    async def run_id(self) -> str:
        """Which server process this is."""
        info = await self._ask(self._reader, "INFO", "server")
        found = re.search(rb"^run_id:(\w+)", info, re.MULTILINE)
        if found is None:
            raise ResponseError("INFO server has no run_id")
        return found.group(1).decode()

    async def create_epoch(self, value: str) -> None:
        """Names this data set, unless it has a name."""
        await self._ask(self._reader, "SET", self._keys.epoch, value, "NX")

    async def read(self, features: Sequence[str]) -> tuple[dict[str, FeatureReading], str | None]:
        """At most BATCH features and the epoch, of one moment."""
        commands: list[tuple[str, ...]] = [("MULTI",)]
        for name in features:
            commands.append(("HGETALL", self._keys.flag(name)))
            commands.append(("SMEMBERS", self._keys.allow(name)))
            commands.append(("SMEMBERS", self._keys.deny(name)))
        commands += [("GET", self._keys.epoch), ("EXEC",)]
        replies = await self._transaction(commands)
        values = iter(replies[:-1])
        read = {
            name: FeatureReading(flag=_hash(flag), allow=_set(allow), deny=_set(deny))
            for name, flag, allow, deny in zip(features, values, values, values, strict=True)
        }
        epoch = replies[-1]
        return read, epoch.decode("utf-8", "backslashreplace") if isinstance(epoch, bytes) else None

    async def existing(self, names: Sequence[str]) -> frozenset[str]:
        """Which of these features have a flag."""
        commands = [("MULTI",), *(("EXISTS", self._keys.flag(name)) for name in names), ("EXEC",)]
        replies = await self._transaction(commands)
        return frozenset(name for name, found in zip(names, replies, strict=True) if found)

    async def _transaction(self, commands: Sequence[tuple[str, ...]]) -> list[Any]:
        refused: ResponseError | None = None
        reply: Any = None
        async with asyncio.timeout(self._limit):
            await self._reader.send_packed_command(self._reader.pack_commands(commands), check_health=False)
            for _ in commands:
                try:
                    reply = await self._reader.read_response()
                except ResponseError as error:
                    refused = refused or error  # EXEC then only says that a command before it was refused
        if refused is not None:
            raise refused
        if not isinstance(reply, list):
            raise StoreConnectionError(f"EXEC was answered by {type(reply).__name__}")
        return reply


def _hash(reply: Any) -> Mapping[bytes, bytes] | WrongType:
    if isinstance(reply, Exception):
        return _wrong_type(reply)
    words = iter(reply)
    return dict(zip(words, words, strict=True))


def _set(reply: Any) -> Entries | WrongType:
    return _wrong_type(reply) if isinstance(reply, Exception) else frozenset(reply)


def _wrong_type(error: Exception) -> WrongType:
    if "WRONGTYPE" in str(error):
        return WRONG_TYPE
    raise error
