"""Differences of one comparison, by what they have in common: ten items with another id are one difference."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from gateway.rules.compare import Difference, Kind
from gateway.rules.fingerprint import kind_and_place
from gateway.rules.json_path import Wild, parse_path, show_path
from gateway.rules.secrecy import is_secret_name
from gateway.rules.traits import distance, traits
from gateway.telemetry.redact import clean_text

MAX_LOOKED_AT: Final = 1000
"""Differences of one comparison."""


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
    return Group(members[0], stored_place(place), common, max(known) if len(known) == len(members) else None)


@lru_cache(maxsize=4096)
def stored_place(place: str) -> str:
    """As it leaves the process: services choose keys, too, so nothing is told of what lies below a secret's name, nor
    what is a secret by its shape.
    """
    kind, _, where = place.partition(" ")
    return f"{kind} {clean_text(_above_secrets(where), one_line=True)}"


def _above_secrets(where: str) -> str:
    steps = _steps(where)
    for number, step in enumerate(steps, start=1):
        if isinstance(step, str) and is_secret_name(step):
            shown = ((each.value if isinstance(each, Wild) else show_path((each,))[1:]) for each in steps[:number])
            return "$" + "".join(shown)
    return where


def _steps(where: str) -> tuple[str | int | Wild, ...]:
    """None for what is no place in JSON. Of one that was too long to be kept whole, those that can be read."""
    while where.startswith("$"):
        try:
            return parse_path(where).steps
        except ValueError:
            where = where[: max(where.rfind("."), where.rfind("["))]
    return ()
