"""Percentiles, spreads, and the store of numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.figures import Figures, Spread, percentile


@pytest.mark.parametrize(
    ("percent", "value"), [(0, 1), (1, 1), (50, 50), (50.5, 51), (99, 99), (99.1, 100), (99.9, 100), (100, 100)]
)
def test_a_percentile_is_the_nearest_rank(percent, value):
    assert percentile(range(1, 101), percent) == value


def test_binary_fractions_do_not_move_a_percentile_by_one():
    assert percentile(range(1, 1001), 99.9) == 999
    assert percentile(range(1, 10_001), 99.9) == 9990


@given(st.lists(st.integers(), min_size=1), st.floats(0, 100))
def test_at_least_so_many_percent_are_not_above_a_percentile(values, percent):
    found = percentile(sorted(values), percent)
    assert found in values
    assert sum(value <= found for value in values) >= percent * len(values) / 100 - 1e-3


def test_a_spread_has_the_median_and_the_ends():
    assert Spread.of([3, 1, 10, 2]) == Spread(2.5, 1, 10, 4)


def test_rounds_are_kept_in_order_and_some_give_several_values():
    figures = Figures()
    figures.add("ours", "get", {"cpu_us": 3.0})
    figures.add("envoy", "get", {"cpu_us": 5.0})
    figures.add("ours", "get", {"cpu_us": 1.0, "rps": 7.0})
    figures.add("ours", "flag", {"effect_ms": [2.0, 9.0, 4.0]})
    assert figures.median("ours", "get", "cpu_us") == 2.0
    assert figures.median("nginx", "get", "cpu_us") is None
    assert figures.percentile("ours", "flag", "effect_ms", 99) == 9.0
    assert figures.who("get") == ["ours", "envoy"]
    assert figures.workloads() == ["get", "flag"]
    assert figures.metrics("get") == ["cpu_us", "rps"]
