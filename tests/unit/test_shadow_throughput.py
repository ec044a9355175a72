"""Bytes a second of shadow traffic: saved up for a second, and paid back by waiting."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.shadow.throughput import Throughput


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_a_debt_is_paid_by_waiting_and_no_more_than_a_second_is_saved():
    clock = Clock()
    bucket = Throughput(1000, clock)
    bucket.spend(1000)
    assert not bucket.is_spent
    bucket.spend(2000)
    assert bucket.is_spent
    clock.now += 1.9
    assert bucket.is_spent
    clock.now += 0.2
    assert not bucket.is_spent
    clock.now += 1000
    assert not bucket.is_spent
    bucket.spend(1001)
    assert bucket.is_spent


@given(st.lists(st.tuples(st.floats(0, 2), st.integers(0, 5000)), max_size=60))
def test_over_any_time_no_more_is_let_through_than_the_limit_a_second_and_one_second_and_one_reply(steps):
    clock = Clock()
    bucket = Throughput(1000, clock)
    moved = largest = 0
    for seconds, size in steps:
        clock.now += seconds
        if not bucket.is_spent:
            bucket.spend(size)
            moved += size
            largest = max(largest, size)
    assert moved <= 1000 * (clock.now - 100 + 1) + largest + 1e-6
