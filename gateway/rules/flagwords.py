"""Flags in an operator's words: what changed, what is held, what is wrong. Called by `flagstate` and `policy`."""

from gateway.model import BasisPoints
from gateway.percent import format_percent
from gateway.rules.flagmodel import (
    ALLOW,
    DENY,
    WRONG_TYPE,
    Entries,
    Event,
    EventKind,
    FeatureFlags,
    Hold,
    Known,
    Reading,
    WrongType,
)
from gateway.rules.flagvalues import parse_flag


def describe_held(name: str, flags: FeatureFlags) -> str | None:
    """What is held for a feature, in an operator's words; None where nothing is."""
    parts = []
    if flags.hold:
        parts.append(f"{_switch_words(flags.percent, flags.enabled)} stays: Redis {_redis_words(flags)}")
    if flags.hold_shadow:
        parts.append(f"{_shadow_words(flags.shadow)} stay: Redis {_redis_shadow_words(flags)}")
    if flags.hold_allow:
        parts.append(_list_words(ALLOW, flags.hold_allow, flags.allow, flags.seen.allow))
    if flags.hold_deny:
        parts.append(_list_words(DENY, flags.hold_deny, flags.deny, flags.seen.deny))
    if not parts and flags.held:
        parts.append(f"it stays on legacy: its {' and '.join(sorted(flags.unreadable))} never had a good value")
    if not parts:
        return None
    return "; ".join(parts) + f". `gateway flag adopt {name}` takes what Redis says"


def _redis_words(flags: FeatureFlags) -> str:
    if flags.seen.flag is WRONG_TYPE:
        return "holds no flag"
    if not flags.seen.flag:
        return "lost the flag" if flags.hold is Hold.LOST else "has no flag any more, and that would raise new's share"
    fields = parse_flag(flags.seen.flag)
    return (
        f"says {_switch_words(fields.percent, fields.enabled)}, which nobody wrote since, and would raise new's share"
    )


def _redis_shadow_words(flags: FeatureFlags) -> str:
    if flags.seen.flag is WRONG_TYPE or not flags.seen.flag:
        return "holds no flag"
    shadow = parse_flag(flags.seen.flag).shadow
    return f"says {_shadow_words(shadow)}, which nobody wrote since, and that would be more"


def _shadow_words(shadow: BasisPoints | None) -> str:
    return "the configured shadows" if shadow is None else f"shadows of {format_percent(shadow)} %"


def _switch_words(percent: BasisPoints | None, enabled: bool | None) -> str:
    share = "the configured percent" if percent is None else f"{format_percent(percent)} %"
    return f"{share}, killed" if enabled is False else share


def _list_words(part: str, hold: Hold, force: Entries, seen: Entries | WrongType) -> str:
    entries = frozenset() if isinstance(seen, WrongType) else seen
    if hold is Hold.LOST or not entries:
        return f"the {part} list stays ({_entries(len(force))}): Redis lost it"
    if part == ALLOW:
        new = len(entries - force)
        return "1 new entry of the allow list waits" if new == 1 else f"{new} new entries of the allow list wait"
    left = len(force - entries)
    return f"{_entries(left)} that left the deny list {'stays' if left == 1 else 'stay'}"


def _entries(number: int) -> str:
    return "1 entry" if number == 1 else f"{number} entries"


def events_between(name: str, old: FeatureFlags | None, new: FeatureFlags) -> list[Event]:
    """What there is to tell about one feature; what was told before is not told again."""
    events = [
        Event(EventKind.PROBLEM, name, f"{name}: {text}")
        for text in new.problems
        if old is None or text not in old.problems
    ]
    if old is None:
        return events
    events += [
        Event(EventKind.SOLVED, name, f"{name}: solved: {text}") for text in old.problems if text not in new.problems
    ]
    if in_force(old) != in_force(new):
        events.append(Event(EventKind.CHANGED, name, f"{name}: {_change_words(old, new)}"))
    before, after = describe_held(name, old), describe_held(name, new)
    if after and after != before:
        events.append(Event(EventKind.HELD, name, f"{name}: held: {after}"))
    elif before and not after:
        events.append(Event(EventKind.RELEASED, name, f"{name}: nothing is held any more"))
    return events


def in_force(flags: FeatureFlags) -> tuple[object, ...]:
    """What decides requests, without what was merely read."""
    return (flags.percent, flags.enabled, flags.shadow, flags.allow, flags.deny, flags.unreadable)


def _change_words(old: FeatureFlags, new: FeatureFlags) -> str:
    words = []
    if (old.percent, old.enabled) != (new.percent, new.enabled):
        words.append(f"{_switch_words(old.percent, old.enabled)} -> {_switch_words(new.percent, new.enabled)}")
    if old.shadow != new.shadow:
        words.append(f"{_shadow_words(old.shadow)} -> {_shadow_words(new.shadow)}")
    for part, before, after in ((ALLOW, old.allow, new.allow), (DENY, old.deny, new.deny)):
        if before != after:
            words.append(f"{part} list +{len(after - before)} -{len(before - after)}")
    return ", ".join(words) or "readable now"


def other_data(known: Known, reading: Reading) -> Event:
    what = "another data set" if known.epoch != reading.epoch else "the same data set on another server process"
    return Event(EventKind.OTHER_DATA, None, f"Redis is back with {what}: nothing that it raises applies by itself")
