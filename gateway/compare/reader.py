"""What workers of all machines have written of comparisons, read by the control process for the admin port."""

from collections.abc import Iterable
from typing import Any

import orjson
from redis.exceptions import ResponseError

from gateway.compare.documents import Stored, differences_json, summary_json
from gateway.compare.keys import CompareKeys
from gateway.flags.client import client_for
from gateway.flags.stored import store_errors


class CompareReader:
    """One per control process; `aclose` in the end. Every method raises FlagStoreError."""

    def __init__(self, *, url: str, namespace: str) -> None:
        """Raises ValueError for a URL that is none."""
        self._redis = client_for(url)
        self._keys = CompareKeys(namespace)

    async def aclose(self) -> None:
        await self._redis.aclose()

    async def totals(self, features: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Of each of these, in their order."""
        names = [*features]
        with store_errors():
            async with self._redis.pipeline() as pipe:
                for name in names:
                    pipe.hgetall(self._keys.part(name, "totals"))
                    pipe.hgetall(self._keys.part(name, "left_out"))
                found = _without_wrong_keys(await pipe.execute(raise_on_error=False)) if names else []
        return {
            name: summary_json(name, totals, left_out)
            for name, totals, left_out in zip(names, found[::2], found[1::2], strict=True)
        }

    async def feature(self, name: str) -> dict[str, Any]:
        """All of one, of one moment."""
        part = self._keys.part
        with store_errors():
            async with self._redis.pipeline() as pipe:
                for each in ("totals", "left_out", "pairs", "differences", "counts", "samples"):
                    pipe.hgetall(part(name, each))
                for each in ("first", "last", "kept"):
                    pipe.zrange(part(name, each), 0, -1, withscores=True)
                pipe.time()
                read = _without_wrong_keys(await pipe.execute(raise_on_error=False))
        totals, left_out, pairs, differences, counts, samples, first, last, kept, (now, _) = read
        stored = Stored(
            pairs=pairs,
            differences=differences,
            counts=counts,
            first=dict(first),
            last=dict(last),
            samples=samples,
            kept=frozenset(sample for sample, expires in kept if expires > now),
        )
        return {**summary_json(name, totals, left_out), "differences": differences_json(name, stored)}

    async def sample(self, sample_id: str) -> dict[str, Any] | None:
        """None for one that is not there, or not any more."""
        with store_errors():
            text = await self._redis.get(self._keys.sample(sample_id))
        try:
            content = orjson.loads(text) if text is not None else None
        except ValueError:
            return None
        return content if isinstance(content, dict) else None

    async def clear(self, name: str) -> None:
        """Forgets everything of one feature, keys of a wrong type too: it begins anew."""
        with store_errors():
            async with self._redis.pipeline() as pipe:
                pipe.zrange(self._keys.part(name, "kept"), 0, -1)
                (kept,) = _without_wrong_keys(await pipe.execute(raise_on_error=False))
            samples = [self._keys.sample(sample.decode("ascii", "replace")) for sample in kept]
            await self._redis.delete(*self._keys.all_of(name), *samples)


def _without_wrong_keys(found: list[Any]) -> list[Any]:
    """A key of another type is as one that is not there: it must not hide the others. Workers log what it costs."""
    for each in found:
        if isinstance(each, ResponseError) and not str(each).startswith("WRONGTYPE"):
            raise each
    return [{} if isinstance(each, ResponseError) else each for each in found]
