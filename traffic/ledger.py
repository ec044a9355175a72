"""What one user has made and not removed: what lists must show, no less and no more.

Things are called upload, job, review, comment, session. A fault is said in words that are the same for all users.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Fields = Mapping[str, object]


class LedgerError(Exception):
    """What is there is not what was made. The message says what is wrong."""


@dataclass(slots=True)
class Ledger:
    """By id, what is known for certain of each thing. sessions: how many of hers are alive."""

    uploads: dict[str, Fields] = field(default_factory=dict)
    jobs: dict[str, Fields] = field(default_factory=dict)
    reviews: dict[str, Fields] = field(default_factory=dict)
    comments: dict[str, dict[str, Fields]] = field(default_factory=dict)
    sessions: int = 0

    def forget_upload(self, upload: str) -> None:
        """An upload was deleted; what was made of it goes with it."""
        del self.uploads[upload]
        self.jobs = {key: job for key, job in self.jobs.items() if job["resume_id"] != upload}
        gone = {key for key, review in self.reviews.items() if review["resume_id"] == upload}
        self.reviews = {key: review for key, review in self.reviews.items() if key not in gone}
        self.comments = {key: made for key, made in self.comments.items() if key not in gone}


def compare(what: str, made: Mapping[str, Fields], found: object) -> None:
    """Holds what a list shows against what was made. Raises LedgerError: lost, doubled, one too many, or changed."""
    rows = _rows(what, found)
    times = Counter(row.get("id") for row in rows)
    if any(key not in times for key in made):
        raise LedgerError(f"{_one(what)} is lost")
    if any(times[key] > 1 for key in made):
        raise LedgerError(f"{_one(what)} is listed twice")
    if len(rows) > len(made):
        raise LedgerError(f"{_one(what)} is doubled: one is there that nobody made")
    for row in rows:
        agree(what, made[row["id"]], row)


def compare_total(what: str, made: Mapping[str, Fields], total: object) -> None:
    """Raises LedgerError where a list tells another number than it shows."""
    if total != len(made):
        raise LedgerError(f"the total of {what}s is not what was made")


def compare_order(what: str, made: Mapping[str, Fields], found: Sequence[Mapping[str, Any]]) -> None:
    """Lists are newest first, and `made` oldest first. To be called after `compare`; raises LedgerError."""
    if [row["id"] for row in found] != list(reversed(list(made))):
        raise LedgerError(f"{what}s are not newest first")


def agree(what: str, known: Fields, row: Mapping[str, object]) -> None:
    """Raises LedgerError for the first field that is not what is known of it."""
    for name, value in known.items():
        if name not in row or row[name] != value:
            raise LedgerError(f"{name} of {_one(what)} is wrong")


def compare_sessions(living: int, agent: str, found: object) -> None:
    """Raises LedgerError. Of those that are listed exactly one is current, and all are of this browser."""
    rows = _rows("session", found)
    if len(rows) < living:
        raise LedgerError("a session is lost")
    if len(rows) > living or len({row.get("id") for row in rows}) < living:
        raise LedgerError("a session too many")
    if any(row.get("user_agent") != agent for row in rows):
        raise LedgerError("a session of somebody else, or user_agent is wrong")
    if sum(row.get("current") is True for row in rows) != 1:
        raise LedgerError("not exactly one session is current")


def _rows(what: str, found: object) -> Sequence[Mapping[str, Any]]:
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise LedgerError(f"there is no list of {what}s")
    return found


def _one(what: str) -> str:
    return f"an {what}" if what == "upload" else f"a {what}"
