"""Whether new differs from legacy at a place, or legacy from itself: from pairs, looked at as often as one likes.

For a pair legacy is asked twice and new once, later than legacy's first and with its second. At a place, x is 1 where
legacy's two replies differ, y where new's differs from legacy's first (`gateway.rules.pair_places`). If new is like
legacy, new's reply is to legacy's first as legacy's second is, so y is 1 no more often than x. Two hypotheses are
tested, each by a bet that cannot win on average while it holds:

- "new differs no more often than legacy from itself", E[y - x] <= 0 given the past: each pair multiplies what is held
  by 1 + f (y - x), with a fraction f of 0..1. It has a mean of at most 1, so the product is a supermartingale that
  begins at 1, and so is the mean of the products over a fixed grid of fractions (a mixture): an e-process. By Ville's
  inequality it ever reaches 1000 with a probability of at most 1/1000. When it has, it is a MISMATCH.
- "new differs at least twice as often as legacy from itself", E[2x - y] <= 0 given the past: the same with
  1 + f (2x - y). When it has reached 100 it is NOISE, if it is no mismatch.

Both products depend on how often each pair of x and y was seen, not on the order: counts of several machines add up,
and whoever looks at the sums looks at the same process. A pair is one pair at all places; a verdict is of one place.

Sources: J. Ville, Etude critique de la notion de collectif, 1939; G. Shafer, Testing by betting, Journal of the Royal
Statistical Society A 184 (2021); A. Ramdas, P. Gruenwald, V. Vovk, G. Shafer, Game-theoretic statistics and safe
anytime-valid inference, Statistical Science 38 (2023); I. Waudby-Smith, A. Ramdas, Estimating means of bounded random
variables by betting, Journal of the Royal Statistical Society B 86 (2024).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import exp, inf, log, log1p
from typing import Final

FRACTIONS: Final = (1.0, 0.75, 0.5, 0.25, 0.1, 0.05, 0.02)
"""What is put at stake, each with the same weight. All of it finds what always differs soonest, and is lost with the
first pair to the contrary; little of it finds what differs rarely, or hardly more often than legacy itself.
"""
MISMATCH_AT: Final = log(1000)
NOISE_AT: Final = log(100)


class Verdict(StrEnum):
    NOISE = "noise"
    MISMATCH = "mismatch"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class PairCounts:
    """Of one place, pairs by who differed from legacy's first reply: legacy and new, one of them, neither."""

    both: int = 0
    legacy_only: int = 0
    new_only: int = 0
    neither: int = 0

    def __add__(self, other: "PairCounts") -> "PairCounts":
        """Those of two machines, or of two times."""
        return PairCounts(
            self.both + other.both,
            self.legacy_only + other.legacy_only,
            self.new_only + other.new_only,
            self.neither + other.neither,
        )

    @property
    def pairs(self) -> int:
        return self.both + self.legacy_only + self.new_only + self.neither


def seen(*, legacy: bool, new: bool) -> PairCounts:
    """One pair, by whether legacy's second reply and new's differ from legacy's first at the place."""
    return PairCounts(int(legacy and new), int(legacy and not new), int(new and not legacy), int(not (legacy or new)))


def verdict(counts: PairCounts) -> Verdict:
    """What is known of a place by now. It may be asked after every pair."""
    if excess(counts) >= MISMATCH_AT:
        return Verdict.MISMATCH
    return Verdict.NOISE if steadiness(counts) >= NOISE_AT else Verdict.UNDECIDED


def excess(counts: PairCounts) -> float:
    """The natural logarithm of the evidence that new differs more often than legacy from itself."""
    return _mixed([_held(counts.new_only, each) + _held(counts.legacy_only, -each) for each in FRACTIONS])


def steadiness(counts: PairCounts) -> float:
    """The natural logarithm of the evidence that new differs less than twice as often as legacy from itself."""
    return _mixed(
        [
            _held(counts.both, each) + _held(counts.legacy_only, 2 * each) + _held(counts.new_only, -each)
            for each in FRACTIONS
        ]
    )


def _held(times: int, gain: float) -> float:
    """The logarithm of what one has after so many pairs of the same gain, a fraction of what one had."""
    if times == 0:
        return 0.0
    return -inf if gain <= -1 else times * log1p(gain)


def _mixed(logarithms: Sequence[float]) -> float:
    """The logarithm of the mean."""
    most = max(logarithms)
    return most if most == -inf else most + log(sum(exp(each - most) for each in logarithms) / len(logarithms))
