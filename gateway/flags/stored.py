"""A flag as it stands in Redis, and what can go wrong with changing it.

FlagStoreError        Redis is away, refuses, or holds a key of the wrong type; the text says which
`- FlagConflictError  somebody else changed the flag; the text says who, and to what
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from redis.asyncio.client import Pipeline
from redis.exceptions import ResponseError

from gateway.flags.errors import STORE_ERRORS, in_words
from gateway.flags.history import Change
from gateway.flags.keys import Keys
from gateway.rules.flagvalues import FlagFields, parse_flag


class FlagStoreError(Exception):
    """The change was not made, or nobody knows whether it was; the text says why and what to do."""


class FlagConflictError(FlagStoreError):
    """Somebody else changed the flag. last: the newest recorded change, None when it was made by hand."""

    def __init__(self, message: str, *, last: Change | None) -> None:
        super().__init__(message)
        self.last = last


@dataclass(frozen=True, slots=True)
class StoredFlag:
    """What Redis holds for a feature, which need not be what is in force.

    fields: the hash as text. allow, deny: sorted entries. wrong_types: keys that hold something else, as flag, allow or
    deny. problems: all that does not parse, in words.
    """

    feature: str
    fields: Mapping[str, str]
    parsed: FlagFields
    allow: tuple[str, ...]
    deny: tuple[str, ...]
    wrong_types: frozenset[str] = frozenset()
    problems: tuple[str, ...] = ()

    @property
    def rev(self) -> int:
        return self.parsed.rev or 0

    def words(self) -> str:
        """The hash as an operator would type it, without `rev`."""
        return " ".join(f"{name}={value}" for name, value in sorted(self.fields.items()) if name != "rev")


async def read_stored(pipe: Pipeline, keys: Keys, feature: str) -> StoredFlag:
    """Reads on a pipeline that executes at once (after WATCH)."""
    fields = await _lenient(pipe.hgetall(keys.flag(feature)))
    allow = await _lenient(pipe.smembers(keys.allow(feature)))
    deny = await _lenient(pipe.smembers(keys.deny(feature)))
    parsed = parse_flag(fields or {})
    wrong = {"flag": fields, "allow": allow, "deny": deny}
    wrong_types = frozenset(part for part, value in wrong.items() if value is None)
    kinds = {
        "flag": (keys.flag(feature), "hash"),
        "allow": (keys.allow(feature), "set"),
        "deny": (keys.deny(feature), "set"),
    }
    return StoredFlag(
        feature=feature,
        fields={_text(name): _text(value) for name, value in (fields or {}).items()},
        parsed=parsed,
        allow=tuple(sorted(map(_text, allow or ()))),
        deny=tuple(sorted(map(_text, deny or ()))),
        wrong_types=wrong_types,
        problems=(*parsed.problems, *(wrong_type_words(*kinds[part]) for part in sorted(wrong_types))),
    )


def wrong_type_words(key: str, kind: str) -> str:
    return f"{key} is no {kind} (was it written with SET?): type `DEL {key}` and repeat this"


@contextmanager
def store_errors() -> Iterator[None]:
    """Turns whatever Redis and its client raise into a FlagStoreError in words."""
    try:
        yield
    except STORE_ERRORS as error:
        raise FlagStoreError(in_words(error)) from error


async def _lenient(reply: Any) -> Any:
    """A reply, or None where the key has another type."""
    try:
        return await reply
    except ResponseError as error:
        if "WRONGTYPE" in str(error):
            return None
        raise


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")
