"""The keys in counter files are prometheus_client's to the byte, one by one and a histogram's all at once."""

import errno
import os

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, values
from prometheus_client.mmap_dict import mmap_key

from gateway.model import Side
from gateway.telemetry import catalogue
from gateway.telemetry.counterfile import FileValues, entries
from gateway.telemetry.counterkeys import VALUE_BYTES, Series, entry_of, histogram, key_of
from gateway.telemetry.metrics import RequestMetrics, _FastHistogram
from gateway.telemetry.scrape import CounterFiles

DURATION = catalogue.REQUEST_DURATION.name
texts = st.text(max_size=12) | st.sampled_from(["auth", "50%", "%s", "%(x)s", 'a"b', "\\", "\0", "ü", "le"])
labels = st.dictionaries(texts.filter(lambda name: name != "le"), texts, max_size=4)
BOUNDS = ("0.005", "0.25", "1.0", "+Inf")


def series_of(given_labels, metric="m", help_text="help"):
    return Series(metric, help_text, tuple(given_labels), tuple(given_labels.values()))


@given(labels, texts, texts, texts)
def test_a_key_is_the_one_that_prometheus_client_makes(given_labels, metric, name, help_text):
    expected = mmap_key(metric, name, list(given_labels), list(given_labels.values()), help_text)
    assert key_of(series_of(given_labels, metric, help_text), name) == expected


@given(labels, texts, texts)
def test_a_histogram_s_entries_are_those_that_would_be_made_one_by_one(given_labels, metric, help_text):
    names, said = list(given_labels), list(given_labels.values())
    keys = [mmap_key(metric, f"{metric}_sum", names, said, help_text)]
    keys += [mmap_key(metric, f"{metric}_bucket", [*names, "le"], [*said, bound], help_text) for bound in BOUNDS]
    data, positions = histogram(series_of(given_labels, metric, help_text), BOUNDS)
    assert data == b"".join(entry_of(key.encode()) for key in keys)
    assert list(entries(data, 0, len(data))) == list(zip(keys, positions, strict=True))
    assert all(data[position:][:VALUE_BYTES] == bytes(VALUE_BYTES) for position in positions)


def written(directory):
    data = (directory / "histogram_w0.db").read_bytes()
    return [key for key, _ in entries(data, 8, int.from_bytes(data[:4], "little"))]


def samples(metric):
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for sample in metric.collect()[0].samples
        if not sample.name.endswith("_created")
    }


def test_our_histograms_are_written_as_prometheus_client_s_are(tmp_path, monkeypatch):
    """One by one by its own class, and in one piece by ours."""
    counted, keys = {}, {}
    for way in (Histogram, _FastHistogram):
        directory = tmp_path / way.__name__
        directory.mkdir()
        monkeypatch.setattr(values, "ValueClass", FileValues(directory, "w0"))
        registry, buckets = CollectorRegistry(), catalogue.BUCKETS
        metric = way("seconds", "50% help", ("side", "feature"), registry=registry, buckets=buckets)
        for number, feature in enumerate(["first", "50%", "ü", "longer than the first"]):
            for side in ("legacy", "new"):
                metric.labels(side, feature).observe(number / 2)
                metric.labels(side, feature).observe(0.1)
        counted[way], keys[way] = samples(metric), written(directory)
    assert counted[_FastHistogram] == counted[Histogram]
    assert keys[_FastHistogram] == keys[Histogram]


def test_a_worker_s_successor_goes_on_with_a_histogram_that_is_there_and_one_that_is_half_there(tmp_path, monkeypatch):
    monkeypatch.setattr(values, "ValueClass", FileValues(tmp_path, "w0"))
    RequestMetrics().request("a", Side.NEW, 200, 0.5)
    labels = ["feature", "side"], ["b", "new"]
    help_text = catalogue.REQUEST_DURATION.help
    values.ValueClass("histogram", DURATION, f"{DURATION}_sum", *labels, help_text).inc(1.5)

    monkeypatch.setattr(values, "ValueClass", FileValues(tmp_path, "w0"))
    after = RequestMetrics()
    for feature in "abc":
        after.request(feature, Side.NEW, 200, 0.5)
    histograms = CounterFiles(tmp_path).totals().histograms[DURATION]
    assert {labels[0]: (sum(total.buckets), total.sum) for labels, total in histograms.items()} == {
        "a": (2.0, 1.0),
        "b": (1.0, 2.0),
        "c": (1.0, 0.5),
    }
    assert len(written(tmp_path)) == len(set(written(tmp_path))) == 3 * (len(catalogue.BUCKETS) + 2)


def test_while_the_disk_is_full_a_new_histogram_counts_where_nobody_sees_it(tmp_path, monkeypatch):
    monkeypatch.setattr(values, "ValueClass", FileValues(tmp_path, "w0"))
    metrics = RequestMetrics()
    metrics.request("seen", Side.NEW, 200, 0.5)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    monkeypatch.setattr(os, "ftruncate", full)
    for number in range(200):  # more than the file has room for
        metrics.request(f"feature {number}", Side.NEW, 200, 0.5)
    metrics.request("seen", Side.NEW, 200, 0.5)
    found = {labels[0]: total for labels, total in CounterFiles(tmp_path).totals().histograms[DURATION].items()}
    assert found["seen"].sum == 1.0
    assert "feature 199" not in found
