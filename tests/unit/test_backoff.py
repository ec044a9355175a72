import pytest

from gateway.rules.backoff import backoff


@pytest.mark.parametrize(("times", "seconds"), [(0, 5), (1, 5), (2, 10), (3, 20), (4, 40), (5, 60), (10_000, 60)])
def test_it_doubles_from_the_first_to_the_longest(times, seconds):
    assert backoff(5.0, 60.0, times) == seconds


def test_a_longest_below_the_first_does_not_shorten_the_first():
    assert backoff(5.0, 1.0, 1) == backoff(5.0, 1.0, 7) == 5.0
