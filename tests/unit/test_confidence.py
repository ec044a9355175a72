"""An interval that may be looked at after every comparison, and is wrong as seldom as it says all the same."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.confidence import interval

ALPHA = 0.05
RUNS, LOOKS = 2000, 500


def test_nothing_compared_says_nothing():
    assert interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(("mismatches", "compared"), [(-1, 5), (6, 5), (1, 0)])
def test_counts_that_cannot_be_are_refused(mismatches, compared):
    with pytest.raises(ValueError, match="cannot be mismatches; "):
        interval(mismatches, compared)


@pytest.mark.parametrize("alpha", [0, 1, -1, 2, float("nan")])
def test_an_alpha_that_is_no_probability_is_refused(alpha):
    with pytest.raises(ValueError, match="is no probability; "):
        interval(1, 2, alpha)


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.floats(1e-9, 0.5))
def test_it_holds_the_rate_that_was_seen_and_mirrors(agreed, mismatches, alpha):
    compared = agreed + mismatches
    low, high = interval(mismatches, compared, alpha)
    assert 0 <= low <= high <= 1
    assert compared == 0 or low <= mismatches / compared <= high
    assert (low, high) == pytest.approx(tuple(1 - each for each in reversed(interval(agreed, compared, alpha))))


@given(st.integers(0, 2000), st.integers(1, 2000))
def test_more_confidence_is_wider(mismatches, agreed):
    narrow, wide = (interval(mismatches, mismatches + agreed, alpha) for alpha in (0.1, 0.001))
    assert wide[0] <= narrow[0] <= narrow[1] <= wide[1]


def test_a_thousand_without_a_mismatch_are_less_than_one_in_a_hundred():
    low, high = interval(0, 1000)
    assert low == 0
    assert 0.003 < high < 0.008
    assert interval(0, 100_000)[1] < 0.0001


@pytest.mark.parametrize("rate", [0.002, 0.05, 0.5, 0.97])
def test_looked_at_after_each_comparison_the_rate_is_ever_outside_in_less_than_alpha_of_all_runs(rate):
    """Each run is looked at 500 times; an interval for one look alone would be left by far more of them."""
    chance = random.Random(f"confidence {rate}")
    inside = {}  # (mismatches, compared): whether the interval holds the rate
    wrong = 0
    for _ in range(RUNS):
        mismatches = 0
        for compared in range(1, LOOKS + 1):
            mismatches += chance.random() < rate
            seen = (mismatches, compared)
            if seen not in inside:
                low, high = interval(*seen, ALPHA)
                inside[seen] = low <= rate <= high
            if not inside[seen]:
                wrong += 1
                break
    assert wrong <= ALPHA * RUNS


def test_it_closes_in_on_the_rate():
    chance = random.Random("closes in")
    mismatches = sum(chance.random() < 0.03 for _ in range(20_000))
    low, high = interval(mismatches, 20_000)
    assert low < 0.03 < high
    assert high - low < 0.012
