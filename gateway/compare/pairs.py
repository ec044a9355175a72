"""The pairs of all machines, as they stand in Redis."""

from collections.abc import Iterable
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from gateway.compare.keys import CompareKeys, read_numbers, read_pair_field
from gateway.rules.pairs import PairTable, Seen


async def read_pairs(
    redis: "Redis", keys: CompareKeys, features: Iterable[str]
) -> tuple[PairTable, dict[str, ResponseError]]:
    """Of these features, and which of them are refused. Raises one of STORE_ERRORS."""
    names = sorted(features)
    async with redis.pipeline(transaction=False) as pipe:
        for feature in names:
            pipe.hgetall(keys.part(feature, "pairs"))
        found: list[dict[bytes, bytes] | ResponseError] = await pipe.execute(raise_on_error=False)
    table, refused = PairTable(), {}
    for feature, fields in zip(names, found, strict=True):
        if isinstance(fields, ResponseError):
            refused[feature] = fields
        else:
            add_fields(table, feature, fields)
    return table, refused


def add_fields(table: PairTable, feature: str, fields: dict[bytes, Any]) -> None:
    """Fields that are none of ours are passed over."""
    for field, value in fields.items():
        known = read_pair_field(field)
        if known is None:
            continue
        route, place = known
        if place is None:
            numbers = read_numbers(value, 1)
            if numbers is not None:
                table.pairs[feature, route] = numbers[0]
        elif (numbers := read_numbers(value, 3)) is not None:
            table.add_place(feature, route, place, Seen(*numbers))
