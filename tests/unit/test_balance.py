"""The power of two choices, and who takes part in it."""

import random

from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.balance import draw_two, less_busy, taking_part

UNIT = st.floats(0, 1, exclude_max=True)


@given(st.integers(2, 50), UNIT, UNIT)
def test_two_different_targets_are_drawn(count, first, second):
    one, other = draw_two(count, first, second)
    assert one != other
    assert {one, other} <= set(range(count))


def test_every_pair_is_drawn_about_as_often():
    draw, seen = random.Random(1).random, {}
    for _ in range(12_000):
        pair = draw_two(4, draw(), draw())
        seen[pair] = seen.get(pair, 0) + 1
    assert len(seen) == 12
    assert all(800 < number < 1200 for number in seen.values())


@given(st.lists(st.integers(0, 9), min_size=2, max_size=2))
def test_the_less_busy_one_is_taken_and_the_first_of_equals(loads):
    taken = less_busy(loads.__getitem__, 0, 1)
    assert loads[taken] == min(loads)
    assert taken == 0 or loads[0] > loads[1]


@given(st.lists(st.sampled_from([0.0, 0.1, 0.5, 1.0]), min_size=1, max_size=6), UNIT)
def test_whoever_has_no_share_takes_no_part_and_whoever_has_all_always_does(shares, lot):
    places = taking_part(shares, lot)
    assert all(shares[place] > 0 for place in places)
    assert all(place in places for place, share in enumerate(shares) if share == 1.0)
    assert bool(places) == any(shares)


def test_a_part_of_a_share_is_a_part_of_the_draws():
    draw = random.Random(2).random
    part = sum(0 in taking_part([0.25, 1.0], draw()) for _ in range(10_000))
    assert 2300 < part < 2700


def test_with_loads_in_flight_two_choices_keep_targets_close_together():
    """What the rule is for: the longest queue stays short, where plain chance would let it grow."""
    draw, loads = random.Random(3).random, [0] * 20
    for _ in range(20_000):
        loads[less_busy(loads.__getitem__, *draw_two(20, draw(), draw()))] += 1
    assert max(loads) - min(loads) < 10
