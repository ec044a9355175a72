"""All that a replay has found: what became of each request, and the distinct differences, each with an example.

Counted and grouped as the ledger of shadows does it, told as the admin port tells it, so that the same reports read
both. Bounded as there; what is a secret is hidden before it is kept.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

import orjson

from gateway.compare.documents import Stored, differences_json, summary_json
from gateway.compare.limits import MAX_DIFFERENCES
from gateway.compare.summary import FURTHEST, TRAIT
from gateway.model import ShadowOutcome
from gateway.rules.compared import Compared
from gateway.rules.fingerprint import fingerprint
from gateway.rules.plan import ShadowPlan
from gateway.shadow.batch import Batch, Found, Waiting
from gateway.shadow.differences import groups_of
from gateway.shadow.samples import prepare
from gateway.shadow.shown_places import ShownPlaces

MAX_REQUESTS_EACH: Final = 3
"""Of one distinct difference, told for whoever wants to try one."""
MAX_FAILURES: Final = 5

FeatureReport = dict[str, Any]
"""As GET /api/compare/FEATURE tells one; each difference has `requests` as well: places of the record, and what stood
there.
"""


@dataclass(slots=True)
class Difference:
    """One distinct one. requests: where it was seen first."""

    found: Found
    requests: list[str] = field(default_factory=list)


@dataclass(slots=True)
class FeatureTally:
    """since, last: Unix seconds. over: differences that found no room. failures: in words, the first of them."""

    counts: Counter[str] = field(default_factory=Counter)
    since: float | None = None
    last: float | None = None
    over: int = 0
    differences: dict[str, Difference] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


class Tally:
    """Of all features. features: those that are told even where nothing was asked of them."""

    def __init__(self) -> None:
        self.features: dict[str, FeatureTally] = {}

    @property
    def mismatches(self) -> int:
        return self._number(ShadowOutcome.MISMATCH)

    @property
    def failed(self) -> int:
        """Requests that new alone gave no reply to."""
        return self._number(ShadowOutcome.FAILED)

    @property
    def compared(self) -> int:
        return self._number(ShadowOutcome.MATCH) + self.mismatches

    def count(self, feature: str, outcome: ShadowOutcome, *, when: float, failure: str | None = None) -> None:
        """For each request once. failure: where it was, and what went wrong."""
        tally = self.features.setdefault(feature, FeatureTally())
        tally.counts[outcome.value] += 1
        tally.since = when if tally.since is None else min(tally.since, when)
        tally.last = when if tally.last is None else max(tally.last, when)
        if failure is not None and len(tally.failures) < MAX_FAILURES:
            tally.failures.append(failure)

    def add(self, compared: Compared, plan: ShadowPlan, *, place: str) -> None:
        """The differences of one that was counted. place: where it stands in the record, for people."""
        tally = self.features.setdefault(compared.feature, FeatureTally())
        fresh: dict[str, Found] = {}
        shown: list[Difference] = []
        places = ShownPlaces(compared, plan)
        for group in groups_of(compared.differences):
            print_ = fingerprint(compared.feature, compared.route, group.difference)
            known = tally.differences.get(print_)
            if known is None:
                if len(tally.differences) >= MAX_DIFFERENCES:
                    tally.over += 1
                    continue
                when, change = compared.when, group.difference.kind.value
                known = Difference(Found(compared.feature, compared.route, places(group.place), change, when, when))
                tally.differences[print_] = known
                fresh[print_] = known.found
            traits = frozenset(f"{TRAIT}{trait}" for trait in group.traits)
            known.found.saw(compared.when, traits | {compared.outcome.value}, group.furthest)
            if len(known.requests) < MAX_REQUESTS_EACH:
                shown.append(known)
        if fresh or shown:
            request = _without_secrets(compared, plan, fresh)
            for each in shown:
                each.requests.append(f"{place}: {request}")

    def reports(self) -> list[FeatureReport]:
        """By name."""
        return [_report(name, tally) for name, tally in sorted(self.features.items())]

    def failures(self) -> list[str]:
        """In words, the first of each feature."""
        return [f"{name}: {words}" for name, tally in sorted(self.features.items()) for words in tally.failures]

    def as_json(self) -> dict[str, Any]:
        """For the state file; `from_json` makes the same of it."""
        return {name: _written(tally) for name, tally in self.features.items()}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Tally":
        """Raises KeyError, TypeError or ValueError for what is none."""
        tally = cls()
        tally.features = {name: _read(each) for name, each in content.items()}
        return tally

    def _number(self, outcome: ShadowOutcome) -> int:
        return sum(tally.counts[outcome.value] for tally in self.features.values())


def _without_secrets(compared: Compared, plan: ShadowPlan, fresh: Mapping[str, Found]) -> str:
    """The request in a line. The examples of what is new are made on the way, as those of shadows are."""
    scratch = Batch()
    scratch.found = dict(fresh)
    scratch.waiting.append(Waiting(compared, plan, tuple(fresh)))
    prepare(scratch)
    if not scratch.samples:  # what a service sent could not be written down
        return compared.asked.method
    asked = orjson.loads(scratch.samples[0].content)["asked"]
    return f"{asked['method']} {asked['target']}"


def _report(name: str, tally: FeatureTally) -> FeatureReport:
    differences = tally.differences
    counts = {
        f"{print_} {what}".encode(): b"%d" % number
        for print_, each in differences.items()
        for what, number in each.found.counts.items()
    }
    counts |= {
        f"{print_} {FURTHEST}".encode(): repr(each.found.furthest).encode()
        for print_, each in differences.items()
        if each.found.furthest is not None
    }
    stored = Stored(
        pairs={},
        differences={print_.encode(): _fixed(each.found) for print_, each in differences.items()},
        counts=counts,
        first={print_.encode(): each.found.first for print_, each in differences.items()},
        last={print_.encode(): each.found.last for print_, each in differences.items()},
        samples={},
        kept=frozenset(),
    )
    totals = {outcome.encode(): b"%d" % number for outcome, number in tally.counts.items()}
    times = {b"since": tally.since, b"last": tally.last}
    totals |= {what: str(when).encode() for what, when in times.items() if when is not None}
    told = differences_json(name, stored)
    for each in told:
        each["requests"] = differences[each["fingerprint"]].requests
    summary = summary_json(name, totals, {b"differences": b"%d" % tally.over})
    return {**summary, "source": "replay", "differences": told}


def _fixed(found: Found) -> bytes:
    example = found.example or {"path": "", "legacy": None, "new": None, "expected": ""}
    return orjson.dumps({"route": found.route, "place": found.place, "change": found.change, "example": example})


def _written(tally: FeatureTally) -> dict[str, Any]:
    return {
        "counts": dict(tally.counts),
        "since": tally.since,
        "last": tally.last,
        "over": tally.over,
        "failures": tally.failures,
        "differences": {
            print_: {
                "requests": each.requests,
                "found": {of.name: getattr(each.found, of.name) for of in fields(Found)},
            }
            for print_, each in tally.differences.items()
        },
    }


def _read(content: Mapping[str, Any]) -> FeatureTally:
    return FeatureTally(
        counts=Counter(content["counts"]),
        since=content["since"],
        last=content["last"],
        over=content["over"],
        failures=list(content["failures"]),
        differences={
            print_: Difference(Found(**each["found"]), list(each["requests"]))
            for print_, each in content["differences"].items()
        },
    )
