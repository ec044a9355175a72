"""Noise told from mismatches, looked at after every pair: wrong as seldom as promised, right after so many pairs."""

import random
from functools import cache
from itertools import product
from math import exp, factorial, inf

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.rules.noise import MISMATCH_AT, NOISE_AT, PairCounts, Verdict, excess, seen, steadiness, verdict

RUNS, LOOKS = 2000, 500

# Of one place, by how legacy and a new that is like it answer: each reply is drawn alike.
NOISES = {
    "a token that is never the same": lambda chance: chance.random(),
    "a value of four": lambda chance: int(chance.random() * 4),
    "the order of three": lambda chance: int(chance.random() * 6),
    "rare, 2 % of replies": lambda chance: chance.random() < 0.02,
    "none": lambda _: 0,
}


@cache
def known_excess(legacy_only, new_only):
    """It depends on these two alone, and simulations come by the same ones again and again."""
    return excess(PairCounts(legacy_only=legacy_only, new_only=new_only))


def pair_of(draw, chance):
    """Legacy asked twice, new once."""
    first, second, new = draw(chance), draw(chance), draw(chance)
    return second != first, new != first


def pairs_until(wanted, draw_pair, chance, most):
    """After how many pairs the verdict is first what is wanted; None if it never is."""
    counts = PairCounts()
    for number in range(1, most + 1):
        legacy, new = draw_pair(chance)
        counts += seen(legacy=legacy, new=new)
        if verdict(counts) is wanted:
            return number
    return None


# -- what it promises


@pytest.mark.parametrize("noise", NOISES)
def test_noise_is_ever_called_a_mismatch_in_at_most_one_run_of_a_thousand(noise):
    chance = random.Random(f"noise {noise}")
    draw = NOISES[noise]
    wrong = 0
    for _ in range(RUNS):
        legacy_only = new_only = 0
        for _ in range(LOOKS):
            legacy, new = pair_of(draw, chance)
            if legacy is not new:
                legacy_only += legacy
                new_only += new
                if known_excess(legacy_only, new_only) >= MISMATCH_AT:
                    wrong += 1
                    break
    assert wrong <= RUNS / 1000


@pytest.mark.parametrize("rate", [0.05, 0.3])
def test_what_differs_twice_as_often_is_ever_called_noise_in_at_most_one_run_of_a_hundred(rate):
    chance = random.Random(f"twice {rate}")
    wrong = sum(
        pairs_until(Verdict.NOISE, lambda c: (c.random() < rate, c.random() < 2 * rate), chance, 150) is not None
        for _ in range(300)
    )
    assert wrong <= 3


WEIGHTS = st.tuples(*[st.integers(0, 20)] * 4)


def mean_evidence(evidence, weights, pairs):
    """The exact mean over all that could have been counted, pairs being independent with these weights."""
    total, mean = sum(weights), 0.0
    for counted in product(range(pairs + 1), repeat=4):
        if sum(counted) != pairs:
            continue
        ways = factorial(pairs)
        for number, weight in zip(counted, weights, strict=True):
            ways = ways // factorial(number) * weight**number
        mean += ways / total**pairs * exp(evidence(PairCounts(*counted)))
    return mean


@given(WEIGHTS, st.integers(1, 4))
def test_neither_bet_wins_on_average_while_its_hypothesis_holds(weights, pairs):
    both, legacy_only, new_only, _ = weights
    assume(sum(weights))
    if new_only <= legacy_only:
        assert mean_evidence(excess, weights, pairs) <= 1 + 1e-9
    if both + new_only >= 2 * (both + legacy_only):
        assert mean_evidence(steadiness, weights, pairs) <= 1 + 1e-9


# -- what it finds, and when


@pytest.mark.parametrize(
    ("legacy_rate", "new_rate", "soonest", "median_at_most"),
    [
        (0.0, 1.0, 13, 13),  # always: as soon as it can be
        (0.0, 0.2, 13, 80),  # one in five
        (0.02, 0.2, 13, 130),  # the same, where legacy has a noise of its own
        (0.5, 1.0, 13, 60),  # always, over much noise
    ],
)
def test_a_real_difference_is_found(legacy_rate, new_rate, soonest, median_at_most):
    chance = random.Random(f"real {legacy_rate} {new_rate}")
    needed = sorted(
        pairs_until(Verdict.MISMATCH, lambda c: (c.random() < legacy_rate, c.random() < new_rate), chance, 1000)
        for _ in range(101)
    )
    assert needed[0] >= soonest
    assert needed[50] <= median_at_most


@pytest.mark.parametrize(
    ("noise", "median_at_most", "runs", "most"),
    [
        ("a token that is never the same", 9, 5, 100),
        ("a value of four", 40, 51, 500),
        ("the order of three", 40, 51, 500),
        ("rare, 2 % of replies", 2500, 5, 8000),
    ],
)
def test_noise_is_called_so(noise, median_at_most, runs, most):
    chance = random.Random(f"called {noise}")
    needed = sorted(pairs_until(Verdict.NOISE, lambda c: pair_of(NOISES[noise], c), chance, most) for _ in range(runs))
    assert needed[runs // 2] <= median_at_most


def test_what_never_differs_stays_undecided():
    assert verdict(PairCounts(neither=10**9)) is Verdict.UNDECIDED
    assert verdict(PairCounts()) is Verdict.UNDECIDED


# -- counts


COUNTS = st.builds(PairCounts, *[st.integers(0, 10**9)] * 4)


@given(COUNTS, COUNTS)
def test_counts_of_machines_add_up(one, other):
    assert one + other == other + one
    assert (one + other).pairs == one.pairs + other.pairs
    assert one + PairCounts() == one


@given(COUNTS)
def test_there_is_a_verdict_for_any_counts(counts):
    assert verdict(counts) in Verdict
    assert excess(counts) < inf
    assert steadiness(counts) < inf


@given(COUNTS, st.integers(1, 10**6))
def test_more_of_new_alone_is_more_of_a_mismatch_and_less_of_noise(counts, more):
    after = counts + PairCounts(new_only=more)
    assert excess(after) >= excess(counts)
    assert steadiness(after) <= steadiness(counts)
    assert excess(counts + PairCounts(both=more, neither=more)) == excess(counts)


@pytest.mark.parametrize(("legacy", "new"), list(product((True, False), repeat=2)))
def test_a_pair_is_counted_once(legacy, new):
    counts = seen(legacy=legacy, new=new)
    assert counts.pairs == 1
    assert (counts.both + counts.legacy_only, counts.both + counts.new_only) == (legacy, new)


def test_a_mismatch_is_none_the_less_one_where_legacy_differs_often_too():
    counts = PairCounts(both=900, legacy_only=0, new_only=100)
    assert steadiness(counts) >= NOISE_AT
    assert verdict(counts) is Verdict.MISMATCH
