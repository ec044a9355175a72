"""The merged counters of all workers: equal to prometheus_client's own collector, and unmoved by damage."""

import threading

import pytest
from prometheus_client import CollectorRegistry, generate_latest, values
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from gateway.errors import UpstreamErrorKind
from gateway.model import Cohort, Outcome, Reason, Side
from gateway.telemetry import catalogue
from gateway.telemetry.counterfile import FileValues
from gateway.telemetry.metrics import RequestMetrics
from gateway.telemetry.scrape import CounterFiles


@pytest.fixture
def worker(monkeypatch, tmp_path):
    def start(slot):
        monkeypatch.setattr(values, "ValueClass", FileValues(tmp_path, slot))
        return RequestMetrics()

    return start


def serve(metrics, feature="auth", count=1):
    for number in range(count):
        metrics.decision(feature, Side.NEW, Reason.SPLIT)
        metrics.attempt(feature, Side.NEW, Cohort.SPLIT, Outcome.OK, 0.011 * number)
        metrics.request(feature, Side.NEW, 200, 0.012 * number)


def families(text):
    """Everything a scraper sees, in no particular order."""
    return {
        (family.name, family.type, family.documentation): {
            (sample.name, *sorted(sample.labels.items())): pytest.approx(sample.value) for sample in family.samples
        }
        for family in text_string_to_metric_families(text.decode())
        if family.samples
    }


def stock(directory):
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(directory))
    return generate_latest(registry)


def requests(files):
    return sum(files.totals().counters["gateway_requests_total"].values())


def test_the_text_equals_that_of_prometheus_client_s_own_collector(worker, tmp_path):
    files = CounterFiles(tmp_path)
    first, second = worker("w0"), worker("w1")
    for metrics in (first, second):
        serve(metrics, count=50)
        metrics.upstream_error('n"e\\w', UpstreamErrorKind.CLOSED)
    serve(second, "upload", count=3)
    assert families(files.text()[0]) == families(stock(tmp_path))
    serve(first, "later", count=7)
    serve(first, count=5)
    assert families(files.text()[0]) == families(stock(tmp_path))


def test_what_workers_add_up_to_is_read_as_numbers_too(worker, tmp_path):
    for slot in ("w0", "w1"):
        serve(worker(slot), count=10)
    totals = CounterFiles(tmp_path).totals()
    assert totals.counters["gateway_attempts_total"]["auth", "new", "split", "ok"] == 20
    durations = totals.histograms["gateway_attempt_duration_seconds"]["auth", "new", "split"]
    assert len(durations.buckets) == len(catalogue.BUCKETS) + 1
    assert sum(durations.buckets) == 20
    assert durations.sum == pytest.approx(2 * 0.011 * sum(range(10)))


def test_without_any_file_every_family_is_announced_and_empty(tmp_path):
    text, damaged = CounterFiles(tmp_path).text()
    assert damaged == ()
    for definition in catalogue.WORKER_METRICS:
        assert f"# TYPE {definition.name} {definition.kind}\n".encode() in text


def test_a_reborn_worker_leaves_no_dip_and_no_second_file(worker, tmp_path):
    files = CounterFiles(tmp_path)
    serve(worker("w0"), count=5)
    assert requests(files) == 5
    reborn = worker("w0")
    assert requests(files) == 5
    serve(reborn, count=2)
    assert requests(files) == 7
    assert len(list(tmp_path.glob("counter_*.db"))) == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda data: data[:100],
        lambda data: b"\xff" * len(data),
        lambda data: data[:8] + b"\xff\xff\xff\x7f" + data[12:],
        lambda data: data[:12] + b"not json" + data[20:],
        lambda data: data[:12] + b"\xff\xfe" + data[14:],
    ],
    ids=["emptied", "cut", "garbage", "impossible length", "not a key", "not text"],
)
def test_a_damaged_file_is_left_out_told_once_and_not_fatal(worker, tmp_path, damage):
    serve(worker("w0"), count=3)
    serve(worker("w1"), count=4)
    path = tmp_path / "counter_w1.db"
    path.write_bytes(damage(path.read_bytes()))
    files = CounterFiles(tmp_path)
    with capture_logs() as logged:
        assert files.text()[1] == ("counter_w1.db",)
        assert requests(files) == 3
    assert [entry["file"] for entry in logged] == ["counter_w1.db"]


def test_a_file_that_becomes_damaged_stays_in_with_its_last_good_values(worker, tmp_path):
    serve(worker("w0"), count=3)
    serve(worker("w1"), count=4)
    files = CounterFiles(tmp_path)
    assert requests(files) == 7
    path = tmp_path / "counter_w1.db"
    path.write_bytes(path.read_bytes()[:64])
    assert requests(files) == 7
    assert files.text()[1] == ("counter_w1.db",)


def test_values_that_are_no_numbers_are_damage(worker, tmp_path):
    serve(worker("w0"), count=3)
    files = CounterFiles(tmp_path)
    assert requests(files) == 3
    values.ValueClass("counter", "gateway_upstream_errors", "x", ("upstream", "kind"), ("a", "b"), "").inc(float("nan"))
    assert requests(files) == 3
    assert files.text()[1] == ("counter_w0.db",)


def test_a_foreign_file_is_reported_and_the_rest_is_read(worker, tmp_path):
    serve(worker("w0"), count=3)
    foreign = FileValues(tmp_path, "theirs")
    foreign("counter", "their_thing", "their_thing_total", ("a",), ("b",), "help").inc(1.0)
    files = CounterFiles(tmp_path)
    assert files.text()[1] == ("counter_theirs.db",)
    assert requests(files) == 3


def test_a_histogram_that_is_just_being_made_is_not_shown_by_half(worker, tmp_path):
    worker("w0")
    name = "gateway_request_duration_seconds"
    for sample, extra in ((f"{name}_sum", ()), (f"{name}_bucket", ("0.0025",)), (f"{name}_bucket", ("0.005",))):
        labelnames = ("feature", "side", "le") if extra else ("feature", "side")
        values.ValueClass("histogram", name, sample, labelnames, ("auth", "new", *extra), "").inc(1.0)
    files = CounterFiles(tmp_path)
    assert b"_bucket" not in files.text()[0]
    values.ValueClass("histogram", name, f"{name}_bucket", ("feature", "side", "le"), ("auth", "new", "+Inf"), "")
    assert files.text()[0].count(b"_bucket") == 3


def test_scrapes_while_a_worker_counts_never_go_back(worker, tmp_path):
    metrics = worker("w0")
    files = CounterFiles(tmp_path)
    stop = threading.Event()

    def work():
        number = 0
        while not stop.is_set():
            serve(metrics, f"feature-{number % 300}")
            number += 1

    thread = threading.Thread(target=work)
    thread.start()
    try:
        seen = [requests(files)]
        while seen[-1] < 2_000:
            seen.append(requests(files))
        damaged = files.text()[1]
    finally:
        stop.set()
        thread.join()
    assert seen == sorted(seen)
    assert damaged == ()
