"""The flags in force, as a state machine over what is read from Redis.

Four things are judged on their own: the switch (percent and enabled together), the percent of shadows, the allow and
the deny list.

- The first reading ever of a feature applies as it is. If a value of it does not parse, the feature is `unreadable`
  and its users stay on legacy; a percent of shadows that does not parse is none of them.
- A bump of `rev` is an instruction: whatever the reading says is in force, lists and vanished fields included. (Our
  tools write back, in the same transaction, what is in force of the parts that are held and that they do not change.)
- Connected (an unbroken session, or the same server with the same data): whatever was written is an instruction, and
  so is a field that was removed from a hash that is still there; what was not touched stays as it is, held or not. A
  key that vanished falls through to environment and file, and is held where that would raise new's share or shadows.
- Guarded (the first reading from another server, or of other data): what is missing keeps its last known value, what
  lowers new's share, or the shadows, applies, and what would raise them, or undo a kill, is held. A higher `rev` of the
  same epoch is our own tools' write, made while nobody looked, and so an instruction.
- A hold stays over readings of the same values, ends with an instruction, and ends by itself once nothing would rise.
- A value that does not parse is no instruction: the last good value stays.

Without an instruction nothing ever raises new's share: no percent, no undone kill, no longer allow list, no shorter
deny list. Nor does anything raise the percent of shadows.
"""

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from gateway.model import NONE, BasisPoints
from gateway.rules.flagmodel import (
    ALLOW,
    DENY,
    WRONG_TYPE,
    Configured,
    Entries,
    Event,
    FeatureFlags,
    FeatureReading,
    Hold,
    Known,
    Reading,
    WrongType,
)
from gateway.rules.flagvalues import ENABLED, PERCENT, SHADOW, FlagFields, parse_flag
from gateway.rules.flagwords import events_between, other_data


class _Mode(Enum):
    INSTRUCTED = 1
    CONNECTED = 2
    GUARDED = 3


_NOTHING = Configured(NONE)
_SWITCH = frozenset((PERCENT, ENABLED))


class _Switch(NamedTuple):
    percent: BasisPoints | None
    enabled: bool | None
    hold: Hold = Hold.NO


def advance(
    known: Known | None, reading: Reading, *, connected: bool, fallbacks: Mapping[str, Configured]
) -> tuple[Known, tuple[Event, ...]]:
    """What is in force after a reading, and what there is to tell.

    connected: the session was not interrupted since `known`, or it is the same server with the same data.
    fallbacks: what environment and file alone say of every configured feature, which is what a vanished flag leaves.
    """
    before = known.features if known else {}
    features: dict[str, FeatureFlags] = {} if reading.full else dict(before)
    events: list[Event] = []
    same_epoch = known is not None and reading.epoch is not None and known.epoch == reading.epoch
    if known is not None and not connected:
        events.append(other_data(known, reading))
    for name, now in reading.features.items():
        old = before.get(name)
        if old is None:
            flags = _first(now)
        else:
            flags = _next(old, now, connected=connected, same_epoch=same_epoch, fallback=fallbacks.get(name, _NOTHING))
        features[name] = flags
        if flags is not old:
            events.extend(events_between(name, old, flags))
    return Known(reading.epoch, reading.run_id, features), tuple(events)


def rank(flags: FeatureFlags, fallback: BasisPoints) -> int:
    """New's share in force by Redis and what it falls through to; -1 where it is killed or unreadable."""
    return -1 if flags.unreadable else _rank(flags.percent, flags.enabled, fallback)


def _rank(percent: BasisPoints | None, enabled: bool | None, fallback: BasisPoints) -> int:
    if enabled is False:
        return -1
    return fallback if percent is None else percent


def _first(now: FeatureReading) -> FeatureFlags:
    fields = _fields(now)
    unreadable = set(fields.bad & {PERCENT, ENABLED})
    if now.flag is WRONG_TYPE:
        unreadable |= {PERCENT, ENABLED}
    unreadable |= {part for part, entries in ((ALLOW, now.allow), (DENY, now.deny)) if entries is WRONG_TYPE}
    return FeatureFlags(
        percent=fields.percent,
        enabled=fields.enabled,
        allow=frozenset() if now.allow is WRONG_TYPE else now.allow,
        deny=frozenset() if now.deny is WRONG_TYPE else now.deny,
        rev=fields.rev,
        newest_rev=fields.rev or 0,
        seen=now,
        shadow=NONE if SHADOW in fields.bad or now.flag is WRONG_TYPE else fields.shadow,
        unreadable=frozenset(unreadable),
        problems=_problems(now, fields),
    )


