"""Rules that would tell noise from what matters, suggested from what was seen: each with what it rests on.

No rule is suggested for a status, nor where legacy is steady and new is not: that is what comparisons are for. The one
exception is the order of a list, which may mean nothing although legacy keeps it; then the words say so.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_UP, Context, Decimal
from typing import Any, Final, Literal

from gateway.compare.lists import ListFinding, look_at_lists
from gateway.compare.words import count
from gateway.rules.json_path import parse_path
from gateway.rules.noise import Verdict
from gateway.rules.secrecy import HIDDEN
from gateway.rules.shapes import SHAPES
from gateway.rules.traits import NEAR, NEAR_SHARE, NUMBER, SHAPE_TRAITS

ENOUGH: Final = 3
"""So often a difference must have been seen for its values alone to tell something."""

Key = Literal["ignore", "unordered", "tolerance", "same"]
Bodies = Mapping[str, Sequence[tuple[Any, Any]]]
"""By fingerprint: both bodies of its samples, as JSON values, where both are JSON."""


@dataclass(frozen=True, slots=True)
class Rule:
    """value: of `same` a shape, of `tolerance` a number, of `unordered` a key or nothing. because: what it rests on."""

    key: Key
    place: str
    value: str
    because: str


@dataclass(frozen=True, slots=True)
class Left:
    """A difference that no rule is suggested for, and why."""

    place: str
    why: str


@dataclass(frozen=True, slots=True)
class Suggestion:
    rules: tuple[Rule, ...]
    left: tuple[Left, ...]


def suggest(differences: Sequence[Mapping[str, Any]], bodies: Bodies) -> Suggestion:
    """differences: as the admin port tells them."""
    places: dict[str, list[Mapping[str, Any]]] = {}
    for each in differences:
        places.setdefault(each["place"], []).append(each)
    lists = look_at_lists(places, bodies)
    rules = [_unordered(finding, places) for finding in lists]
    left: list[Left] = []
    for place, members in places.items():
        if any(place.startswith(f"{finding.path}[*]") for finding in lists):
            continue
        found = _of_place(place, members)
        if isinstance(found, Rule):
            rules.append(found)
        else:
            left.append(found)
    return Suggestion(tuple(rules), tuple(left))


def _unordered(finding: ListFinding, places: Mapping[str, Sequence[Mapping[str, Any]]]) -> Rule:
    members = [each for place, many in places.items() if place.startswith(f"{finding.path}[*]") for each in many]
    of = f"in {finding.alike} of {count(finding.looked_at, 'sample')}"
    because = f"both sides have the same items in another order {of}"
    if finding.by is not None and not finding.equal:
        because = f'both sides have items of the same "{finding.by}" in another order {of}, which differ in other ways'
    if any(each["noise"]["verdict"] == Verdict.MISMATCH for each in members):
        because += "; legacy keeps its order, so only if the order means nothing to clients"
    return Rule("unordered", finding.path, finding.by or "", because)


def _of_place(place: str, members: Sequence[Mapping[str, Any]]) -> Rule | Left:
    """What all differences at one place, of all routes, come to."""
    if not _can_be_named(place):
        return Left(place, _unnameable(place))
    if any(each["noise"]["verdict"] == Verdict.MISMATCH for each in members):
        steady = next(each for each in members if each["noise"]["verdict"] == Verdict.MISMATCH)
        return Left(place, f"new differs more often than legacy from itself ({_pairs(steady)})")
    times = sum(each["count"] for each in members)
    noise = next((each for each in members if each["noise"]["verdict"] == Verdict.NOISE), None)
    all_noise = all(each["noise"]["verdict"] == Verdict.NOISE for each in members)
    if times >= ENOUGH or all_noise:
        rule = _by_values(place, members, times, noise)
        if rule is not None:
            return rule
    if noise is not None and all_noise:
        return Rule("ignore", place, "", f"legacy differs from itself ({_pairs(noise)})")
    if times < ENOUGH:
        return Left(place, f"seen {count(times, 'time')} only, which is too few to tell what the values have in common")
    pairs = sum(members[0]["noise"][name] for name in ("both", "legacy_only", "new_only", "neither"))
    return Left(place, f"legacy was asked twice {count(pairs, 'time')}, too few to tell noise (noise_percent)")


def _by_values(
    place: str, members: Sequence[Mapping[str, Any]], times: int, noise: Mapping[str, Any] | None
) -> Rule | None:
    """What all values of both sides have in common."""
    seen = f"{times} of {count(times, 'pair')} of values"
    steady = f"; legacy differs from itself ({_pairs(noise)})" if noise is not None else "; legacy was not seen to vary"
    for trait in SHAPE_TRAITS:
        if _have(members, trait) == times:
            return Rule("same", place, trait, f"{seen} were {_plural(SHAPES[trait].noun)}{steady}")
    if _have(members, NUMBER) != times or place.startswith("header:"):
        return None
    furthest = max((each["values"]["furthest"] or 0.0 for each in members), default=0.0)
    is_near = _have(members, NEAR) == times and all(furthest <= NEAR_SHARE * abs(size) for size in _sizes(members))
    if furthest > 0 and is_near:
        told = f"{seen} were within a tenth of each other, not more than {furthest:g} apart"
        return Rule("tolerance", place, _rounded_up(furthest), f"{told}{steady}")
    if noise is None:
        return None
    return Rule("same", place, "number", f"{seen} were numbers, up to {furthest:g} apart{steady}")


def _have(members: Sequence[Mapping[str, Any]], trait: str) -> int:
    return sum(each["values"]["traits"].get(trait, 0) for each in members)


def _sizes(members: Sequence[Mapping[str, Any]]) -> Iterator[float]:
    """Legacy's number in each example; 0 where it cannot be read, of which nothing is near."""
    for each in members:
        try:
            yield float(each["example"]["legacy"]) if each["example"] is not None else 0.0
        except (TypeError, ValueError):
            yield 0.0


def _rounded_up(amount: float) -> str:
    """To two digits, as the rule is written: without an exponent."""
    rounded = Context(prec=2, rounding=ROUND_UP).create_decimal(Decimal(repr(amount)))
    text = f"{rounded:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _pairs(member: Mapping[str, Any]) -> str:
    """`in 40 of 41 pairs; new from legacy in 41`."""
    noise = member["noise"]
    pairs = sum(noise[name] for name in ("both", "legacy_only", "new_only", "neither"))
    itself = noise["both"] + noise["legacy_only"]
    other = noise["both"] + noise["new_only"]
    return f"legacy from itself in {itself} of {count(pairs, 'pair')}, new from legacy in {other}"


def _plural(noun: str) -> str:
    return f"{re.sub('^an? ', '', noun)}s"


def _can_be_named(place: str) -> bool:
    if place.startswith("header:"):
        return True
    if HIDDEN in place:
        return False
    try:
        parse_path(place)
    except ValueError:
        return False
    return True


def _unnameable(place: str) -> str:
    if place == "status":
        return "no rule makes one status like another"
    if HIDDEN in place:
        return "a key in it is a secret, so the place cannot be told"
    if place == "line":
        return "text is compared by lines; `mask` with a regular expression hides what varies in them"
    return "bytes are like each other or not; `body` says how they are compared"
