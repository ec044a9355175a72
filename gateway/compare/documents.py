"""What the admin port says about comparisons, as JSON: docs/compare.md tells the shape, and a test holds it to that.

Read leniently: a field that somebody wrote by hand must not hide the others.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import orjson

from gateway.compare.keys import read_number, text_of, texts_of
from gateway.compare.pairs import add_fields
from gateway.compare.summary import FURTHEST, TRAIT, Summary
from gateway.model import ShadowOutcome
from gateway.rules.fingerprint import without_aspect
from gateway.rules.noise import verdict
from gateway.rules.pairs import PairTable, counts_in

Raw = Mapping[bytes, bytes]
LEFT_OUT = ("differences", "samples", "places")


@dataclass(frozen=True, slots=True)
class Stored:
    """What Redis holds of one feature beside its totals, as it came."""

    pairs: Raw
    differences: Raw
    counts: Raw
    first: Mapping[bytes, float]
    last: Mapping[bytes, float]
    samples: Raw
    kept: frozenset[bytes]


def summary_json(feature: str, totals: Raw, left_out: Raw) -> dict[str, Any]:
    """One feature's totals. rate: null while nothing was compared."""
    counts = {outcome.value: _count(totals.get(outcome.encode())) for outcome in ShadowOutcome}
    summary = Summary({name: count for name, count in counts.items() if count})
    rate = summary.rate
    return {
        "feature": feature,
        "source": "shadows",
        "shadows": summary.shadows,
        "compared": summary.compared,
        "matches": summary.number(ShadowOutcome.MATCH),
        "mismatches": summary.number(ShadowOutcome.MISMATCH),
        "rate": None if rate is None else {"value": rate[0], "low": rate[1], "high": rate[2]},
        "noise": summary.number(ShadowOutcome.NOISE),
        "undecided": summary.number(ShadowOutcome.UNDECIDED),
        "unconfirmed": summary.number(ShadowOutcome.UNCONFIRMED),
        "failed": summary.number(ShadowOutcome.FAILED),
        "dropped": summary.dropped,
        "since": _time(totals.get(b"since")),
        "last": _time(totals.get(b"last")),
        "left_out": {what: _count(left_out.get(what.encode())) for what in LEFT_OUT},
    }


def differences_json(feature: str, stored: Stored) -> list[dict[str, Any]]:
    """All distinct ones, those that were seen most often first."""
    table = PairTable()
    add_fields(table, feature, dict(stored.pairs))
    found = _differences(feature, stored, table)
    return sorted(found, key=lambda each: (-each["count"], each["fingerprint"]))


def _differences(feature: str, stored: Stored, table: PairTable) -> Iterator[dict[str, Any]]:
    counts = _by_fingerprint(stored.counts)
    for raw, text in stored.differences.items():
        try:
            fixed = orjson.loads(text)
            route, place, example = fixed["route"], fixed["place"], fixed["example"]
            named, _, where = place.partition(" ")
            kind = without_aspect(named)
            change, place_id = fixed["change"], fixed.get("place_id", place)
            if not (all(isinstance(each, str) for each in (route, change, place_id)) and _is_example(example)):
                continue
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
        own = counts.get(text_of(raw), {})
        outcomes = {outcome.value: _count(own[outcome.value]) for outcome in ShadowOutcome if outcome.value in own}
        yield {
            "fingerprint": text_of(raw),
            "route": route,
            "kind": kind,
            "place": where,
            "change": change,
            "count": sum(outcomes.values()),
            "outcomes": outcomes,
            "first": stored.first.get(raw),
            "last": stored.last.get(raw),
            "example": example,
            "samples": [
                each for each in texts_of(stored.samples.get(raw, b"").split()) if each.encode() in stored.kept
            ],
            "noise": _noise(table, feature, route, place_id),
            "values": _values(own),
        }


def _is_example(content: Any) -> bool:
    if content is None:
        return True
    if not isinstance(content, dict) or content.keys() != {"path", "legacy", "new", "expected"}:
        return False
    texts = (content["path"], content["expected"], content["legacy"] or "", content["new"] or "")
    return all(isinstance(each, str) for each in texts)


def _noise(table: PairTable, feature: str, route: str, place_id: str) -> dict[str, Any]:
    counts = counts_in((table,), feature, route, place_id)
    return {
        "verdict": verdict(counts).value,
        "both": counts.both,
        "legacy_only": counts.legacy_only,
        "new_only": counts.new_only,
        "neither": counts.neither,
    }


def _values(own: Mapping[str, bytes]) -> dict[str, Any]:
    """How often the values of both sides had a trait, and how far apart they were at most."""
    traits = {name.removeprefix(TRAIT): _count(text) for name, text in own.items() if name.startswith(TRAIT)}
    return {"traits": dict(sorted(traits.items())), "furthest": _time(own.get(FURTHEST))}


def _by_fingerprint(counts: Raw) -> dict[str, dict[str, bytes]]:
    found: dict[str, dict[str, bytes]] = {}
    for field, text in counts.items():
        fingerprint, _, name = text_of(field).partition(" ")
        found.setdefault(fingerprint, {})[name] = text
    return found


def _count(text: bytes | None) -> int:
    return read_number(text) or 0


def _time(text: bytes | None) -> float | None:
    try:
        found = float(text) if text is not None else None
    except ValueError:
        return None
    return found if found is not None and isfinite(found) else None
