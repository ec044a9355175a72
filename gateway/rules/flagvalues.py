"""What people type for a flag, parsed: a Redis hash and an environment variable.

Called by `flagstate` with what was read from Redis and by `policy` with the environment. Nothing is ever guessed: a
value that does not parse comes back as a problem in words, and the caller keeps the last good one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from gateway.model import ALL, NONE, BasisPoints
from gateway.percent import parse_percent

PERCENT, ENABLED, SHADOW, REV = "percent", "enabled", "shadow_percent", "rev"
FIELDS = (PERCENT, ENABLED, SHADOW, REV)
"""The fields of a flag's hash; `rev` is written by our own tools alone."""

_TRUE = frozenset({"true", "on", "1", "yes"})
_FALSE = frozenset({"false", "off", "0", "no"})


@dataclass(frozen=True, slots=True)
class FlagFields:
    """A flag's hash, field by field. A field that is absent or bad is None; `bad` names the bad ones."""

    percent: BasisPoints | None = None
    enabled: bool | None = None
    shadow: BasisPoints | None = None
    rev: int | None = None
    bad: frozenset[str] = frozenset()
    problems: tuple[str, ...] = ()


def parse_flag(fields: Mapping[bytes, bytes]) -> FlagFields:
    """The hash of one feature, as read from Redis; {} where there is none. Never raises."""
    percent, enabled, shadow, rev = None, None, None, None
    bad, problems = set[str](), list[str]()
    for raw_name, raw_value in sorted(fields.items()):
        name, value = _text(raw_name), _text(raw_value)
        try:
            if name == PERCENT:
                percent = parse_percent(value)
            elif name == ENABLED:
                enabled = parse_enabled(value)
            elif name == SHADOW:
                shadow = parse_percent(value)
            elif name == REV:
                rev = _parse_rev(value)
            else:
                problems.append(_unknown_field(name))
        except ValueError as error:
            bad.add(name)
            problems.append(f"{name}: {error}")
    return FlagFields(percent, enabled, shadow, rev, frozenset(bad), tuple(problems))


def parse_enabled(value: str) -> bool:
    """true/false, on/off, 1/0, yes/no in any case. Raises ValueError with what would be right."""
    word = value.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError(f"{shown(value)} is neither true nor false; write true or false")


def parse_environment(value: str) -> BasisPoints:
    """A feature's environment variable: true|on|1 is 100 %, false|off|0 is 0 %, and `10%` is itself.

    Raises ValueError with what would be right; a bare `10` is refused, since `1` has to mean true.
    """
    word = value.strip().lower()
    if word in {"true", "on", "1"}:
        return ALL
    if word in {"false", "off", "0"}:
        return NONE
    if word.endswith("%"):
        return parse_percent(word)
    try:
        parse_percent(word)
    except ValueError:
        raise ValueError(f"{shown(value)} is no switch; write true, false or a percent such as 10%") from None
    raise ValueError(f"{shown(value)} could be a percent or a switch; write {word}% for a percent, or true or false")


def nearest(name: str, names: Mapping[str, object] | tuple[str, ...]) -> str:
    """`; did you mean NAME?` for a misspelt name, or nothing."""
    close = get_close_matches(name, list(names), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def shown(value: str) -> str:
    """What somebody typed, quoted and short enough for a log line."""
    return repr(value if len(value) <= 60 else value[:57] + "...")


def _parse_rev(value: str) -> int:
    if value.isascii() and value.isdigit() and len(value) <= 18:
        return int(value)
    raise ValueError(f"{shown(value)} is not a revision; it is written by `gateway flag` alone: HDEL it")


def _unknown_field(name: str) -> str:
    hint = nearest(name.lower(), (PERCENT, ENABLED, SHADOW))
    return f"{shown(name)} is no field of a flag{hint or '; a flag has percent, enabled and shadow_percent'}"


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")
