"""What a worker counts, in memory and in files, and that the buckets show a difference that matters."""

import math
import random
from statistics import NormalDist

import pytest
from prometheus_client import generate_latest, values
from prometheus_client.parser import text_string_to_metric_families

from gateway.errors import UpstreamErrorKind
from gateway.model import Cohort, Outcome, Reason, Side
from gateway.telemetry import catalogue
from gateway.telemetry.counterfile import FileValues
from gateway.telemetry.metrics import RequestMetrics
from gateway.telemetry.scrape import CounterFiles
from gateway.telemetry.window import quantile


@pytest.fixture(params=["memory", "files"])
def metrics_and_text(request, monkeypatch, tmp_path):
    """The same counts over both kinds of storage, each with how it is read."""
    if request.param == "memory":
        monkeypatch.setattr(values, "ValueClass", values.MutexValue)
        metrics = RequestMetrics()
        return metrics, lambda: generate_latest(metrics.registry)
    monkeypatch.setattr(values, "ValueClass", FileValues(tmp_path, "w0"))
    return RequestMetrics(), lambda: CounterFiles(tmp_path).text()[0]


def samples(text):
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def test_a_request_that_falls_back_counts_as_a_failure_of_new_and_an_answer_of_legacy(metrics_and_text):
    metrics, text = metrics_and_text
    metrics.decision("auth", Side.NEW, Reason.SPLIT)
    metrics.attempt("auth", Side.NEW, Cohort.SPLIT, Outcome.TIMEOUT, None)
    metrics.upstream_error("new", UpstreamErrorKind.FIRST_BYTE_TIMEOUT)
    metrics.attempt("auth", Side.LEGACY, Cohort.SPLIT, Outcome.OK, 0.02)
    metrics.request("auth", Side.LEGACY, 200, 0.03)

    found = samples(text())
    auth, new, legacy = ("feature", "auth"), ("side", "new"), ("side", "legacy")
    split = ("cohort", "split")
    assert found["gateway_decisions_total", auth, ("reason", "split"), new] == 1
    assert found["gateway_attempts_total", split, auth, ("outcome", "timeout"), new] == 1
    assert found["gateway_attempts_total", split, auth, ("outcome", "ok"), legacy] == 1
    assert found["gateway_requests_total", auth, legacy, ("status", "200")] == 1
    assert found["gateway_upstream_errors_total", ("kind", "first_byte_timeout"), ("upstream", "new")] == 1
    assert found["gateway_attempt_duration_seconds_count", split, auth, legacy] == 1
    assert ("gateway_attempt_duration_seconds_count", split, auth, new) not in found
    assert ("gateway_requests_total", auth, new, ("status", "200")) not in found


def test_upgrades_and_streams_count_but_have_no_duration(metrics_and_text):
    metrics, text = metrics_and_text
    metrics.request("auth", Side.NEW, 101, None)
    found = samples(text())
    assert found["gateway_requests_total", ("feature", "auth"), ("side", "new"), ("status", "101")] == 1
    assert not any(name == "gateway_request_duration_seconds_count" for name, *_ in found)


def test_every_duration_falls_into_the_bucket_that_observe_would_choose(metrics_and_text):
    metrics, text = metrics_and_text
    near = [bound * factor for bound in catalogue.BUCKETS for factor in (0.999, 1.0, 1.001)]
    durations = [0.0, *near, 1e9]
    for seconds in durations:
        metrics.request("auth", Side.NEW, 200, seconds)
    found = samples(text())
    labels = (("feature", "auth"),)
    for bound in (*catalogue.BUCKETS, math.inf):
        le = "+Inf" if bound == math.inf else repr(bound)
        expected = sum(seconds <= bound for seconds in durations)
        assert found["gateway_request_duration_seconds_bucket", *labels, ("le", le), ("side", "new")] == expected
    total = found["gateway_request_duration_seconds_sum", *labels, ("side", "new")]
    assert total == pytest.approx(sum(durations))


def test_a_status_that_is_none_makes_one_series_and_no_more(metrics_and_text):
    metrics, text = metrics_and_text
    for status in (0, 99, 600, 777, 999):
        metrics.request("auth", Side.NEW, status, None)
    found = samples(text())
    assert found["gateway_requests_total", ("feature", "auth"), ("side", "new"), ("status", "other")] == 5


def test_requests_in_flight_rise_and_fall():
    metrics = RequestMetrics()
    metrics.enter("auth", Side.NEW)
    metrics.enter("auth", Side.NEW)
    metrics.enter("auth", Side.LEGACY)
    metrics.leave("auth", Side.NEW)
    assert metrics.in_flight == {("auth", Side.NEW): 1, ("auth", Side.LEGACY): 1}


# -- buckets


def in_buckets(durations):
    counts = [0.0] * (len(catalogue.BUCKETS) + 1)
    for seconds in durations:
        counts[sum(seconds > bound for bound in catalogue.BUCKETS)] += 1
    return counts


def test_there_are_at_most_thirty_buckets():
    assert len(catalogue.BUCKETS) + 1 <= 30
    assert list(catalogue.BUCKETS) == sorted(set(catalogue.BUCKETS))


@pytest.mark.parametrize("spread", [0.3, 0.45, 0.6])
@pytest.mark.parametrize("median", [0.02, 0.1, 0.5])
def test_a_new_side_that_is_ten_percent_slower_shows_as_such(median, spread):
    chance = random.Random(7)
    legacy = [chance.lognormvariate(math.log(median), spread) for _ in range(20_000)]
    new = [chance.lognormvariate(math.log(median * 1.1), spread) for _ in range(20_000)]
    ratio = quantile(0.95, in_buckets(new)) / quantile(0.95, in_buckets(legacy))
    assert 1.05 <= ratio <= 1.15


@pytest.mark.parametrize("spread", [0.3, 0.5, 0.8])
def test_wherever_the_p95_lies_between_10_ms_and_2_s_a_tenth_shows(spread):
    """Without chance: the exact shares of a lognormal, its p95 swept through every bucket of the dense part."""

    def p95(median):
        normal = NormalDist(math.log(median), spread)
        shares = [normal.cdf(math.log(bound)) for bound in catalogue.BUCKETS]
        return quantile(0.95, [b - a for a, b in zip([0.0, *shares], [*shares, 1.0], strict=True)])

    p95_seconds = 0.012
    while p95_seconds * 1.1 < 1.9:
        median = p95_seconds / math.exp(1.645 * spread)
        assert 1.045 <= p95(median * 1.1) / p95(median) <= 1.155, p95_seconds
        p95_seconds *= 1.01
