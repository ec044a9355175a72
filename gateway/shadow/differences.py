"""Differences of one comparison, by what they have in common: ten items with another id are one difference."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from gateway.rules.compare import Difference, Kind
from gateway.rules.fingerprint import DIGITS, kind_and_place
from gateway.rules.json_path import Wild, parse_path, show_path
from gateway.rules.secrecy import is_secret_name
from gateway.rules.traits import distance, traits
from gateway.telemetry.redact import clean_text

MAX_LOOKED_AT: Final = 1000
"""Differences of one comparison."""

Steps = tuple[str | int | Wild, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """difference: the first of them. place: as pairs name it. traits: what the values of all have. furthest: the
    greatest distance among them, None where there is none that can be told.
    """

    difference: Difference
    place: str
    traits: frozenset[str]
    furthest: float | None


def groups_of(differences: Sequence[Difference]) -> list[Group]:
    """In the order in which they were found."""
    grouped: dict[tuple[str, Kind], list[Difference]] = {}
    for each in differences[:MAX_LOOKED_AT]:
        grouped.setdefault((kind_and_place(each), each.kind), []).append(each)
    return [_group(place, members) for (place, _), members in grouped.items()]


def _group(place: str, members: list[Difference]) -> Group:
    common = frozenset.intersection(*(traits(each.legacy, each.new) for each in members))
    apart = [distance(each.legacy, each.new) for each in members]
    known = [far for far in apart if far is not None]
    return Group(members[0], place, common, max(known) if len(known) == len(members) else None)


@lru_cache(maxsize=4096)
def place_id(place: str) -> str:
    """What pairs and differences are joined by: twelve hexadecimal digits, the same in every process. place: as in a
    Pair. Keys may be secrets of anybody, so of pairs no place is stored as text.
    """
    return hashlib.sha256(stored_place(place).encode("utf-8", "surrogatepass")).hexdigest()[:DIGITS]


def stored_place(place: str) -> str:
    """Without what lies below a secret's name, and without what is a secret by its shape: services choose keys, too."""
    kind, _, where = place.partition(" ")
    steps = steps_of(where)
    above = above_secrets(steps)
    if above and is_secret_name(str(above[-1])):
        where = show_steps(above)
    return f"{kind} {clean_text(where, one_line=True)}"


def above_secrets(steps: Steps) -> Steps:
    """To the first secret's name."""
    secret = (number for number, step in enumerate(steps, start=1) if isinstance(step, str) and is_secret_name(step))
    return steps[: next(secret, len(steps))]


def show_steps(steps: Steps) -> str:
    """As they are written."""
    return "$" + "".join(each.value if isinstance(each, Wild) else show_path((each,))[1:] for each in steps)


def steps_of(where: str) -> Steps:
    """None for what is no place in JSON. Of one that was too long to be kept whole, those that can be read."""
    while where.startswith("$"):
        try:
            return parse_path(where).steps
        except ValueError:
            where = where[: max(where.rfind("."), where.rfind("["))]
    return ()
