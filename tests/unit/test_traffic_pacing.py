"""When journeys begin: at a constant rate, none left out, none early, whatever time does."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traffic.pacing import Pace, moments


class Clock:
    """Time that passes when somebody rests, and a bit more: as much as `late` says next. Stops after `rests` rests."""

    def __init__(self, late=(0.0,), rests=10**9):
        self.now = 100.0
        self._late = itertools.cycle(late)
        self._rests = rests

    def __call__(self):
        return self.now

    async def rest(self, seconds):
        assert seconds >= 0
        self._rests -= 1
        self.now += seconds + next(self._late)
        return self._rests >= 0


async def begun(pace, clock):
    return [(round(clock.now - 100.0, 6), late) async for late in moments(pace, clock=clock, rest=clock.rest)]


async def test_journeys_begin_at_their_rate_and_end_with_the_time():
    clock = Clock()
    assert [at for at, _ in await begun(Pace(rate=4, seconds=1), clock)] == [0.0, 0.25, 0.5, 0.75]


async def test_the_number_of_users_ends_it_too():
    assert len(await begun(Pace(rate=4, seconds=100, users=3), Clock())) == 3


@pytest.mark.parametrize(
    ("rate", "seconds", "total"), [(0.1, 30, 3), (2, 300, 600), (3, 0.1, 1), (0.01, 1, 1), (7, 0.7, 5)]
)
def test_the_total_is_what_the_rate_says_and_no_rounding_error(rate, seconds, total):
    assert Pace(rate, seconds).total == total


async def test_after_a_stall_all_that_was_due_begins_at_once_and_is_said_to_be_late():
    clock = Clock(late=(0.0, 0.0, 1.0, *[0.0] * 100))
    found = await begun(Pace(rate=10, seconds=2), clock)
    assert len(found) == 20
    assert max(late for _, late in found) == pytest.approx(1.0)
    stalled = [at for at, late in found if late > 0.05]
    assert len(set(stalled)) == 1
    assert found[-1][0] == pytest.approx(1.9)


async def test_a_stop_ends_it_at_once():
    assert len(await begun(Pace(rate=10, seconds=100), Clock(rests=5))) <= 5


@given(
    rate=st.floats(0.1, 1000),
    number=st.integers(1, 60),
    late=st.lists(st.floats(0, 0.5), min_size=1, max_size=10),
)
async def test_none_is_left_out_and_none_comes_early(rate, number, late):
    pace = Pace(rate, seconds=number / rate)
    found = await begun(pace, Clock(late=late))
    assert len(found) == pace.total
    assert all(at >= pace.moment(index) - 1e-5 for index, (at, _) in enumerate(found))
