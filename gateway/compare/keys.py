"""The names of what is kept of comparisons in Redis, and how its fields are written.

None begins as flags, lists and the epoch do, so none wakes whoever listens to those. A feature's name holds no colon,
and ids are hexadecimal, so no two of these are ever the same key.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import orjson

MAX_DIGITS: Final = 15
PAIRS_WRITTEN: Final = "pairs"
"""A field of `totals`: the flush that wrote pairs last."""
PARTS: Final = ("totals", "pairs", "differences", "counts", "first", "last", "samples", "kept", "left_out")
"""What a feature has: docs/compare.md tells what is in each."""


@dataclass(frozen=True, slots=True)
class CompareKeys:
    """Key names for `--namespace`."""

    namespace: str

    @property
    def prefix(self) -> str:
        return f"{self.namespace}:compare:"

    def part(self, feature: str, part: str) -> str:
        """One of PARTS."""
        return f"{self.prefix}{feature}:{part}"

    def all_of(self, feature: str) -> list[str]:
        return [self.part(feature, part) for part in PARTS]

    def sample(self, sample_id: str) -> str:
        return f"{self.prefix}sample:{sample_id}"

    def writer(self, writer: str) -> str:
        """The number of the last flush of a worker that was taken."""
        return f"{self.prefix}writer:{writer}"


def pair_field(route: str, place_id: str | None = None) -> str:
    """A field of `pairs`: how often legacy was asked twice on a route, or what came of it at one place there."""
    return orjson.dumps([route] if place_id is None else [route, place_id]).decode()


def read_pair_field(field: bytes) -> tuple[str, str | None] | None:
    """None for what is no field of ours."""
    try:
        parts = orjson.loads(field)
    except ValueError:
        return None
    if not isinstance(parts, list) or not 1 <= len(parts) <= 2 or not all(isinstance(part, str) for part in parts):
        return None
    return parts[0], parts[1] if len(parts) == 2 else None


def read_number(text: bytes | None) -> int | None:
    """None for what is no number, or a longer one than all that reads JSON can hold."""
    return int(text) if text is not None and text.isdigit() and len(text) <= MAX_DIGITS else None


def read_numbers(text: bytes, count: int) -> list[int] | None:
    """So many numbers with blanks between them; None for anything else."""
    parts = text.split()
    if len(parts) != count or max(map(len, parts)) > MAX_DIGITS or not all(map(bytes.isdigit, parts)):
        return None
    return [*map(int, parts)]


def text_of(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")


def texts_of(raw: Iterable[bytes]) -> list[str]:
    return [*map(text_of, raw)]
