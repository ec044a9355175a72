"""What the counts of a feature's shadows say: how many were compared, how often new differed, how sure that is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.model import ShadowOutcome
from gateway.rules.confidence import interval

TOLD: Final = (ShadowOutcome.MISMATCH, ShadowOutcome.NOISE, ShadowOutcome.UNDECIDED, ShadowOutcome.UNCONFIRMED)
"""Outcomes of shadows whose replies differed: their differences are kept."""
TRAIT: Final = "is:"
"""Before a trait's name, among the counts of a difference."""
FURTHEST: Final = "furthest"
"""Among the counts of a difference: the greatest distance of its values."""
DROPPED: Final = "dropped_"


@dataclass(frozen=True, slots=True)
class Summary:
    """counts: of shadows by outcome. compared: those that were judged, so matches and mismatches; what is noise,
    undecided or unconfirmed is neither.
    """

    counts: Mapping[str, int]

    def number(self, outcome: ShadowOutcome) -> int:
        return self.counts.get(outcome.value, 0)

    @property
    def compared(self) -> int:
        return self.number(ShadowOutcome.MATCH) + self.number(ShadowOutcome.MISMATCH)

    @property
    def shadows(self) -> int:
        """Of which something was counted, those that were dropped too."""
        return sum(self.counts.values())

    @property
    def dropped(self) -> dict[str, int]:
        """By reason."""
        names = sorted(name for name in self.counts if name.startswith(DROPPED))
        return {name.removeprefix(DROPPED): self.counts[name] for name in names}

    @property
    def rate(self) -> tuple[float, float, float] | None:
        """Of mismatches among those that were compared, with the ends of what it may really be; None without any."""
        if not self.compared:
            return None
        mismatches = self.number(ShadowOutcome.MISMATCH)
        return mismatches / self.compared, *interval(mismatches, self.compared)
