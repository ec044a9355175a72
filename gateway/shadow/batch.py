"""What a worker has counted and kept and not sent yet. Bounded: what is over is left out, and counted."""

from dataclasses import dataclass, field, replace
from typing import Final

from gateway.compare.limits import MAX_DIFFERENCES, MAX_SAMPLES_EACH
from gateway.model import ShadowOutcome
from gateway.rules.compared import Asked, Compared
from gateway.rules.pairs import PairTable
from gateway.rules.plan import ShadowPlan
from gateway.rules.replies import Reply
from gateway.shadow.kept import OBJECT_BYTES, kept_differences

MAX_WAITING: Final = 40
"""Samples."""
MAX_HELD_BYTES: Final = 4 * 1024 * 1024
"""Of what waits to become samples: bodies, headers and differences. What is made of it is smaller."""
MAX_SAMPLE_BYTES: Final = 256 * 1024
"""Of the bodies of one sample: to look through more for secrets would take too long. So many take a twentieth of a
second of CPU, and a quarter of one if somebody means it, in steps between which requests go on.
"""


@dataclass(slots=True)
class Found:
    """One distinct difference. place: as it is told, place_id: as pairs name it. example: as it is written without
    secrets, None before.

    times: how often it was seen. counts: by outcome, and under `is:TRAIT` how often its values had a trait. furthest:
    how far numbers or times were apart at most.
    """

    feature: str
    route: str
    place: str
    change: str
    first: float
    last: float
    example: dict[str, str | None] | None = None
    times: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    furthest: float | None = None
    place_id: str = ""

    def saw(self, when: float, names: frozenset[str], furthest: float | None) -> None:
        """It was there once more."""
        self.times += 1
        self.first, self.last = min(self.first, when), max(self.last, when)
        for name in names:
            self.counts[name] = self.counts.get(name, 0) + 1
        if furthest is not None:
            self.furthest = max(furthest, self.furthest or 0.0)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A sample before secrets are hidden in it. fingerprints: of the differences that want one. more: differences that
    it had beyond those that are left.
    """

    compared: Compared
    plan: ShadowPlan
    fingerprints: tuple[str, ...]
    more: int = 0


@dataclass(frozen=True, slots=True)
class Sample:
    """Both replies to one request, redacted, as JSON. fingerprints: of the differences that it is kept for."""

    id: str
    feature: str
    fingerprints: tuple[str, ...]
    content: bytes


class Batch:
    """Filled by a ledger, then sent whole, once. left_out: by feature and what (differences, samples, places)."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, ShadowOutcome], int] = {}
        self.pairs = PairTable()
        self.found: dict[str, Found] = {}
        self.waiting: list[Waiting] = []
        self.samples: list[Sample] = []
        self.left_out: dict[tuple[str, str], int] = {}
        self.held_bytes = 0
        self._differences: dict[str, int] = {}
        self._shown: dict[str, int] = {}

    @property
    def is_empty(self) -> bool:
        return not (self.counts or self.pairs.pairs or self.found or self.left_out)

    @property
    def features(self) -> frozenset[str]:
        """Those that it tells of."""
        names = {feature for feature, _ in self.counts} | {feature for feature, _ in self.pairs.pairs}
        names |= {found.feature for found in self.found.values()} | {feature for feature, _ in self.left_out}
        return frozenset(names)

    def leave_out(self, feature: str, what: str, number: int = 1) -> None:
        if number:
            key = feature, what
            self.left_out[key] = self.left_out.get(key, 0) + number

    def add_found(self, fingerprint: str, found: Found) -> bool:
        """One that is not known yet. False where there is no room."""
        number = self._differences.get(found.feature, 0)
        if number >= MAX_DIFFERENCES:
            return False
        self.found[fingerprint] = found
        self._differences[found.feature] = number + 1
        return True

    def wants_sample(self, fingerprint: str) -> bool:
        """Whether this difference has fewer than Redis would take."""
        return self._shown.get(fingerprint, 0) < MAX_SAMPLES_EACH

    def add_sample(self, waiting: Waiting) -> bool:
        """False where there is no room for it."""
        compared = waiting.compared
        sides: tuple[Asked | Reply, ...] = (compared.asked, compared.legacy, compared.new)
        size = sum(len(each.body) for each in sides)
        if size > MAX_SAMPLE_BYTES or len(self.waiting) >= MAX_WAITING:
            return False
        size += sum(map(_bytes_of_headers, sides)) + len(compared.asked.target)
        if self.held_bytes + size > MAX_HELD_BYTES:
            return False
        kept, kept_bytes = kept_differences(compared.differences)
        if self.held_bytes + size + kept_bytes > MAX_HELD_BYTES:
            return False
        more = len(compared.differences) - len(kept)
        self.waiting.append(Waiting(replace(compared, differences=kept), waiting.plan, waiting.fingerprints, more))
        self.held_bytes += size + kept_bytes
        for fingerprint in waiting.fingerprints:
            self._shown[fingerprint] = self._shown.get(fingerprint, 0) + 1
        return True


def _bytes_of_headers(side: Asked | Reply) -> int:
    return sum(OBJECT_BYTES + len(name) + len(value) for name, value in side.headers)
