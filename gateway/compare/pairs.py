"""The pairs of all machines, as they stand in Redis."""

import asyncio
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import orjson
from redis.asyncio import Redis
from redis.exceptions import NoScriptError, ResponseError

from gateway.compare.keys import PAIRS_WRITTEN, CompareKeys, read_numbers, read_pair_field, text_of
from gateway.rules.pairs import PairTable, Seen

AT_ONCE: Final = 100
"""So many fields are taken in before requests have their turn."""

UNREAD: Final = b""
NEVER: Final = b"never"
"""In place of a flush: it is not known which was the last; none has written pairs."""

_SCRIPT: Final = "return cjson.encode(redis.call('HGETALL', KEYS[1]))"
"""One text: to take apart an answer of thousands costs the client more than all else."""
_DIGEST: Final = hashlib.sha1(_SCRIPT.encode(), usedforsecurity=False).hexdigest()


Fields = dict[str, str]


@dataclass(frozen=True, slots=True)
class _News:
    """Of one feature. written: which flush was the last. is_whole: something has gone, so nothing older stays."""

    written: bytes
    fields: Fields
    table: PairTable
    is_whole: bool


class KnownPairs:
    """What one worker knows of them. table: as of the last `read`. A feature is read where a flush has written pairs of
    it since, and of its fields those are taken in that are others than before.
    """

    def __init__(self, redis: "Redis", keys: CompareKeys) -> None:
        self.table = PairTable()
        self._redis = redis
        self._keys = keys
        self._written: dict[str, bytes] = {}
        self._fields: dict[str, Fields] = {}

    async def read(self, features: Iterable[str]) -> dict[str, ResponseError]:
        """Of these features; answers which of them are refused, of which what was known stays. All or nothing: raises
        one of STORE_ERRORS.
        """
        names = sorted(features)
        news: dict[str, _News] = {}
        refused: dict[str, ResponseError] = {}
        written = await self._last_written(names)
        for feature in names:
            if written[feature] == self._written.get(feature, UNREAD) != UNREAD:
                continue
            try:
                news[feature] = await self._read(feature, written[feature])
            except ResponseError as error:
                refused[feature] = error
        for feature, each in news.items():
            self._written[feature], self._fields[feature] = each.written, each.fields
            if each.is_whole:
                self.table.forget(feature)
            self.table.renew(each.table)
        return refused

    async def _last_written(self, names: list[str]) -> dict[str, bytes]:
        """Asked first: what is written while the rest is read is read again. UNREAD where that is refused."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for feature in names:
                pipe.hget(self._keys.part(feature, "totals"), PAIRS_WRITTEN)
            found = await pipe.execute(raise_on_error=False)
        return {
            feature: UNREAD if isinstance(last, ResponseError) else last or NEVER
            for feature, last in zip(names, found, strict=True)
        }

    async def _read(self, feature: str, written: bytes) -> _News:
        fields, known = await self._all(self._keys.part(feature, "pairs")), self._fields.get(feature, {})
        is_whole = not known.keys() <= fields.keys()
        changed = fields if is_whole else {field: value for field, value in fields.items() if known.get(field) != value}
        table, remaining = PairTable(), iter(changed.items())
        while some := dict(islice(remaining, AT_ONCE)):
            add_fields(table, feature, {field.encode(): value.encode() for field, value in some.items()})
            await asyncio.sleep(0)
        return _News(written, fields, table, is_whole)

    async def _all(self, key: str) -> Fields:
        redis: Any = self._redis
        try:
            text = await redis.evalsha(_DIGEST, 1, key)
        except NoScriptError:
            text = await redis.eval(_SCRIPT, 1, key)
        try:
            flat = [*orjson.loads(text)]
        except ValueError:  # somebody has written what is no UTF-8
            return {text_of(field): text_of(value) for field, value in (await redis.hgetall(key)).items()}
        return dict(zip(flat[::2], flat[1::2], strict=True))


def add_fields(table: PairTable, feature: str, fields: Mapping[bytes, bytes]) -> None:
    """Fields that are none of ours are passed over."""
    for field, value in fields.items():
        known = read_pair_field(field)
        if known is None:
            continue
        route, place_id = known
        if place_id is None:
            numbers = read_numbers(value, 1)
            if numbers is not None:
                table.pairs[feature, route] = numbers[0]
        elif (numbers := read_numbers(value, 3)) is not None:
            table.add_place(feature, route, place_id, Seen(*numbers))
