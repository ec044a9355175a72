"""The schedule of a constant rate: every request once, none early, and a stall hides nothing."""

import os
import select

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.pacing import Schedule, Ticker


def test_requests_are_due_evenly():
    schedule = Schedule(start=100.0, rate=4, seconds=1)
    assert schedule.due(99.9) == []
    assert schedule.due(100.0) == [100.0]
    assert schedule.due(100.2) == []
    assert schedule.due(100.5) == [100.25, 100.5]


def test_what_became_due_during_a_stall_is_due_at_its_own_time():
    schedule = Schedule(start=0.0, rate=1000, seconds=2)
    schedule.due(0.5)
    late = schedule.due(1.5)
    assert len(late) == 1000
    assert late[0] == pytest.approx(0.501)
    assert late[-1] == pytest.approx(1.5)


def test_it_ends_with_its_seconds():
    schedule = Schedule(start=0.0, rate=10, seconds=1)
    assert len(schedule.due(60.0)) == 10
    assert schedule.ended
    assert schedule.due(61.0) == []


@given(st.floats(0.5, 50_000), st.lists(st.floats(0, 1), max_size=50))
def test_every_request_is_due_once_and_never_early(rate, steps):
    schedule, now, told = Schedule(start=5.0, rate=rate, seconds=1.0), 5.0, []
    for step in [*steps, 2.0]:
        now += step / 10 if step <= 1 else step
        moments = schedule.due(now)
        assert all(moment <= now + 1e-9 for moment in moments)
        told += moments
    assert told == [5.0 + number / rate for number in range(schedule.total)]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="Linux has such clocks")
def test_the_ticker_ticks_again_and_again():
    ticker = Ticker(0.001)
    try:
        for _ in range(3):
            assert select.select([ticker.fd], [], [], 5.0)[0] == [ticker.fd]
            ticker.clear()
    finally:
        ticker.close()
