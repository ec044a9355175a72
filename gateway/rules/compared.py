"""What a finished shadow hands on: the two replies to one request, and what legacy alone differs in.

Frozen values, made by the data plane and kept by the ledger. They hold what was on the wire, secrets and all: nothing
of them leaves the process but by way of `gateway.rules.hide`.
"""

from dataclasses import dataclass

from gateway.model import ShadowOutcome, Side
from gateway.rules.compare import Difference
from gateway.rules.replies import Reply


@dataclass(frozen=True, slots=True)
class Asked:
    """The request. target: path and query as text; headers: in lower case, as they were sent."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Compared:
    """One comparison. answered: who answered the client. when: Unix seconds. differences: those that give the outcome
    its name.
    """

    feature: str
    route: str
    outcome: ShadowOutcome
    answered: Side
    request_id: str
    when: float
    asked: Asked
    legacy: Reply
    new: Reply
    differences: tuple[Difference, ...]
    legacy_seconds: float
    new_seconds: float


@dataclass(frozen=True, slots=True)
class Pair:
    """One observation of noise: legacy was asked twice, new once. Places as `kind place`
    (`gateway.rules.fingerprint.kind_and_place`): where legacy differed from itself, and where new differed from it.
    """

    feature: str
    route: str
    legacy_places: frozenset[str]
    new_places: frozenset[str]
