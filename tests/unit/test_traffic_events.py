"""Server-sent events in any pieces, and what a job's events must be."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traffic.events import MAX_LINE_CHARACTERS, Event, EventReader, EventsError, JobEvents

STREAM = (
    "\ufeffretry: 1000\n\n"
    'id: 1\nevent: progress\ndata: {"status":"queued"}\n\n'
    ": keep-alive\n\n"
    "id: 2\r\nevent: progress\r\ndata: zwölf\r\ndata:and a half\r\n\r\n"
    "data\r\rid: 4\n\nevent: end\ndata: {}\n\nid: 9\ndata: never finished\n"
).encode()
EVENTS = [
    Event("progress", '{"status":"queued"}', "1"),
    Event("progress", "zwölf\nand a half", "2"),
    Event("message", ""),
    Event("end", "{}"),
]


def test_events_are_read_as_the_standard_says():
    reader = EventReader()
    assert reader.feed(STREAM) == EVENTS
    assert reader.retry_ms == 1000


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_events_do_not_depend_on_how_the_stream_is_split(cuts):
    reader, found = EventReader(), []
    places = [0, *sorted(cuts), len(STREAM)]
    for start, end in itertools.pairwise(places):
        found += reader.feed(STREAM[start:end])
    assert found == EVENTS


@given(st.lists(st.tuples(st.sampled_from(["a", "é", "𝄞"]), st.integers(1, 9)), max_size=6), st.integers(1, 7))
def test_what_is_written_is_read(contents, size):
    texts = [letter * number for letter, number in contents]
    stream = "".join(f"id: {at}\ndata: {text}\n\n" for at, text in enumerate(texts)).encode()
    reader, found = EventReader(), []
    for at in range(0, len(stream), size):
        found += reader.feed(stream[at : at + size])
    assert [(event.data, event.id) for event in found] == [(text, str(at)) for at, text in enumerate(texts)]


@pytest.mark.parametrize("retry", ["soon", "-1", "1.5", "²"])
def test_a_retry_that_is_no_number_is_ignored(retry):
    reader = EventReader()
    reader.feed(f"retry: {retry}\n\n".encode())
    assert reader.retry_ms is None


def test_a_line_that_never_ends_is_refused():
    reader = EventReader()
    reader.feed(b"x" * MAX_LINE_CHARACTERS)
    with pytest.raises(ValueError, match="does not end"):
        reader.feed(b"x")


def event(seq, status="running", progress=0, attempt=1):
    return Event("progress", json.dumps({"status": status, "progress": progress, "attempt": attempt}), str(seq))


def end(status):
    return Event("end", json.dumps({"status": status}))


def read(*events):
    job = JobEvents()
    for each in events:
        job.take(each)
    return job


def test_a_job_is_followed_to_its_end():
    job = read(event(1, "queued"), event(2), event(3, progress=50), event(4, "succeeded", 100), end("succeeded"))
    assert (job.last, job.ended) == (4, "succeeded")


def test_a_job_that_is_queued_again_begins_anew():
    read(event(1, "queued"), event(2, progress=50), event(3, "queued"), event(4), event(5, progress=20))


def test_a_second_attempt_begins_anew():
    job = read(event(1, "queued"), event(2, "cancelled", 40), end("cancelled"))
    for each in (event(3, "queued", 0, 2), event(4, "running", 20, 2), event(5, "succeeded", 100, 2), end("succeeded")):
        job.take(each)
    assert job.ended == "succeeded"


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ((event(1), event(3)), "a hole"),
        ((event(2),), "a hole"),
        ((event(1), event(2), event(2)), "came twice"),
        ((event(1), event(2), event(1)), "came twice"),
        ((event(""),), "no number"),
        ((event(1, progress=50), event(2, progress=40)), "progress goes back"),
        ((event(1, attempt=2), event(2, "queued", attempt=1)), "attempt goes back"),
        ((event(1, "succeeded", 100), end("failed")), "another status"),
        ((event(1), end("running")), "no final status"),
        ((event(1), end("deleted")), "is gone"),
        ((event(1), Event("end", "[]")), "no JSON object"),
        ((Event("progress", "{", "1"),), "no JSON object"),
        ((Event("progress", "{}", "1"),), "lacks"),
    ],
)
def test_what_is_wrong_with_events_is_found(events, words):
    with pytest.raises(EventsError, match=words):
        read(*events)
