"""How often the sides differ, as an interval that may be looked at after every comparison. Pure; for reports.

Of n comparisons k were mismatches. For a rate p the likelihood ratio M_n(p) = B(a + k, b + n - k) / B(a, b) / (p^k
(1-p)^(n-k)), which mixes all alternatives with the weights of Beta(a, b), is a martingale of mean 1 when p is the rate
(each comparison's chance, given all before it). By Ville's inequality it ever reaches 1/alpha with a probability of at
most alpha. So the rates at which it has not reached that hold the true one at all times at once, with a probability of
at least 1 - alpha: a confidence sequence. a = b = 1/2 (Jeffreys' prior): tight for rates near 0 and 1. M_n is convex in
p on the logarithmic scale with its minimum at k/n, so the set is an interval, found by bisection.

Sources: J. Ville, Etude critique de la notion de collectif, 1939; H. Robbins, Statistical methods related to the law of
the iterated logarithm, Annals of Mathematical Statistics 41 (1970); S. Howard, A. Ramdas, J. McAuliffe, J. Sekhon,
Time-uniform, nonparametric, nonasymptotic confidence sequences, Annals of Statistics 49 (2021).
"""

from functools import lru_cache
from math import lgamma, log, log1p
from typing import Final

_PRIOR: Final = 0.5
_HALVINGS: Final = 60


@lru_cache(maxsize=1024)
def interval(mismatches: int, compared: int, alpha: float = 0.05) -> tuple[float, float]:
    """Lowest and highest rate, 0..1. Raises ValueError for counts or an alpha that cannot be."""
    if not 0 <= mismatches <= compared:
        raise ValueError(f"{mismatches} of {compared} compared cannot be mismatches; from 0 to all of them can")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha}, which is no probability; write e.g. 0.05")
    if compared == 0:
        return 0.0, 1.0
    rate, agreed = mismatches / compared, compared - mismatches
    mixed = _log_beta(_PRIOR + mismatches, _PRIOR + agreed) - _log_beta(_PRIOR, _PRIOR)
    most = mixed - log(1 / alpha)
    low = 0.0 if mismatches == 0 else _edge(mismatches, agreed, most, inside=rate, outside=0.0)
    high = 1.0 if agreed == 0 else _edge(mismatches, agreed, most, inside=rate, outside=1.0)
    return low, high


def _edge(mismatches: int, agreed: int, most: float, *, inside: float, outside: float) -> float:
    """The rate between the two at which the logarithm of its likelihood falls to `most`; of the last two looks the
    outer.
    """
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        if not 0 < middle < 1:
            break
        if mismatches * log(middle) + agreed * log1p(-middle) > most:
            inside = middle
        else:
            outside = middle
    return outside


def _log_beta(one: float, other: float) -> float:
    return lgamma(one) + lgamma(other) - lgamma(one + other)
