"""What is right, computed apart from the product: each user's side at any time, each answer's bytes, each doubling.

A verdict is one of
    well       the right answer from the side that the split names
    diverted   the right answer from legacy for a user of new, and the gateway says why (`fallback`, `unhealthy`)
    failed     no answer, a broken one, or a problem document of the gateway's
    misrouted  the right answer from a side that nothing allows
    wrong      a whole answer that is not this request's
"""

import json
from collections import Counter
from dataclasses import dataclass

import xxhash

from tests.faults.client import Answer, Ask
from tests.faults.origin import big_body
from tests.support.xxh64 import xxh64

LEGACY, NEW = "legacy", "new"
FORGOTTEN_SECONDS = 60.0
"""Longer than any request takes: of changes that were overtaken before, no request remembers anything."""
DIVERTING = frozenset({"fallback", "unhealthy"})
GATEWAYS_OWN = frozenset({502, 503, 504})


@dataclass(eq=False, slots=True)
class Change:
    """Of a feature's share. confirmed: when every worker was known to hold it."""

    began: float
    basis_points: int
    confirmed: float = float("inf")


class Splits:
    """Which share of each feature's users was on new, and when. A change is in doubt from its beginning until it, or a
    later one, is confirmed: both sides are right then.
    """

    def __init__(self, basis_points):
        always = float("-inf")
        self._changes = {feature: [Change(always, points, always)] for feature, points in basis_points.items()}
        self._buckets = {}

    def begins(self, feature, basis_points, at):
        """Returns the change, whose `confirmed` is to be set; `refused` takes it back."""
        change = Change(at, basis_points)
        settled = [each for each in self._changes[feature] if each.confirmed < at - FORGOTTEN_SECONDS]
        for each in settled[:-1]:
            self._changes[feature].remove(each)
        self._changes[feature].append(change)
        return change

    def refused(self, feature, change):
        """Nothing of it can have happened."""
        self._changes[feature].remove(change)

    def latest(self, feature):
        """In basis points: the last that was asked for."""
        return self._changes[feature][-1].basis_points

    def bucket(self, feature, user):
        key = (feature, user)
        if key not in self._buckets:
            self._buckets[key] = xxh64(f"{feature}:{user}".encode()) % 10_000
        return self._buckets[key]

    def sides(self, feature, user, sent_at, ended_at):
        """All that were right at some moment between the two."""
        if feature is None:
            return {LEGACY}
        bucket, changes = self.bucket(feature, user), self._changes[feature]
        found = set()
        for number, change in enumerate(changes):
            replaced = min((later.confirmed for later in changes[number + 1 :]), default=float("inf"))
            if change.began <= ended_at and sent_at <= replaced:
                found.add(NEW if bucket < change.basis_points else LEGACY)
        return found


@dataclass(slots=True)
class Outcome:
    """A request, its answer and what is to be thought of it. sides: the right ones. why: of a failure."""

    ask: Ask
    answer: Answer
    sides: set
    verdict: str
    why: str = ""


def judge(ask: Ask, answer: Answer, splits: Splits) -> Outcome:
    sides = splits.sides(ask.feature, ask.user, answer.sent_at, answer.ended_at)
    if answer.failure is not None:
        return Outcome(ask, answer, sides, "failed", answer.failure)
    served = answer.fields.get("x-served-by")
    if served is None:
        return Outcome(ask, answer, sides, *_of_the_gateway(answer))
    if fault := _difference(ask, answer, served):
        return Outcome(ask, answer, sides, "wrong", fault)
    if served in sides:
        return Outcome(ask, answer, sides, "well")
    reason = answer.fields.get("x-gateway-reason")
    if served == LEGACY and reason in DIVERTING:
        return Outcome(ask, answer, sides, "diverted", reason)
    return Outcome(ask, answer, sides, "misrouted", f"{served} instead of {sides}, reason {reason}")


def _of_the_gateway(answer):
    """An answer that no origin signed: a problem document, or an origin's own 503."""
    if answer.status not in GATEWAYS_OWN:
        return "wrong", f"status {answer.status} from nobody: {answer.body[:80]!r}"
    if answer.fields.get("content-type") == "application/problem+json":
        document = json.loads(answer.body)
        if document["status"] != answer.status:
            return "wrong", f"status {answer.status}, and the document says {document['status']}"
    return "failed", str(answer.status)


def _difference(ask, answer, served):
    """What is not as it must be in an origin's reply; empty where all is."""
    if answer.status != 200:
        return f"status {answer.status}"
    said = answer.fields.get("x-gateway-side")
    if said != ("fixed" if ask.feature is None else served):
        return f"{served} answered, and the gateway says {said}"
    if ask.big:
        return "" if answer.body == big_body(served, ask.id) else f"another body: {answer.body[:80]!r}"
    right = {"side": served, "id": ask.id, "user": ask.user, "length": len(ask.body)}
    right["digest"] = xxhash.xxh64_hexdigest(ask.body)
    try:
        found = json.loads(answer.body)
    except ValueError:
        found = answer.body[:80]
    return "" if found == right else f"{found} instead of {right}"


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request as an origin got it."""

    side: str
    id: str
    method: str
    user: str


def doubled(arrivals):
    """Ids of requests that are not idempotent and reached the origins more than once."""
    times = Counter(arrival.id for arrival in arrivals if arrival.method == "POST")
    return [load_id for load_id, count in times.items() if count > 1]


def repeated(arrivals):
    """Ids of idempotent requests that reached the origins more than once."""
    times = Counter(arrival.id for arrival in arrivals if arrival.method != "POST")
    return [load_id for load_id, count in times.items() if count > 1]


def strays(arrivals, outcomes):
    """What reached new although its user was not on new, by the origin's own record: whatever the client saw."""
    by_id = {outcome.ask.id: outcome for outcome in outcomes}
    return [
        arrival
        for arrival in arrivals
        if arrival.side == NEW and (found := by_id.get(arrival.id)) is not None and NEW not in found.sides
    ]
