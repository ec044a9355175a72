"""Who changed a flag, when and why: one capped stream per feature, written in the transaction of the change."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_ENTRIES = 1000


@dataclass(frozen=True, slots=True)
class Change:
    """One recorded change.

    at: ISO 8601, UTC. action: set, shadow, enable, disable, allow, deny, unset or adopt. old, new: as an operator would
    write them; empty where there was, or is, nothing.
    """

    at: str
    who: str
    reason: str
    action: str
    old: str
    new: str
    rev: int

    def fields(self) -> dict[str, str]:
        return {
            "at": self.at,
            "who": self.who,
            "reason": self.reason,
            "action": self.action,
            "old": self.old,
            "new": self.new,
            "rev": str(self.rev),
        }

    def words(self) -> str:
        """E.g. `ann changed 10 to 25 (set) at 2026-01-02T03:04:05Z: more traffic`."""
        reason = f": {self.reason}" if self.reason else ""
        if self.action in {"allow", "deny"}:
            what = f"the {self.action} list by {self.new}"
        else:
            what = f"{self.old or 'nothing'} to {self.new or 'nothing'} ({self.action})"
        return f"{self.who} changed {what} at {self.at}{reason}"


def change_of(fields: Mapping[Any, Any]) -> Change:
    """A stream entry, read leniently: a record that somebody added by hand must not hide the others."""
    text: dict[str, Any] = {
        key.decode("utf-8", "replace"): value.decode("utf-8", "replace") for key, value in fields.items()
    }
    rev = text.get("rev", "0")
    return Change(
        at=text.get("at", ""),
        who=text.get("who", "unknown"),
        reason=text.get("reason", ""),
        action=text.get("action", ""),
        old=text.get("old", ""),
        new=text.get("new", ""),
        rev=int(rev) if rev.isascii() and rev.isdigit() else 0,
    )