def _next(
    old: FeatureFlags, now: FeatureReading, *, connected: bool, same_epoch: bool, fallback: Configured
) -> FeatureFlags:
    if connected and now == old.seen and Hold.RAISES not in (old.hold, old.hold_shadow):
        return old
    fields = _fields(now)
    mode = _mode(old, fields.rev, connected=connected, same_epoch=same_epoch)
    switch = _next_switch(old, now, fields, mode, fallback.percent)
    shadow, hold_shadow = _next_shadow(old, now, fields, mode, fallback.shadow)
    allow, hold_allow = _next_allow(old, now.allow, mode)
    deny, hold_deny = _next_deny(old, now.deny, mode)
    flags = FeatureFlags(
        percent=switch.percent,
        enabled=switch.enabled,
        allow=allow,
        deny=deny,
        rev=fields.rev,
        newest_rev=_newest_rev(old, fields.rev, connected=connected, same_epoch=same_epoch),
        seen=now,
        hold=switch.hold,
        hold_allow=hold_allow,
        hold_deny=hold_deny,
        shadow=shadow,
        hold_shadow=hold_shadow,
        unreadable=_still_unreadable(old, now, fields, mode),
        problems=_problems(now, fields),
    )
    return old if flags == old else flags


def _mode(old: FeatureFlags, rev: int | None, *, connected: bool, same_epoch: bool) -> _Mode:
    if connected:
        return _Mode.INSTRUCTED if rev is not None and rev != old.rev else _Mode.CONNECTED
    return _Mode.INSTRUCTED if same_epoch and rev is not None and rev > old.newest_rev else _Mode.GUARDED


def _newest_rev(old: FeatureFlags, rev: int | None, *, connected: bool, same_epoch: bool) -> int:
    """The newest revision of the data set that is known; a loss does not make what comes back afterwards newer."""
    if connected:
        return old.newest_rev if rev is None or rev == old.rev else rev
    return max(old.newest_rev, rev or 0) if same_epoch else rev or 0


def _next_switch(
    old: FeatureFlags, now: FeatureReading, fields: FlagFields, mode: _Mode, fallback: BasisPoints
) -> _Switch:
    kept = _Switch(old.percent, old.enabled, old.hold)
    if now.flag is WRONG_TYPE:
        return kept
    target = _Switch(
        old.percent if PERCENT in fields.bad else fields.percent,
        old.enabled if ENABLED in fields.bad else fields.enabled,
    )
    settled = _settle(old, target, fallback)
    was_there = old.seen.flag is WRONG_TYPE or bool(old.seen.flag)
    if mode is _Mode.INSTRUCTED:
        return target
    if mode is _Mode.GUARDED:
        if now.flag:
            return settled
        return kept._replace(hold=Hold.LOST) if was_there else kept
    if now.flag and (written := _written(old.seen, now.flag, fields) & _SWITCH):
        touched = _Switch(
            target.percent if PERCENT in written else old.percent,
            target.enabled if ENABLED in written else old.enabled,
        )
        if touched == target:
            return touched
        return _lowered(touched, target, fallback) if old.hold is Hold.RAISES else touched._replace(hold=old.hold)
    vanished = was_there and not now.flag
    return settled if vanished or old.hold is Hold.RAISES else kept


def _settle(old: FeatureFlags, target: _Switch, fallback: BasisPoints) -> _Switch:
    """What of the target applies by itself: a lower percent and a kill do, the rest is held.

    A switch that was never read well gives new nothing, so whatever would give it something is held whole.
    """
    if old.unreadable & {PERCENT, ENABLED}:
        same = (target.percent, target.enabled) == (old.percent, old.enabled)
        if same or _rank(target.percent, target.enabled, fallback) == -1:
            return target
        return _Switch(old.percent, old.enabled, Hold.RAISES)
    return _lowered(_Switch(old.percent, old.enabled), target, fallback)


def _lowered(force: _Switch, target: _Switch, fallback: BasisPoints) -> _Switch:
    """The target where nothing of it would rise; else with what would rise held at what is in force."""
    percent = force.percent if _share(target.percent, fallback) > _share(force.percent, fallback) else target.percent
    enabled = force.enabled if force.enabled is False else target.enabled
    applied = _Switch(percent, enabled)
    return applied if applied == target else applied._replace(hold=Hold.RAISES)


def _share(percent: BasisPoints | None, fallback: BasisPoints) -> BasisPoints:
    return fallback if percent is None else percent


