"""Retries are a share of requests, and never more."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.budget import MOST_SAVED, WHOLE, RetryBudget


def spent(budget, tries, now=0.0):
    return sum(budget.spend(now) for _ in range(tries))


def test_ten_percent_of_requests_and_one_a_second():
    budget = RetryBudget(1000)
    for _ in range(200):
        budget.earn()
    assert spent(budget, 100) == 20 + 1
    assert spent(budget, 100, now=0.9) == 0
    assert spent(budget, 100, now=1.0) == 1


def test_what_is_saved_up_is_bounded():
    budget = RetryBudget(10_000)
    for _ in range(10_000):
        budget.earn()
    assert spent(budget, 1000) == MOST_SAVED // WHOLE + 1


def test_a_share_of_nothing_is_none():
    budget = RetryBudget(0)
    for _ in range(1000):
        budget.earn()
    assert spent(budget, 10, now=100.0) == 0


@given(st.integers(0, 10_000), st.lists(st.sampled_from(["earn", "spend", "second"]), max_size=200))
def test_never_more_than_the_share_and_one_a_second(share, steps):
    budget, now, earned, retries = RetryBudget(share), 0.0, 0, 0
    for step in steps:
        if step == "earn":
            budget.earn()
            earned += 1
        elif step == "second":
            now += 1.0
        else:
            retries += budget.spend(now)
        assert retries <= earned * share // WHOLE + now + 1
