"""The breaker's rules, each by itself, and what holds whatever happens in whatever order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.breaker import TRANSITIONS, Breaker, BreakerLimits, State

LIMITS = BreakerLimits(
    consecutive=3, failure_share=5000, minimum=10, window=10.0, open_seconds=5.0, max_open_seconds=20.0, probes=2
)


def ask(breaker, now, success):
    """One request from beginning to end; False where it is refused."""
    if breaker.refuses(now):
        return False
    breaker.leave(breaker.enter(), success, now)
    return True


def opened(at=0.0):
    breaker = Breaker(LIMITS)
    for _ in range(LIMITS.consecutive):
        assert ask(breaker, at, False)
    return breaker


def test_failures_in_a_row_open_it_and_a_success_between_begins_anew():
    breaker = Breaker(LIMITS)
    for success in (False, False, True, False, False):
        ask(breaker, 0.0, success)
    assert breaker.state is State.CLOSED
    ask(breaker, 0.0, False)
    assert breaker.state is State.OPEN


@pytest.mark.parametrize(("failing", "state"), [(4, State.CLOSED), (5, State.OPEN)])
def test_a_share_of_failures_opens_it_once_there_are_enough(failing, state):
    breaker = Breaker(LIMITS)
    verdicts = [True, False] * failing + [True] * (10 - 2 * failing)
    for success in verdicts:
        ask(breaker, 1.0, success)
    assert breaker.state is state


def test_fewer_than_the_minimum_say_nothing_by_their_share():
    breaker = Breaker(LIMITS)
    for _ in range(4):
        ask(breaker, 0.0, False)
        ask(breaker, 0.0, True)
    assert breaker.state is State.CLOSED


def test_failures_of_an_earlier_window_are_forgotten():
    breaker = Breaker(LIMITS)
    for _ in range(4):
        ask(breaker, 0.0, True)
        ask(breaker, 0.0, False)
    for _ in range(4):
        ask(breaker, 20.0, True)
        ask(breaker, 20.0, False)
    assert breaker.state is State.CLOSED


def test_failures_of_the_half_before_still_count():
    breaker = Breaker(LIMITS)
    for _ in range(4):
        ask(breaker, 0.0, True)
        ask(breaker, 0.0, False)
    ask(breaker, 5.0, True)
    ask(breaker, 5.0, False)
    assert breaker.state is State.OPEN


def test_open_it_refuses_until_the_wait_is_over_and_says_how_long():
    breaker = opened(at=100.0)
    assert breaker.refuses(100.0)
    assert breaker.remaining(101.0) == 4.0
    assert breaker.refuses(104.9)
    assert not breaker.refuses(105.0)
    assert breaker.state is State.HALF_OPEN
    assert breaker.remaining(105.0) == 0.0


def test_half_open_it_lets_few_through_at_once_and_as_many_successes_close_it():
    breaker = opened()
    assert not breaker.refuses(5.0)
    tickets = [breaker.enter()]
    assert not breaker.refuses(5.0)
    tickets.append(breaker.enter())
    assert breaker.refuses(5.0)
    breaker.leave(tickets[0], True, 5.1)
    assert breaker.state is State.HALF_OPEN
    breaker.leave(tickets[1], True, 5.2)
    assert breaker.state is State.CLOSED


def test_a_failed_probe_opens_it_again_for_twice_as_long_up_to_the_longest():
    breaker = opened()
    now, waits = 0.0, []
    for _ in range(4):
        waits.append(breaker.wait)
        now += breaker.wait
        assert ask(breaker, now, False)
        assert breaker.state is State.OPEN
    assert waits == [5.0, 10.0, 20.0, 20.0]


def test_having_closed_it_waits_as_long_as_at_first():
    breaker = opened()
    assert ask(breaker, 5.0, False)
    assert breaker.wait == 10.0
    assert ask(breaker, 15.0, True)
    assert ask(breaker, 15.0, True)
    assert breaker.state is State.CLOSED
    for _ in range(3):
        ask(breaker, 15.0, False)
    assert breaker.wait == 5.0


def test_a_probe_whose_client_leaves_gives_its_place_back_and_says_nothing():
    breaker = opened()
    for _ in range(20):
        assert ask(breaker, 5.0, None)
    assert breaker.state is State.HALF_OPEN
    assert not breaker.refuses(5.0)


def test_clients_that_leave_never_trip_it():
    breaker = Breaker(LIMITS)
    for _ in range(1000):
        assert ask(breaker, 0.0, None)
    assert breaker.state is State.CLOSED


@pytest.mark.parametrize("late", [True, False])
def test_a_verdict_on_how_things_were_before_does_not_count_now(late):
    breaker = Breaker(LIMITS)
    old = [breaker.enter() for _ in range(5)]
    for _ in range(3):
        ask(breaker, 0.0, False)
    for ticket in old[:2]:
        breaker.leave(ticket, late, 1.0)
    assert breaker.state is State.OPEN
    assert not breaker.refuses(5.0)
    for ticket in old[2:]:
        breaker.leave(ticket, late, 5.0)
    assert breaker.state is State.HALF_OPEN


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.just(0)),
        st.tuples(st.just("end"), st.tuples(st.integers(0, 30), st.sampled_from([True, False, None]))),
        st.tuples(st.just("wait"), st.floats(0, 30)),
    ),
    max_size=80,
)


@given(STEPS)
def test_whatever_happens_it_moves_by_the_table_and_bounds_its_probes(steps):
    breaker, now, under_way = Breaker(LIMITS), 0.0, []
    for what, value in steps:
        before, era = breaker.state, breaker.era
        if what == "wait":
            now += value
        elif what == "ask":
            remaining = breaker.remaining(now)
            refused = breaker.refuses(now)
            assert refused or remaining == 0.0
            assert refused == (remaining > 0) or breaker.state is State.HALF_OPEN
            if not refused:
                under_way.append((breaker.enter(), breaker.state))
        elif under_way:
            index, success = value
            ticket, _ = under_way.pop(index % len(under_way))
            breaker.leave(ticket, success, now)
            assert success is not None or breaker.state is before
        probes = [ticket for ticket, state in under_way if state is State.HALF_OPEN and ticket == breaker.era]
        assert len(probes) <= LIMITS.probes
        assert breaker.era - era <= 1
        if breaker.era != era:
            assert breaker.state in {after for (state, _), after in TRANSITIONS.items() if state is before}


@given(st.lists(st.booleans(), max_size=60))
def test_closed_it_trips_exactly_when_its_two_rules_say_so(verdicts):
    breaker = Breaker(LIMITS)
    for count, success in enumerate(verdicts, 1):
        ask(breaker, 0.0, success)
        seen = verdicts[:count]
        failed = seen.count(False)
        trips = seen[-3:] == [False] * 3 or (not success and count >= 10 and failed * 2 >= count)
        assert (breaker.state is State.OPEN) == trips
        if trips:
            return