def _next_shadow(
    old: FeatureFlags, now: FeatureReading, fields: FlagFields, mode: _Mode, fallback: BasisPoints
) -> tuple[BasisPoints | None, Hold]:
    kept = old.shadow, old.hold_shadow
    if now.flag is WRONG_TYPE:
        return kept
    target = old.shadow if SHADOW in fields.bad else fields.shadow
    rises = _share(target, fallback) > _share(old.shadow, fallback)
    settled = (old.shadow, Hold.RAISES) if rises else (target, Hold.NO)
    was_there = old.seen.flag is WRONG_TYPE or bool(old.seen.flag)
    if mode is _Mode.INSTRUCTED:
        return target, Hold.NO
    if mode is _Mode.GUARDED and not now.flag:
        if old.shadow is None:
            return None, Hold.NO
        return (old.shadow, Hold.LOST) if was_there else kept
    if mode is _Mode.GUARDED:
        return settled
    if now.flag and SHADOW in _written(old.seen, now.flag, fields):
        return target, Hold.NO
    vanished = was_there and not now.flag
    return settled if vanished or old.hold_shadow is Hold.RAISES else kept


def _written(seen: FeatureReading, flag: Mapping[bytes, bytes], fields: FlagFields) -> frozenset[str]:
    """Which of the fields was set to a good value, or removed from a hash that is still there."""
    before = {} if seen.flag is WRONG_TYPE else seen.flag
    return frozenset(
        name
        for name in (PERCENT, ENABLED, SHADOW)
        if before.get(name.encode()) != flag.get(name.encode()) and name not in fields.bad
    )


def _next_allow(old: FeatureFlags, now: Entries | WrongType, mode: _Mode) -> tuple[Entries, Hold]:
    if isinstance(now, WrongType):
        return old.allow, old.hold_allow
    if mode is _Mode.GUARDED:
        if not now:
            return _lost(old.allow, old.seen.allow, old.hold_allow)
        return old.allow & now, Hold.RAISES if now - old.allow else Hold.NO
    if mode is _Mode.CONNECTED and now == old.seen.allow:
        return old.allow, old.hold_allow
    return now, Hold.NO  # an instruction; and what vanished only takes keys away from new


def _next_deny(old: FeatureFlags, now: Entries | WrongType, mode: _Mode) -> tuple[Entries, Hold]:
    if isinstance(now, WrongType):
        return old.deny, old.hold_deny
    if mode is _Mode.GUARDED:
        if not now:
            return _lost(old.deny, old.seen.deny, old.hold_deny)
        return old.deny | now, Hold.RAISES if old.deny - now else Hold.NO
    if mode is _Mode.CONNECTED and now == old.seen.deny:
        return old.deny, old.hold_deny
    if mode is _Mode.CONNECTED and not now and old.deny:
        return old.deny, Hold.RAISES  # gone: SREM of the last entry and DEL look the same
    return now, Hold.NO


def _lost(force: Entries, seen: Entries | WrongType, hold: Hold) -> tuple[Entries, Hold]:
    """A list that other data does not have keeps its last known entries."""
    if not force:
        return force, Hold.NO
    return force, Hold.LOST if seen else hold


def _still_unreadable(old: FeatureFlags, now: FeatureReading, fields: FlagFields, mode: _Mode) -> frozenset[str]:
    """The parts that have still never been set well by an instruction; that a bad key is gone is none."""
    if not old.unreadable or mode is _Mode.GUARDED:
        return old.unreadable
    instructed = mode is _Mode.INSTRUCTED
    good = set[str]()
    if now.flag is not WRONG_TYPE and (instructed or (now.flag and _written(old.seen, now.flag, fields) & _SWITCH)):
        good |= _SWITCH - fields.bad
    for part, entries, seen in ((ALLOW, now.allow, old.seen.allow), (DENY, now.deny, old.seen.deny)):
        if entries is not WRONG_TYPE and (instructed or (entries and entries != seen)):
            good.add(part)
    return old.unreadable - good


def _fields(now: FeatureReading) -> FlagFields:
    return FlagFields() if now.flag is WRONG_TYPE else parse_flag(now.flag)


def _problems(now: FeatureReading, fields: FlagFields) -> tuple[str, ...]:
    problems = list(fields.problems)
    if now.flag is WRONG_TYPE:
        problems.append("the flag's key is not a hash: DEL it, then write it with HSET")
    for part, entries in ((ALLOW, now.allow), (DENY, now.deny)):
        if entries is WRONG_TYPE:
            problems.append(f"the {part} list's key is not a set: DEL it, then write it with SADD")
    return tuple(problems)
