"""How a worker's flushes come into Redis, and what all machines counted back out of it."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import orjson
from redis.exceptions import NoScriptError, ResponseError

from gateway.compare.keys import CompareKeys, pair_field, text_of
from gateway.compare.pairs import KnownPairs
from gateway.flags.client import client_for
from gateway.flags.errors import in_words
from gateway.rules.pairs import PairTable
from gateway.shadow.batch import Batch, Found
from gateway.shadow.script import SCRIPT

_DIGEST: Final = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Answer:
    """Fingerprints: full: of which no more samples are wanted; wanted: that are new there and have no example, since
    somebody has cleared them. problems: what was refused, and is lost: features, each with the first error in words.
    """

    full: frozenset[str] = frozenset()
    wanted: frozenset[str] = frozenset()
    problems: tuple[tuple[str, str], ...] = ()


class CompareStore:
    """One per worker; `aclose` in the end. writer: a name that no other worker ever has."""

    def __init__(self, *, url: str, namespace: str, writer: str) -> None:
        """Raises ValueError for a URL that is none."""
        self._redis = client_for(url)
        self._keys = CompareKeys(namespace)
        self._writer = writer
        self._pairs = KnownPairs(self._redis, self._keys)

    async def aclose(self) -> None:
        await self._redis.aclose()

    async def send(self, number: int, batch: Batch, keep_seconds: int) -> Answer:
        """Takes one flush into Redis. number: higher than that of every flush before, and the same when this one is
        tried again: then it is taken once, whichever answer was lost.

        Raises one of STORE_ERRORS, and then it may be tried again.
        """
        content = orjson.dumps(_document(batch, keep_seconds), option=orjson.OPT_NON_STR_KEYS)
        arguments = (
            *(2, self._keys.writer(self._writer), self._keys.prefix, number, content),
            *(sample.content for sample in batch.samples),
        )
        redis: Any = self._redis
        try:
            reply = await redis.evalsha(_DIGEST, *arguments)
        except NoScriptError:
            reply = await redis.eval(SCRIPT, *arguments)
        if reply[0] != b"taken":
            return Answer()
        _, full, wanted, problems = reply
        return Answer(
            full=frozenset(fingerprint.decode() for fingerprint in full),
            wanted=frozenset(fingerprint.decode() for fingerprint in wanted),
            problems=tuple((feature.decode(), in_words(ResponseError(text_of(text)))) for feature, text in problems),
        )

    @property
    def pairs(self) -> PairTable:
        """What all machines had sent when it was read last."""
        return self._pairs.table

    async def read_pairs(self, features: Iterable[str]) -> dict[str, str]:
        """Of these features. Those that are refused, in words, stay as they were known. Raises one of STORE_ERRORS, and
        then all stays.
        """
        refused = await self._pairs.read(features)
        return {feature: in_words(error) for feature, error in refused.items()}


def _document(batch: Batch, keep_seconds: int) -> dict[str, Any]:
    features: dict[str, dict[str, Any]] = {
        name: {"totals": {}, "left_out": {}, "pairs": [], "places": [], "found": []} for name in sorted(batch.features)
    }
    for (feature, outcome), number in batch.counts.items():
        features[feature]["totals"][outcome.value] = number
    for (feature, what), number in batch.left_out.items():
        features[feature]["left_out"][what] = number
    for (feature, route), number in batch.pairs.pairs.items():
        features[feature]["pairs"].append((pair_field(route), number))
    for feature, places in batch.pairs.places.items():
        features[feature]["places"] += [
            (pair_field(route, place), seen.both, seen.legacy_only, seen.new_only)
            for (route, place), seen in places.items()
        ]
    for fingerprint, found in batch.found.items():
        features[found.feature]["found"].append(_found(fingerprint, found))
    samples = [(sample.feature, sample.id, sample.fingerprints) for sample in batch.samples]
    return {"keep": keep_seconds, "features": features, "samples": samples}


def _found(fingerprint: str, found: Found) -> tuple[Any, ...]:
    """As the script takes it apart. Times and distances are texts: Lua would round them."""
    fixed = {
        "route": found.route,
        "place": found.place,
        "place_id": found.place_id,
        "change": found.change,
        "example": found.example,
    }
    return (
        fingerprint,
        orjson.dumps(fixed).decode(),
        f"{found.first:.3f}",
        f"{found.last:.3f}",
        found.counts,
        "" if found.furthest is None else repr(found.furthest),
        found.times,
        found.example is not None,
    )
