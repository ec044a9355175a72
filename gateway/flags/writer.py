"""Changes of flags by our own tools: each is a compare-and-set that bumps `rev` and records who, when and why.

Called by the admin API in the control process. The transaction watches the flag and both lists, so that a change which
somebody else makes between reading and writing is never lost: it raises FlagConflictError. Only a kill is repeated
instead, since it means the same whatever was there before.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from redis.asyncio.client import Pipeline
from redis.exceptions import TimeoutError as StoreTimeoutError
from redis.exceptions import WatchError

from gateway.flags.client import client_for
from gateway.flags.errors import STORE_ERRORS, in_words
from gateway.flags.history import MAX_ENTRIES, Change, change_of
from gateway.flags.kept import Kept
from gateway.flags.keys import Keys
from gateway.flags.stored import (
    FlagConflictError,
    FlagStoreError,
    StoredFlag,
    read_stored,
    store_errors,
    wrong_type_words,
)
from gateway.model import BasisPoints
from gateway.percent import format_percent
from gateway.rules.flagmodel import ALLOW, DENY
from gateway.rules.flagvalues import ENABLED, PERCENT, REV, SHADOW

Part = Literal["allow", "deny"]
KILL_TRIES = 50
_FIELDS = frozenset((PERCENT, ENABLED, SHADOW))
_ALL = _FIELDS | {ALLOW, DENY}


@dataclass(frozen=True, slots=True)
class Written:
    """A change that was made. warnings: what the operator should know besides."""

    feature: str
    change: Change
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Edit:
    """One change, as computed from what is stored: what to queue in the transaction and what to record."""

    action: str
    old: str
    new: str
    queue: Callable[[Pipeline], object]
    changed: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Order:
    """Who wants what, and under which condition."""

    feature: str
    who: str
    reason: str
    expected_rev: int | None = None
    kill: bool = False


class FlagWriter:
    """One per control process; `aclose` in the end.

    who: the operator's name; reason: why, in their words. `expected_rev`: the change is made only while the flag is at
    this revision. Every method raises FlagStoreError, and those that change something FlagConflictError.
    """

    def __init__(
        self,
        *,
        url: str,
        namespace: str,
        kept: Callable[[str], Kept | None] = lambda _: None,
        newest_rev: Callable[[str], int] = lambda _: 0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """kept: what is in force of a feature although Redis does not say so (`kept_of`), asked before each change.

        newest_rev: the highest revision of a feature that anybody was seen to hold. A change's own is higher, also in a
        Redis that has lost its data: otherwise a worker that still holds the old flag would seem to hold the new one.
        """
        self._kept = kept
        self._newest_rev = newest_rev
        self._redis = client_for(url)
        self._keys = Keys(namespace)
        self._now = now

    async def aclose(self) -> None:
        await self._redis.aclose()

    async def read(self, feature: str) -> StoredFlag:
        """What Redis holds, of one moment."""
        with store_errors():
            async with self._redis.pipeline() as pipe:
                await pipe.watch(*self._watched(feature))
                return await read_stored(pipe, self._keys, feature)

    async def set_percent(
        self, feature: str, percent: BasisPoints, *, who: str, reason: str, expected_rev: int | None = None
    ) -> Written:
        def edit(flag: StoredFlag) -> _Edit:
            return self._set_field(flag, "set", PERCENT, format_percent(percent))

        return await self._change(_Order(feature, who, reason, expected_rev), edit)

    async def set_shadow(
        self, feature: str, percent: BasisPoints, *, who: str, reason: str, expected_rev: int | None = None
    ) -> Written:
        """The percent of requests that are sent to the other side as well."""

        def edit(flag: StoredFlag) -> _Edit:
            return self._set_field(flag, "shadow", SHADOW, format_percent(percent))

        return await self._change(_Order(feature, who, reason, expected_rev), edit)

    async def set_enabled(
        self, feature: str, enabled: bool, *, who: str, reason: str, expected_rev: int | None = None
    ) -> Written:
        """False is the kill: it ignores `expected_rev`, is repeated until it is through, and replaces a key of the
        wrong type.
        """

        def edit(flag: StoredFlag) -> _Edit:
            return self._set_field(flag, "enable" if enabled else "disable", ENABLED, str(enabled).lower())

        return await self._change(_Order(feature, who, reason, expected_rev if enabled else None, not enabled), edit)

    async def add(
        self,
        feature: str,
        part: Part,
        entries: Iterable[str],
        *,
        who: str,
        reason: str,
        expected_rev: int | None = None,
    ) -> Written:
        """Adds entries to the allow or deny list."""
        return await self._change(_Order(feature, who, reason, expected_rev), self._listed(part, entries, "+"))

    async def remove(
        self,
        feature: str,
        part: Part,
        entries: Iterable[str],
        *,
        who: str,
        reason: str,
        expected_rev: int | None = None,
    ) -> Written:
        """Takes entries off the allow or deny list."""
        return await self._change(_Order(feature, who, reason, expected_rev), self._listed(part, entries, "-"))

    def _listed(self, part: Part, entries: Iterable[str], sign: Literal["+", "-"]) -> Callable[[StoredFlag], _Edit]:
        names = sorted(set(entries))
        words = " ".join(sign + name for name in names)

        def edit(flag: StoredFlag) -> _Edit:
            key = self._list_key(flag, part)
            return _Edit(
                part,
                "",
                words,
                lambda pipe: pipe.sadd(key, *names) if sign == "+" else pipe.srem(key, *names),
                frozenset((part,)),
            )

        return edit

    async def unset(
        self, feature: str, *, who: str, reason: str, expected_rev: int | None = None, shadow: bool = True
    ) -> Written:
        """Removes all fields but `rev`, so that environment and file speak; the lists stay.
        shadow: the percent of shadows is removed, too.
        """
        kept = frozenset((REV,)) if shadow else frozenset((REV, SHADOW))

        def edit(flag: StoredFlag) -> _Edit:
            gone = [name for name in flag.fields if name not in kept]
            key = self._keys.flag(feature)
            return _Edit(
                "unset", flag.words(), "", lambda pipe: pipe.hdel(key, *gone) if gone else None, _FIELDS - kept
            )

        return await self._change(_Order(feature, who, reason, expected_rev), edit)

    async def adopt(self, feature: str, *, who: str, reason: str, expected_rev: int | None = None) -> Written:
        """Bumps `rev` alone: whatever Redis holds for the feature, or does not hold any more, is meant."""

        def edit(flag: StoredFlag) -> _Edit:
            return _Edit("adopt", "", flag.words(), lambda _pipe: None, _ALL)

        return await self._change(_Order(feature, who, reason, expected_rev), edit)

    async def history(self, feature: str, count: int = 20) -> list[Change]:
        """Recorded changes, the newest first."""
        with store_errors():
            entries: Any = await self._redis.xrevrange(self._keys.history(feature), count=count)
        return [change_of(fields) for _, fields in entries]

    def _watched(self, feature: str) -> tuple[str, ...]:
        return (self._keys.flag(feature), self._keys.allow(feature), self._keys.deny(feature))

    def _list_key(self, flag: StoredFlag, part: Part) -> str:
        key = self._keys.allow(flag.feature) if part == "allow" else self._keys.deny(flag.feature)
        if part in flag.wrong_types:
            raise FlagStoreError(wrong_type_words(key, "set"))
        return key

    def _set_field(self, flag: StoredFlag, action: str, field: str, value: str) -> _Edit:
        key = self._keys.flag(flag.feature)
        old = flag.fields.get(field, "")
        return _Edit(action, old, value, lambda pipe: pipe.hset(key, field, value), frozenset((field,)))

    async def _change(self, order: _Order, edit: Callable[[StoredFlag], _Edit]) -> Written:
        for _ in range(KILL_TRIES if order.kill else 1):
            try:
                return await self._try(order, edit)
            except WatchError:
                continue
            except STORE_ERRORS as error:
                raise FlagStoreError(_failure_words(error, kill=order.kill)) from error
        now = (await self.read(order.feature)).words()
        raise await self._conflict(order.feature, f"changed at the same moment and now says {now or 'nothing'}")

    async def _try(self, order: _Order, edit: Callable[[StoredFlag], _Edit]) -> Written:
        async with self._redis.pipeline() as pipe:
            await pipe.watch(*self._watched(order.feature))
            flag = await read_stored(pipe, self._keys, order.feature)
            if order.expected_rev is not None and flag.rev != order.expected_rev:
                now = f"is at revision {flag.rev}, not {order.expected_rev}, and says {flag.words() or 'nothing'}"
                raise await self._conflict(order.feature, now)
            replaced = "flag" in flag.wrong_types
            if replaced and not order.kill:
                raise FlagStoreError(wrong_type_words(self._keys.flag(order.feature), "hash"))
            made = edit(flag)
            change = Change(
                at=self._now().strftime("%Y-%m-%dT%H:%M:%SZ"),
                who=order.who,
                reason=order.reason,
                action=made.action,
                old=made.old,
                new=made.new,
                rev=max(flag.rev, self._newest_rev(order.feature)) + 1,
            )
            pipe.multi()  # type: ignore[no-untyped-call]
            restored = self._queue(pipe, made, change, order.feature, replaced=replaced)
            results = await pipe.execute(raise_on_error=False)
        return Written(order.feature, change, _warnings(results, replaced=replaced) + restored)

    def _queue(self, pipe: Pipeline, made: _Edit, change: Change, feature: str, *, replaced: bool) -> tuple[str, ...]:
        """The record comes last, so that its result is the last. Returns what was written back besides, as warnings."""
        key = self._keys.flag(feature)
        if replaced:
            pipe.delete(key)
        kept = self._kept(feature) if made.changed != _ALL else None
        words = kept.queue(pipe, self._keys, feature, changed=made.changed) if kept is not None else ()
        made.queue(pipe)
        pipe.hset(key, REV, str(change.rev))
        fields: dict[Any, Any] = {**change.fields()}
        pipe.xadd(self._keys.history(feature), fields, maxlen=MAX_ENTRIES, approximate=True)
        return (f"what was held is settled: in force and written back to Redis: {', '.join(words)}",) if words else ()

    async def _conflict(self, feature: str, what: str) -> FlagConflictError:
        history = await self.history(feature, 1)
        last = history[0] if history else None
        by = f"the last recorded change: {last.words()}" if last else "by hand: no change of it is recorded"
        return FlagConflictError(f"{feature} {what}; {by}. Look at it again, then repeat your change", last=last)


def _warnings(results: list[Any], *, replaced: bool) -> tuple[str, ...]:
    """What did not go well in a transaction that was executed. Raises what kept the change itself from being made."""
    *made, recorded = results
    failed = next((result for result in made if isinstance(result, Exception)), None)
    if failed is not None:
        raise failed
    warnings = []
    if replaced:
        warnings.append("the key held another type and was replaced: set a percent before you enable the feature")
    if isinstance(recorded, Exception):
        warnings.append(f"the change is made but not recorded: {in_words(recorded)}")
    return tuple(warnings)


def _failure_words(error: BaseException, *, kill: bool) -> str:
    words = in_words(error)
    if isinstance(error, TimeoutError | StoreTimeoutError):
        words += ": the change may or may not have been made"
    if kill:
        words += ". `kill: true` on the feature in routes.yaml kills without Redis"
    return words
