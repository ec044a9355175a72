"""What two values have in common, and how far numbers are apart."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.traits import TRAITS, distance, traits

UUID = "0190a6de-7a1f-7e1c-8b3a-2f1d5c7e9a0b"
ANOTHER = "0190a6de-7a1f-7e1c-8b3a-2f1d5c7e9a0c"


@pytest.mark.parametrize(
    ("legacy", "new", "found"),
    [
        (UUID, ANOTHER, {"uuid", "token"}),
        (UUID, "no", set()),
        ("2026-11-30T12:00:00Z", "2026-11-30T12:00:01Z", {"time", "seconds"}),
        ("2026-11-30T12:00:00Z", "2026-11-30T12:00:01+00:00", {"seconds"}),
        ("Mon, 30 Nov 2026 12:00:00 GMT", "Mon, 30 Nov 2026 12:00:01 GMT", {"http-date"}),
        ("eyJhbGciOi.eyJzdWIi.c2ln", "eyJhbGciOi.eyJzdWIi.c2lo", {"jwt", "token"}),
        ('W/"4711abcd"', '"4712abcd"', {"token"}),
        (1, 2, {"number"}),
        (1, 2.0, set()),
        (True, False, set()),
        (1.5, 2.5, {"number"}),
        (100, 110, {"number", "near"}),
        (100, 111, {"number"}),
        (-110.0, -100.0, {"number", "near"}),
        (1, -1, {"number"}),
        (0, 0.0, set()),
        (0, 1, {"number"}),
        (10**400, 10**400 + 1, {"number"}),
        ("a word", "another", set()),
        (None, None, set()),
        ({}, [], set()),
    ],
)
def test_what_both_have(legacy, new, found):
    assert traits(legacy, new) >= found
    assert traits(legacy, new) - {"token"} == found - {"token"}


def test_long_texts_are_not_looked_at():
    assert traits("1" * 5000, "2" * 5000) == frozenset()


@pytest.mark.parametrize(
    ("legacy", "new", "apart"),
    [
        (1, 4, 3.0),
        (1.5, 1.25, 0.25),
        (1, 1.5, None),
        (True, False, None),
        ("2026-11-30T12:00:00Z", "2026-11-30T12:00:02.5+00:00", 2.5),
        ("x", "y", None),
        (10**400, 1, None),
        (math.inf, 1.0, None),
        (math.nan, 1.0, None),
    ],
)
def test_how_far_apart(legacy, new, apart):
    assert distance(legacy, new) == apart


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda below: st.lists(below, max_size=3)
)


@given(VALUES, VALUES)
def test_no_value_makes_it_fail_and_sides_are_equal(legacy, new):
    assert traits(legacy, new) <= set(TRAITS)
    assert traits(legacy, new) == traits(new, legacy)
    apart = distance(legacy, new)
    assert apart is None or (apart >= 0 and math.isfinite(apart))
