"""When recorded requests are sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.replay.pace import CATCH_UP_SECONDS, Pace


def sent(pace, stalls):
    """When each is sent, from 0, where the sending of each is held up so long."""
    due = now = 0.0
    moments = []
    for stall in stalls:
        now = max(now, due) + stall
        moments.append(now)
        due = pace.after(due, now)
    return moments


def test_they_are_sent_at_their_rate():
    assert sent(Pace(4), [0.0] * 4) == [0.0, 0.25, 0.5, 0.75]


def test_a_short_stall_is_made_up_for():
    assert sent(Pace(10), [0.0, 0.5, *[0.0] * 10])[-1] == pytest.approx(1.1)


def test_after_a_long_stall_no_more_than_a_second_is_made_up_for():
    moments = sent(Pace(10), [0.0, 60.0, *[0.0] * 30])
    at_once = sum(moment == moments[1] for moment in moments)
    assert at_once <= 10 * CATCH_UP_SECONDS + 2


@given(rate=st.floats(0.1, 1000), stalls=st.lists(st.floats(0, 5), min_size=2, max_size=50))
def test_in_any_stretch_of_time_there_are_no_more_than_the_rate_allows(rate, stalls):
    moments = sent(Pace(rate), stalls)
    for start in range(len(moments)):
        for end in range(start, len(moments)):
            allowed = rate * (moments[end] - moments[start] + CATCH_UP_SECONDS) + 2
            assert end - start + 1 <= allowed + 1e-6
