"""Which percent a flag has when."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traffic.people import chance_of
from traffic.ramp import Ramp, in_words


def percents(text, seconds, *, every=1.0, shuffle=False, seed=1):
    return [
        Decimal(each) for each in Ramp.parse(text, every=every, shuffle=shuffle).percents(seconds, chance_of(seed, 0))
    ]


def test_a_ramp_goes_from_its_first_percent_to_its_last():
    found = percents("1:100", 300)
    assert len(found) == 300
    assert (found[0], found[-1]) == (1, 100)
    assert found == sorted(found)


def test_a_ramp_may_go_down():
    assert percents("100:0", 5) == [100, 75, 50, 25, 0]


def test_a_ramp_of_one_step_is_its_first_percent():
    assert percents("10:90", 0.5) == [10]


@given(first=st.integers(0, 10000), last=st.integers(0, 10000), seconds=st.floats(0.1, 400), shuffle=st.booleans())
def test_every_percent_is_one_that_a_flag_may_have(first, last, seconds, shuffle):
    text = f"{Decimal(first) / 100}:{Decimal(last) / 100}"
    low, high = sorted((Decimal(first) / 100, Decimal(last) / 100))
    for percent in percents(text, seconds, shuffle=shuffle):
        assert low <= percent <= high
        assert percent == round(percent, 2)


def test_a_shuffle_goes_up_and_down_and_is_the_same_for_the_same_seed():
    found = percents("0:100", 100, shuffle=True)
    assert found != sorted(found)
    assert found == percents("0:100", 100, shuffle=True)
    assert found != percents("0:100", 100, shuffle=True, seed=2)


@pytest.mark.parametrize("text", ["", "1", "1:2:3", "a:b", "-1:5", "1:101", "1.234:5", "nan:1", "1:inf", ":"])
def test_what_is_no_ramp_is_refused_in_words(text):
    with pytest.raises(ValueError, match=r"no ramp|no percent"):
        Ramp.parse(text, every=1, shuffle=False)


@pytest.mark.parametrize(
    ("percent", "words"), [("1", "1"), ("12.50", "12.5"), ("0.01", "0.01"), ("100", "100"), ("0", "0")]
)
def test_percents_are_written_as_flags_are(percent, words):
    assert in_words(Decimal(percent)) == words
