"""The keys in counter files are prometheus_client's to the byte, one by one and a histogram's all at once."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, values
from prometheus_client.mmap_dict import mmap_key

from gateway.telemetry.counterfile import entries, file_values
from gateway.telemetry.counterkeys import VALUE_BYTES, Series, entry_of, histogram, key_of

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


def a_histogram(name="seconds", buckets=(0.25, 1.0)):
    return Histogram(name, "help", ("feature", "side"), registry=CollectorRegistry(), buckets=buckets)


def written(directory):
    data = (directory / "histogram_w0.db").read_bytes()
    return [key for key, _ in entries(data, 8, int.from_bytes(data[:4], "little"))]


def test_histograms_after_the_first_are_written_in_one_piece_and_count_the_same(tmp_path, monkeypatch):
    ways = {}
    for way in ("memory", "files"):
        monkeypatch.setattr(values, "ValueClass", values.MutexValue if way == "memory" else file_values(tmp_path, "w0"))
        one, other = a_histogram("gateway_request_duration_seconds"), a_histogram("other", buckets=(5.0,))
        for number, feature in enumerate(["first", "50%", "ü", "longer than the first"]):
            for side in ("legacy", "new"):
                one.labels(feature, side).observe(number / 2)
                one.labels(feature, side).observe(0.1)
                other.labels(feature, side).observe(7.0)
        ways[way] = [sample for metric in (one, other) for sample in metric.collect()[0].samples]
    counted = {way: [each for each in ways[way] if not each.name.endswith("_created")] for way in ways}
    assert counted["files"] == counted["memory"]
    assert len(written(tmp_path)) == len(set(written(tmp_path))) == 8 * 4 + 8 * 3


def test_a_worker_s_successor_goes_on_with_a_histogram_that_is_there_and_one_that_is_half_there(tmp_path, monkeypatch):
    monkeypatch.setattr(values, "ValueClass", file_values(tmp_path, "w0"))
    before = a_histogram()
    before.labels("a", "new").observe(0.5)
    before.labels("b", "new").observe(0.5)
    half = mmap_key("seconds", "seconds_sum", ["feature", "side"], ["c", "new"], "help")
    values.ValueClass("histogram", "seconds", "seconds_sum", ["feature", "side"], ["c", "new"], "help").inc(1.5)
    assert written(tmp_path).count(half) == 1

    monkeypatch.setattr(values, "ValueClass", file_values(tmp_path, "w0"))
    after = a_histogram()
    for feature in "abcd":
        after.labels(feature, "new").observe(0.5)
    found = {feature: after.labels(feature, "new")._sum.get() for feature in "abcd"}
    assert found == {"a": 1.0, "b": 1.0, "c": 2.0, "d": 0.5}
    assert len(written(tmp_path)) == len(set(written(tmp_path))) == 4 * 4
