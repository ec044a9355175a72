"""One conversation with one Redis server: a connection that listens and one that reads. They end together.

Used by `watcher` alone. Neither connection is ever re-opened under way: redis-py would resubscribe without tracking
and hear nothing more. A new session sets up everything anew. RESP2 with REDIRECT is spoken rather than RESP3 pushes:
an invalidation is then an ordinary message of the one channel that the connection has.
"""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from redis.exceptions import ConnectionError as StoreConnectionError
from redis.exceptions import ResponseError

from gateway.flags.client import connection_for
from gateway.flags.keys import Keys
from gateway.flags.wire import Command, Reply, Wire
from gateway.rules.flagmodel import WRONG_TYPE, Entries, FeatureReading, WrongType

CHANNEL = "__redis__:invalidate"
BATCH = 64
"""Features in one transaction: small enough that a worker's loop serves requests between two of them."""


Read = tuple[dict[str, FeatureReading], str | None]
"""Some features and the epoch, of one moment."""


class Session:
    """Open with `open`, then `ping`, `read` and `until_lost` from three coroutines; `close` in the end."""

    def __init__(
        self, *, url: str, keys: Keys, limit_seconds: float, hear: Callable[[Sequence[bytes] | None], None]
    ) -> None:
        """hear: called in the loop with the keys of each invalidation, None when everything was flushed; may raise."""
        self._keys, self._limit, self._hear = keys, limit_seconds, hear
        self._listener = connection_for(url, limit_seconds)
        self._reader = connection_for(url, limit_seconds)

    async def open(self) -> None:
        """Listen first, so that nothing is missed between the first read and the first message."""
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        async with asyncio.timeout(3 * self._limit):
            await self._listener.connect_check_health()
            self._listening = Wire(self._listener, lost=self._fail, hear=self._hear)
            await self._start_tracking()
            await self._reader.connect_check_health()
            self._reading = Wire(self._reader, lost=self._fail)

    async def close(self) -> None:
        if not self._lost.cancel() and not self._lost.cancelled():
            self._lost.exception()  # was told already, or there is nobody who asks
        for connection in (self._listener, self._reader):
            await connection.disconnect(nowait=True)

    async def until_lost(self) -> None:
        """Raises when one of the connections is lost, or when what was called in the loop has raised."""
        await self._lost

    def _fail(self, error: BaseException) -> None:
        if not self._lost.done():
            self._lost.set_exception(error)

    async def _start_tracking(self) -> None:
        own_id = await self._ask(self._listening, "CLIENT", "ID")
        prefixes = [word for prefix in self._keys.listened for word in ("PREFIX", prefix)]
        await self._ask(self._listening, "CLIENT", "TRACKING", "ON", "REDIRECT", str(own_id), "BCAST", *prefixes)
        await self._ask(self._listening, "SUBSCRIBE", CHANNEL)

    async def _ask(self, wire: Wire, *command: str) -> Reply:
        async with asyncio.timeout(self._limit):
            (reply,) = await wire.ask(command)
        if isinstance(reply, ResponseError):
            raise reply
        return reply

    async def ping(self) -> None:
        """Returns when the server has answered on the listening connection; raises TimeoutError when it has not."""
        await self._ask(self._listening, "PING")

    async def run_id(self) -> str:
        """Which server process this is."""
        info = await self._ask(self._reading, "INFO", "server")
        found = re.search(rb"^run_id:(\w+)", info, re.MULTILINE)
        if found is None:
            raise ResponseError("INFO server has no run_id")
        return found.group(1).decode()

    async def create_epoch(self, value: str) -> None:
        """Names this data set, unless it has a name."""
        await self._ask(self._reading, "SET", self._keys.epoch, value, "NX")

    @property
    def reads(self) -> bool:
        """Whether a reading is under way."""
        return self._reading.owes

    async def read(self, features: Sequence[str]) -> Read:
        """At most BATCH features."""
        async with asyncio.timeout(self._limit):
            return _read(features, await self._reading.ask(*self._commands(features)))

    def read_then(self, features: Sequence[str], then: Callable[[Read], None]) -> None:
        """As `read`, but no task must have its turn: asked before this returns, and `then` is called by what has
        received the reply. What it raises, or no reply in time, ends the session.
        """
        limit = asyncio.get_running_loop().call_later(self._limit, self._fail, TimeoutError())

        def answered(replies: list[Reply]) -> None:
            limit.cancel()
            then(_read(features, replies))

        self._reading.send(self._commands(features), answered)

    def _commands(self, features: Sequence[str]) -> list[Command]:
        commands: list[Command] = [("MULTI",)]
        for name in features:
            commands.append(("HGETALL", self._keys.flag(name)))
            commands.append(("SMEMBERS", self._keys.allow(name)))
            commands.append(("SMEMBERS", self._keys.deny(name)))
        return [*commands, ("GET", self._keys.epoch), ("EXEC",)]

    async def existing(self, names: Sequence[str]) -> frozenset[str]:
        """Which of these features have a flag."""
        commands = [("MULTI",), *(("EXISTS", self._keys.flag(name)) for name in names), ("EXEC",)]
        async with asyncio.timeout(self._limit):
            replies = _executed(await self._reading.ask(*commands))
        return frozenset(name for name, found in zip(names, replies, strict=True) if found)


def _read(features: Sequence[str], replies: list[Reply]) -> Read:
    *said, epoch = _executed(replies)
    values = iter(said)
    read = {
        name: FeatureReading(flag=_hash(flag), allow=_set(allow), deny=_set(deny))
        for name, flag, allow, deny in zip(features, values, values, values, strict=True)
    }
    return read, epoch.decode("utf-8", "backslashreplace") if isinstance(epoch, bytes) else None


def _executed(replies: list[Reply]) -> list[Reply]:
    """What the commands of a transaction have said. Raises the refusal of one of them: EXEC only says that there was
    one.
    """
    refused = next((reply for reply in replies if isinstance(reply, ResponseError)), None)
    if refused is not None:
        raise refused
    executed = replies[-1]
    if not isinstance(executed, list):
        raise StoreConnectionError(f"EXEC was answered by {type(executed).__name__}")
    return executed


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
