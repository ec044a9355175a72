"""What a run tells: figures by step and side, its verdict and its exit status."""

import json
from collections import Counter
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from traffic.failures import Failure
from traffic.flags import Flag
from traffic.mover import Moved
from traffic.report import Outcome, failures_by_reason, percentile, rows
from traffic.screen import Screen, print_outcome
from traffic.tally import MAX_FAILURES, Tally, Window, share


def tally(**fields):
    found = Tally(begun=3, done=2, **fields)
    for milliseconds in range(1, 101):
        found.answered("upload", feature="upload", side="legacy", seconds=milliseconds / 1000)
    found.answered("upload", feature="upload", side="new", seconds=0.5)
    found.answered("me", feature="", side="", seconds=0.25)
    return found


def failure(number=0, reason="status 500 instead of 201"):
    return Failure("whole", number, "upload", reason, 500, "new", f"traffic-t-{number}", "[bold]oh")


def outcome(found, **more):
    return Outcome(found, {"rate": 2}, 1.0, 0.1, **more)


def test_each_step_has_count_failures_share_and_times_by_side():
    found = tally()
    found.fail(failure())
    upload, me = rows(found)
    assert upload == ["upload", "101", "1", "1 %", "   50    95    99", "  500   500   500"]
    assert me == ["me", "1", "", "", "  250   250   250", ""]


def test_the_same_in_json():
    found = tally()
    found.fail(failure())
    told = json.loads(json.dumps(outcome(found).json()))
    assert told["steps"]["upload"]["failed"] == {"status 500 instead of 201": 1}
    assert told["steps"]["upload"]["sides"]["legacy"] == {"count": 100, "p50_ms": 50.0, "p95_ms": 95.0, "p99_ms": 99.0}
    assert told["features"]["upload"] == {"legacy": 100, "new": 1, "new_percent": 0.99}
    assert told["failures"][0]["request_id"] == "traffic-t-0"
    assert told["options"] == {"rate": 2}


@given(st.lists(st.floats(0, 100), min_size=1, max_size=300), st.integers(1, 100))
def test_a_percentile_is_the_least_that_so_many_do_not_exceed(values, percent):
    found = percentile(values, percent)
    assert sum(value <= found for value in values) >= len(values) * percent / 100
    assert sum(value < found for value in values) < len(values) * percent / 100


def test_of_nothing_there_is_no_percentile_and_no_share():
    assert percentile([], 50) is None
    assert share(Counter()) is None


def test_failures_are_told_by_step_and_reason_the_most_frequent_first():
    found = tally()
    for number in range(3):
        found.fail(failure(number))
    found.fail(failure(9, "cut"))
    assert failures_by_reason(found) == [(3, "upload", "status 500 instead of 201"), (1, "upload", "cut")]


def test_failures_are_all_counted_and_the_first_are_kept():
    found = tally()
    for number in range(MAX_FAILURES + 5):
        found.fail(failure(number))
    assert (found.failed, len(found.failures)) == (MAX_FAILURES + 5, MAX_FAILURES)


@pytest.mark.parametrize(
    ("fields", "more", "status"),
    [
        ({}, {}, 0),
        ({"failed": 1}, {}, 1),
        ({"failed": 1, "not_begun": 1}, {"signal": 2}, 1),
        ({}, {"put_back": False}, 1),
        ({"not_begun": 1}, {}, 3),
        ({}, {"signal": 2}, 130),
        ({"not_begun": 1}, {"signal": 15}, 143),
    ],
)
def test_the_exit_status_says_what_was_shown(fields, more, status):
    assert outcome(Tally(begun=3, done=3, **fields), **more).status == status


def test_a_run_that_finished_nothing_has_shown_nothing():
    assert outcome(Tally()).status == 1


def test_what_was_not_begun_is_said_loudly():
    assert "5 NOT BEGUN" in outcome(tally(not_begun=5)).verdict


def printed(found):
    out = Console(width=160, file=StringIO())
    print_outcome(out, found)
    return out.file.getvalue()


def test_the_report_has_failures_with_their_requests_and_bodies_as_they_are():
    found = tally()
    found.fail(failure(4))
    text = printed(outcome(found))
    assert "1 x upload: status 500 instead of 201" in text
    assert "whole 4, upload: status 500 instead of 201 (500 by new, request traffic-t-4): [bold]oh" in text


def test_the_report_says_what_became_of_flags():
    moved = Moved(Flag("auth", "100", "file", 3, (), held=False, reversible=True), 3, changes=7)
    moved.notes.append("NOT PUT BACK: away; type: gateway flag unset auth")
    text = printed(outcome(tally(), moved=[moved], put_back=False))
    assert "flag auth: 7 changes" in text
    assert "gateway flag unset auth" in text
    assert "FLAGS NOT PUT BACK" in text


def test_the_live_line_has_journeys_requests_and_the_share_of_each_feature():
    found = tally()
    screen = Screen(Console(), found, None)
    assert "begun 3  done 2  failed 0  in flight 1" in screen.line(0)
    found.not_begun = 2
    assert "NOT BEGUN 2" in screen.line(0)


def test_the_window_tells_of_the_last_seconds_alone():
    found, window = Tally(), Window(seconds=2)
    found.answered("me", feature="auth", side="legacy", seconds=0.1)
    for now in range(5):
        window.look(found, now)
        found.answered("me", feature="auth", side="new", seconds=0.1)
        found.answered("me", feature="auth", side="new", seconds=0.1)
    window.look(found, 5)
    assert window.rate() == 2
    assert window.shares() == {"auth": 100.0}
    window.look(found, 6)
    window.look(found, 7)
    assert window.shares() == {"auth": None}


def test_the_window_of_a_run_that_begins_is_empty():
    assert (Window().rate(), Window().shares()) == (0.0, {})
