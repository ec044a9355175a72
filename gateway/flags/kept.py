"""What a change of ours writes back beside itself: what is in force although Redis does not say so.

A bump of `rev` puts all that Redis holds in force. A change during a hold must not do that to the parts that it does
not change, so it writes back what is in force of them: no other change than the one that was asked for.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from redis.asyncio.client import Pipeline

from gateway.flags.keys import Keys
from gateway.model import BasisPoints
from gateway.percent import format_percent
from gateway.rules.flagmodel import ALLOW, DENY, Entries, FeatureFlags, Hold
from gateway.rules.flagvalues import ENABLED, PERCENT, SHADOW


@dataclass(frozen=True, slots=True)
class Kept:
    """The parts of a feature's flag that are held, as they are in force; None for a part that is not held."""

    switch: tuple[BasisPoints | None, bool | None] | None = None
    shadow: tuple[BasisPoints | None] | None = None
    allow: Entries | None = None
    deny: Entries | None = None

    def queue(self, pipe: Pipeline, keys: Keys, feature: str, *, changed: frozenset[str]) -> tuple[str, ...]:
        """Adds the writes to a transaction; returns what they write back, in words."""
        words = []
        for name, value in self._fields():
            if name not in changed:
                self._field(pipe, keys.flag(feature), name, value)
                words += [f"{name} {value}"] if value is not None else []
        for part, key, entries in ((ALLOW, keys.allow(feature), self.allow), (DENY, keys.deny(feature), self.deny)):
            if entries is not None:
                pipe.delete(key)
                if entries:
                    pipe.sadd(key, *sorted(entries))
                    words.append(f"the {part} list ({len(entries)} entries)")
        return tuple(words)

    def _fields(self) -> Iterator[tuple[str, str | None]]:
        if self.switch is not None:
            percent, enabled = self.switch
            yield PERCENT, _percent(percent)
            yield ENABLED, None if enabled is None else str(enabled).lower()
        if self.shadow is not None:
            yield SHADOW, _percent(self.shadow[0])

    @staticmethod
    def _field(pipe: Pipeline, key: str, name: str, value: str | None) -> None:
        if value is None:
            pipe.hdel(key, name)
        else:
            pipe.hset(key, name, value)


def _percent(points: BasisPoints | None) -> str | None:
    return None if points is None else format_percent(points)


def kept_of(flags: FeatureFlags | None) -> Kept | None:
    """What is held of a feature; None where nothing is."""
    if flags is None or not (flags.hold or flags.hold_shadow or flags.hold_allow or flags.hold_deny):
        return None
    return Kept(
        switch=(flags.percent, flags.enabled) if flags.hold is not Hold.NO else None,
        shadow=(flags.shadow,) if flags.hold_shadow is not Hold.NO else None,
        allow=flags.allow if flags.hold_allow is not Hold.NO else None,
        deny=flags.deny if flags.hold_deny is not Hold.NO else None,
    )
