"""The last known flags on disk, for a process that is born while Redis is away.

Written by the control process after each change, read by every process at its start. Nothing here raises: a damaged
file counts as none, a full disk leaves the file before; both are told.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import structlog

from gateway.model import BasisPoints
from gateway.rules.flagmodel import WRONG_TYPE, Entries, FeatureFlags, FeatureReading, Hold, Known, WrongType

T = TypeVar("T")

VERSION = 1

log = structlog.get_logger("flags")


class SnapshotFile:
    """One file under the state directory. problem: why it could not be read or written last, or None."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problem: str | None = None

    def load(self) -> Known | None:
        """The flags that were saved last; None where there are none that can be read."""
        try:
            text = self.path.read_bytes()
            known = decode(json.loads(text))
        except FileNotFoundError:
            return None
        except OSError as error:
            self._tell(f"cannot be read: {error.strerror or error}")
            return None
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            self._tell(f"is damaged and ignored: {type(error).__name__}: {error}")
            return None
        self.problem = None
        return known

    def save(self, known: Known) -> bool:
        """Replaces the file whole: written beside it, forced to disk, then renamed. False when that failed."""
        temporary: str | None = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
            with os.fdopen(handle, "w", encoding="ascii") as file:
                json.dump(encode(known), file)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(self.path)
        except OSError as error:
            self._tell(f"cannot be written: {error.strerror or error}")
            if temporary is not None:
                Path(temporary).unlink(missing_ok=True)
            return False
        self.problem = None
        return True

    def _tell(self, what: str) -> None:
        problem = f"{self.path} {what}"
        if problem != self.problem:
            log.warning("flag snapshot", problem=problem)
        self.problem = problem


def encode(known: Known) -> dict[str, Any]:
    """As plain JSON values; bytes that are no UTF-8 survive as lone surrogates, which JSON escapes."""
    return {
        "version": VERSION,
        "epoch": known.epoch,
        "run_id": known.run_id,
        "features": {name: _encode_flags(flags) for name, flags in known.features.items()},
    }


def decode(value: Any) -> Known:
    """The reverse of `encode`. Raises ValueError, TypeError or KeyError for anything that is not a snapshot."""
    if value["version"] != VERSION:
        raise ValueError(f"version {value['version']!r} instead of {VERSION}")
    return Known(
        epoch=_optional(value["epoch"], str),
        run_id=_checked(value["run_id"], str),
        features={name: _decode_flags(flags) for name, flags in value["features"].items()},
    )


def _encode_flags(flags: FeatureFlags) -> dict[str, Any]:
    return {
        "percent": flags.percent,
        "enabled": flags.enabled,
        "shadow": flags.shadow,
        "allow": _encode_list(flags.allow),
        "deny": _encode_list(flags.deny),
        "rev": flags.rev,
        "newest_rev": flags.newest_rev,
        "seen": {
            "flag": _encode_hash(flags.seen.flag),
            "allow": _encode_list(flags.seen.allow),
            "deny": _encode_list(flags.seen.deny),
        },
        "holds": [flags.hold, flags.hold_allow, flags.hold_deny],
        "hold_shadow": flags.hold_shadow,
        "unreadable": sorted(flags.unreadable),
        "problems": list(flags.problems),
    }


def _decode_flags(value: Any) -> FeatureFlags:
    """Files from before there were shadows say nothing of them."""
    seen = value["seen"]
    hold, hold_allow, hold_deny = (Hold(text) for text in value["holds"])
    return FeatureFlags(
        percent=_points(value["percent"]),
        enabled=_optional(value["enabled"], bool),
        allow=_entries(value["allow"]),
        deny=_entries(value["deny"]),
        rev=_optional(value["rev"], int),
        newest_rev=_checked(value["newest_rev"], int),
        seen=FeatureReading(
            flag=_decode_hash(seen["flag"]), allow=_decode_list(seen["allow"]), deny=_decode_list(seen["deny"])
        ),
        hold=hold,
        hold_allow=hold_allow,
        hold_deny=hold_deny,
        shadow=_points(value.get("shadow")),
        hold_shadow=Hold(value.get("hold_shadow", Hold.NO)),
        unreadable=frozenset(_checked(part, str) for part in value["unreadable"]),
        problems=tuple(_checked(text, str) for text in value["problems"]),
    )


def _points(value: Any) -> BasisPoints | None:
    points = _optional(value, int)
    if points is not None and not 0 <= points <= 10_000:
        raise ValueError(f"{points} basis points")
    return None if points is None else BasisPoints(points)


def _encode_hash(flag: Mapping[bytes, bytes] | Literal[WrongType.WRONG_TYPE]) -> dict[str, str] | None:
    return None if flag is WRONG_TYPE else {_text(name): _text(value) for name, value in flag.items()}


def _decode_hash(value: Any) -> Mapping[bytes, bytes] | Literal[WrongType.WRONG_TYPE]:
    return WRONG_TYPE if value is None else {_bytes(name): _bytes(text) for name, text in value.items()}


def _encode_list(entries: Entries | Literal[WrongType.WRONG_TYPE]) -> list[str] | None:
    return None if entries is WRONG_TYPE else sorted(map(_text, entries))


def _decode_list(value: Any) -> Entries | Literal[WrongType.WRONG_TYPE]:
    return WRONG_TYPE if value is None else _entries(value)


def _entries(value: Any) -> Entries:
    return frozenset(_bytes(text) for text in _checked(value, list))


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _checked(value: Any, kind: type[T]) -> T:
    if type(value) is not kind:  # bool is an int, and no percent
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value


def _optional(value: Any, kind: type[T]) -> T | None:
    return None if value is None else _checked(value, kind)
