"""How a target falls out of service and comes back: each rule, and what holds whatever happens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.standing import TRANSITIONS, Standing, StandingLimits, TargetStanding

LIMITS = StandingLimits(
    consecutive=3, seconds=5.0, max_seconds=20.0, slow_start=10.0, unhealthy_after=2, healthy_after=2
)


def ejected(at=0.0):
    target = TargetStanding(LIMITS)
    for _ in range(3):
        target.failed(at, last=False)
    assert target.state is Standing.EJECTED
    return target


def test_failures_in_a_row_eject_and_a_success_between_begins_anew():
    target = TargetStanding(LIMITS)
    for _ in range(2):
        target.failed(0.0, last=False)
    target.succeeded()
    for _ in range(2):
        target.failed(0.0, last=False)
    assert target.share(0.0) == 1.0


def test_the_last_target_is_never_taken_away_by_requests():
    target = TargetStanding(LIMITS)
    for _ in range(50):
        target.failed(0.0, last=True)
    assert target.share(0.0) == 1.0


def test_it_returns_gently_and_then_serves():
    target = ejected()
    assert target.share(4.9) == 0.0
    assert target.share(5.0) == pytest.approx(0.1)
    assert target.share(10.0) == pytest.approx(0.55)
    assert target.state is Standing.RETURNING
    assert target.share(15.0) == 1.0
    assert target.state is Standing.SERVING


def test_one_failure_on_its_return_ejects_it_again_for_longer_up_to_the_longest():
    target, now, waits = ejected(), 0.0, []
    for _ in range(4):
        waits.append(target.wait)
        now += target.wait
        assert target.share(now) > 0
        target.failed(now, last=False)
        assert target.state is Standing.EJECTED
    assert waits == [5.0, 10.0, 20.0, 20.0]


def test_a_whole_slow_start_without_failure_forgets_its_ejections():
    target = ejected()
    target.share(5.0)
    target.share(15.0)
    for _ in range(3):
        target.failed(15.0, last=False)
    assert target.wait == 5.0


@pytest.mark.parametrize("before", [lambda: TargetStanding(LIMITS), ejected])
def test_failed_checks_take_it_away_and_good_ones_let_it_return_gently(before):
    target = before()
    target.checked(False, 1.0)
    target.checked(True, 1.0)
    target.checked(False, 1.0)
    assert target.state is not Standing.UNHEALTHY
    target.checked(False, 1.0)
    assert target.state is Standing.UNHEALTHY
    assert target.share(1000.0) == 0.0
    target.succeeded()
    target.checked(True, 1000.0)
    assert target.share(1000.0) == 0.0
    target.checked(True, 1000.0)
    assert target.share(1000.0) == pytest.approx(0.1)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("request"), st.booleans()),
        st.tuples(st.just("check"), st.booleans()),
        st.tuples(st.just("wait"), st.floats(0, 30)),
    ),
    max_size=80,
)


@given(STEPS, st.booleans())
def test_whatever_happens_it_moves_by_the_table_and_its_share_is_a_share(steps, last):
    target, now = TargetStanding(LIMITS), 0.0
    for what, value in steps:
        before = target.state
        if what == "wait":
            now += value
        elif what == "check":
            target.checked(value, now)
        elif value:
            target.succeeded()
        else:
            target.failed(now, last=last)
        after = target.state
        assert after is before or after in {to for (state, _), to in TRANSITIONS.items() if state is before}
        share = target.share(now)
        assert 0.0 <= share <= 1.0
        assert (share > 0) == (target.state in {Standing.SERVING, Standing.RETURNING})
        assert not (last and target.state is Standing.EJECTED)
