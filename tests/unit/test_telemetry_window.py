"""The last five minutes: what is counted, from how many samples, and over which time in truth."""

import math

import pytest

from gateway.telemetry import catalogue
from gateway.telemetry.scrape import HistogramTotal, Totals
from gateway.telemetry.window import SAMPLES, Window, quantile

EMPTY = [0.0] * (len(catalogue.BUCKETS) + 1)


def totals(*, requests=None, attempts=None, durations=None):
    """durations: {(side, cohort): {bucket's upper bound: how many}} of feature auth."""
    histograms = {}
    for (side, cohort), counts in (durations or {}).items():
        buckets = list(EMPTY)
        for bound, number in counts.items():
            buckets[len(EMPTY) - 1 if bound == math.inf else catalogue.BUCKETS.index(bound)] = float(number)
        histograms["auth", side, cohort] = HistogramTotal(tuple(buckets), 1.0)
    return Totals(
        counters={
            "gateway_requests_total": {("auth", *key): float(value) for key, value in (requests or {}).items()},
            "gateway_attempts_total": {("auth", *key): float(value) for key, value in (attempts or {}).items()},
        },
        histograms={"gateway_attempt_duration_seconds": histograms},
    )


def auth(window):
    return window.view().features["auth"]


def test_nothing_is_known_before_the_first_sample():
    view = Window().view()
    assert (view.seconds, view.features) == (0.0, {})


def test_what_was_counted_before_the_window_does_not_show():
    window = Window()
    window.feed(0.0, totals(requests={("new", "200"): 1000}))
    window.feed(10.0, totals(requests={("new", "200"): 1007, ("new", "500"): 2}))
    assert auth(window).sides["new"].requests == 9
    assert window.view().seconds == 10.0


def test_five_minutes_are_kept_and_no_more():
    window = Window()
    for step in range(100):
        window.feed(step * 10.0, totals(requests={("new", "200"): step * 10}))
    assert window.view().seconds == 300.0
    assert auth(window).sides["new"].requests == 300


@pytest.mark.parametrize("every", [0.1, 1.0, 5.0, 10.0, 37.0])
def test_however_often_it_is_fed_memory_is_bounded_and_the_newest_counts(every):
    window = Window()
    for step in range(int(1000 / every)):
        window.feed(step * every, totals(requests={("new", "200"): step + 1}))
        assert len(window._samples) <= SAMPLES + 3
    view = window.view()
    assert 300 - 1e-6 <= view.seconds <= 300 + max(every, 300 / SAMPLES) + 1e-6
    assert view.features["auth"].sides["new"].requests == pytest.approx(view.seconds / every, abs=1e-6)


def test_errors_are_what_a_backend_is_to_blame_for_and_clients_who_left_stand_beside_them():
    window = Window()
    window.feed(0.0, totals())
    outcomes = ("ok", "4xx", "5xx", "timeout", "refused", "truncated", "client_gone")
    window.feed(10.0, totals(attempts={("new", "split", outcome): 10 for outcome in outcomes}))
    cohort = auth(window).sides["new"].split
    assert (cohort.attempts, cohort.errors, cohort.gone) == (70, 40, 10)
    assert cohort.error_rate == pytest.approx(4 / 7)


def test_the_split_is_shown_alone_and_with_all_the_others():
    window = Window()
    window.feed(0.0, totals())
    window.feed(
        10.0,
        totals(
            attempts={("new", "split", "ok"): 90, ("new", "other", "5xx"): 10},
            durations={("new", "split"): {0.1: 90}, ("new", "other"): {0.8: 10}},
        ),
    )
    side = auth(window).sides["new"]
    assert (side.split.attempts, side.split.errors, side.split.samples) == (90, 0, 90)
    assert (side.all.attempts, side.all.errors, side.all.samples) == (100, 10, 100)
    assert side.split.p95 <= 0.1 < side.all.p95


def test_rates_and_quantiles_of_nothing_are_none():
    window = Window()
    window.feed(0.0, totals(attempts={("new", "split", "ok"): 5}, durations={("new", "split"): {0.1: 5}}))
    window.feed(10.0, totals(attempts={("new", "split", "ok"): 5}, durations={("new", "split"): {0.1: 5}}))
    cohort = auth(window).sides["new"].split
    assert (cohort.error_rate, cohort.p50, cohort.p95, cohort.p99, cohort.samples) == (None, None, None, None, 0)
    assert auth(window).p95_ratio is None


def test_the_ratio_compares_new_with_legacy():
    window = Window()
    window.feed(0.0, totals())
    window.feed(10.0, totals(durations={("new", "split"): {0.2: 100}, ("legacy", "split"): {0.1: 100}}))
    legacy, new = (auth(window).sides[side].split.p95 for side in ("legacy", "new"))
    assert auth(window).p95_ratio == pytest.approx(new / legacy)
    assert auth(window).p95_ratio == pytest.approx(2, rel=0.1)


def test_counters_that_began_anew_count_from_zero():
    window = Window()
    window.feed(0.0, totals(requests={("new", "200"): 100}, durations={("new", "split"): {0.1: 100}}))
    window.feed(10.0, totals(requests={("new", "200"): 110}, durations={("new", "split"): {0.1: 110}}))
    window.feed(20.0, totals(requests={("new", "200"): 4}, durations={("new", "split"): {0.1: 3}}))
    window.feed(30.0, totals(requests={("new", "200"): 6}, durations={("new", "split"): {0.1: 5}}))
    assert auth(window).sides["new"].requests == 16
    assert auth(window).sides["new"].split.samples == 15


def test_a_feature_that_appears_later_counts_from_its_first_request():
    window = Window()
    window.feed(0.0, totals(requests={("legacy", "200"): 5}))
    window.feed(10.0, totals(requests={("legacy", "200"): 5, ("new", "200"): 3}))
    assert auth(window).sides["new"].requests == 3
    assert auth(window).sides["legacy"].requests == 0


def test_a_quantile_is_interpolated_as_prometheus_does_it():
    buckets = list(EMPTY)
    buckets[catalogue.BUCKETS.index(0.1)] = 50.0  # 0.08 < x <= 0.1
    buckets[catalogue.BUCKETS.index(0.2)] = 50.0  # 0.16 < x <= 0.2
    assert quantile(0.25, buckets) == pytest.approx(0.09)
    assert quantile(0.5, buckets) == pytest.approx(0.1)
    assert quantile(0.75, buckets) == pytest.approx(0.18)
    assert quantile(0.99, buckets) == pytest.approx(0.16 + 0.04 * 49 / 50)


def test_beyond_the_last_bound_the_last_bound_is_all_that_is_known():
    assert quantile(0.5, [*EMPTY[:-1], 9.0]) == catalogue.BUCKETS[-1]
    assert quantile(0.5, [4.0, *EMPTY[1:]]) == pytest.approx(catalogue.BUCKETS[0] / 2)
