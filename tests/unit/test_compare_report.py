"""What reports say of comparisons: in the terminal, as JSON and as JUnit; docs/compare.md is held to the shapes."""

import io
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import orjson
import pytest
from rich.console import Console

from gateway.compare.documents import Stored, differences_json, summary_json
from gateway.compare.keys import PARTS
from gateway.compare.sample_terminal import print_sample
from gateway.compare.sentences import as_json, as_junit, verdict_sentence
from gateway.compare.terminal import print_report
from gateway.compare.words import ago
from gateway.model import ShadowOutcome
from gateway.rules.hide import hidden
from tests.support.comparing import compared

NOW = 1_000_000.0
GUIDE = (Path(__file__).parents[2] / "docs" / "compare.md").read_text()


def totals(**counts):
    return {name.encode(): str(count).encode() for name, count in counts.items()}


def summary(**counts):
    return summary_json("auth", {**totals(**counts), b"since": b"999000", b"last": b"999999"}, {b"samples": b"4"})


def stored(fingerprint="0123456789ab", *, counts=None, example=None, place="body $.a"):
    raw = fingerprint.encode()
    fixed = {
        "route": "/api/*",
        "place": place,
        "change": "value",
        "example": example or {"path": "$.a", "legacy": '"x"', "new": '"y"', "expected": ""},
    }
    return Stored(
        pairs={b'["/api/*"]': b"20", b'["/api/*","body $.a"]': b"1 2 3"},
        differences={raw: orjson.dumps(fixed)},
        counts={
            f"{fingerprint} {name}".encode(): str(count).encode()
            for name, count in (counts or {"mismatch": 12}).items()
        },
        first={raw: NOW - 7200},
        last={raw: NOW - 3},
        samples={raw: b"aa bb"},
        kept=frozenset((b"bb",)),
    )


def report(**counts):
    return {**summary(**(counts or {"match": 88, "mismatch": 12})), "differences": differences_json("auth", stored())}


def nothing():
    return {**summary_json("auth", {}, {}), "differences": []}


def printed(print_, content, *, width=100, colour=False):
    out = io.StringIO()
    print_(
        Console(
            file=out, width=width, highlight=False, force_terminal=colour, color_system="standard" if colour else None
        ),
        content,
        NOW,
    )
    return out.getvalue()


def test_only_what_was_judged_counts_for_the_rate():
    told = summary(match=88, mismatch=12, noise=30, undecided=5, unconfirmed=2, failed=7, dropped_budget=9)
    assert (told["compared"], told["shadows"], told["rate"]["value"]) == (100, 153, 0.12)
    assert told["rate"]["low"] < 0.12 < told["rate"]["high"]
    assert told["dropped"] == {"budget": 9}
    assert told["left_out"] == {"differences": 0, "samples": 4, "places": 0}
    assert verdict_sentence({**told}).startswith("12 mismatches in 100 comparisons: 12.00 % (95 % sure")
    assert verdict_sentence(report(match=1, mismatch=1)).startswith("1 mismatch in 2 comparisons: 50.00 %")
    assert verdict_sentence(report(match=300)).startswith("no mismatches in 300 comparisons: 0.00 %")


def test_every_outcome_is_counted_somewhere():
    told = summary(**{outcome.value: 2 for outcome in ShadowOutcome})
    assert told["shadows"] == 2 * len(ShadowOutcome)
    numbers = [told[name] for name in ("matches", "mismatches", "noise", "undecided", "unconfirmed", "failed")]
    assert sum(numbers) + sum(told["dropped"].values()) == told["shadows"]


def test_a_difference_with_its_pairs_and_the_samples_that_are_left():
    (told,) = differences_json("auth", stored(counts={"mismatch": 10, "noise": 2, "is:uuid": 11, "furthest": "0.5"}))
    assert (told["count"], told["outcomes"]) == (12, {"mismatch": 10, "noise": 2})
    assert told["samples"] == ["bb"]
    assert told["noise"] == {"verdict": "undecided", "both": 1, "legacy_only": 2, "new_only": 3, "neither": 14}
    assert told["values"] == {"traits": {"uuid": 11}, "furthest": 0.5}


@pytest.mark.parametrize("number", ["9" * 16, "9" * 30, "9" * 5000])
def test_a_number_that_no_reader_of_json_can_hold_is_none(number):
    told = summary_json("auth", totals(match=number, mismatch=1, since=number, last="1e999"), {b"samples": b"9" * 40})
    told["differences"] = differences_json("auth", stored(counts={"mismatch": number, "is:uuid": number}))
    again = orjson.loads(orjson.dumps(told))
    assert (again["matches"], again["mismatches"], again["last"], again["left_out"]["samples"]) == (0, 1, None, 0)
    assert again["differences"][0]["count"] == 0


@pytest.mark.parametrize(
    "odd",
    [{"example": 1}, {"example": {}}, {"example": {"path": 1, "legacy": 2, "new": 3, "expected": 4}}]
    + [{name: [1]} for name in ("route", "place", "place_id", "change")],
)
def test_a_difference_that_somebody_wrote_by_hand_hides_no_other(odd):
    good = stored()
    fixed = orjson.loads(good.differences[b"0123456789ab"])
    good.differences[b"ffffffffffff"] = orjson.dumps({**fixed, **odd})
    assert [each["fingerprint"] for each in differences_json("auth", good)] == ["0123456789ab"]


def test_the_terminal_tells_all_of_it():
    told = printed(print_report, report(match=88, mismatch=12, noise=3, dropped_in_flight=4))
    for words in (
        "auth: 12 mismatches in 100 comparisons",
        "107 shadows: 88 matched, 12 did not, 3 noise",
        "dropped: 4 in flight",
        "from 16 min ago to 1 s ago",
        "2 h ago",
        "3 s ago",
        "/api/*",
        "$.a",
        '- "x"',
        '+ "y"',
        "of 20 pairs legacy differs from itself in 3, new in 4: undecided",
        "gateway compare show bb",
    ):
        assert words in told
    assert "\x1b[31m" in printed(print_report, report(), colour=True)


def test_a_difference_without_an_example_is_told_all_the_same():
    content = report()
    content["differences"][0]["example"] = None
    assert "$.a" in printed(print_report, content)
    assert ET.fromstring(as_junit([content], NOW)).find("testsuite").attrib["failures"] == "1"


def test_times_that_a_server_has_evicted_are_told_as_not_known():
    content = {**report(), "last": None}
    content["differences"][0] |= {"first": None, "last": None}
    failure = ET.fromstring(as_junit([content], NOW)).find("testsuite/testcase/failure").attrib["message"]
    assert "12 times, first -, last -" in failure
    assert "from 16 min ago to -" in printed(print_report, content)


def test_noise_stands_apart_from_mismatches():
    content = report(match=88, noise=12)
    content["differences"] = differences_json("auth", stored(counts={"noise": 12}))
    told = printed(print_report, content)
    assert told.index("no mismatches: noise, undecided or not seen again") < told.index("$.a")
    assert "no mismatches in 88 comparisons" in told


def test_nothing_compared_says_what_to_type():
    told = printed(print_report, nothing())
    assert "nothing was compared yet; `gateway flag shadow auth 10`" in told.replace("\n", " ")
    dropped = {**summary(dropped_budget=9), "differences": []}
    assert "nothing was compared yet, of 9 shadows" in printed(print_report, dropped)
    assert "dropped: 9 budget" in printed(print_report, dropped)


def test_a_replay_tells_of_requests():
    told = printed(print_report, {**report(match=88, mismatch=12), "source": "replay"})
    assert "100 requests: 88 matched, 12 did not" in told
    failed = {**summary(failed=1), "source": "replay", "differences": []}
    assert "nothing was compared yet, of 1 request:" in printed(print_report, failed)
    assert "1 failed (no reply to compare)" in printed(print_report, failed)


EVIL = '"\x1b]0;owned\x07\x1b[2J\u202eabc"'


def test_nothing_from_a_service_moves_a_cursor():
    content = report()
    example = {"path": "$.a\x1b[2J", "legacy": EVIL, "new": EVIL, "expected": ""}
    content["differences"] = differences_json("auth", stored(example=example, place="body $.a\x1b[2J"))
    sample = orjson.loads(orjson.dumps({"id": "aa", **hidden(compared({"a\x1b[2J": EVIL}, {"a\x1b[2J": "y"}))}))
    sample["legacy"]["headers"] = [["x", EVIL]]
    sample["asked"]["target"] = f"/{EVIL}"
    for told in (printed(print_report, content), printed(print_sample, sample)):
        assert not [character for character in told if character in "\x1b\x07\u202e"]
        assert "\\x1b" in told


def test_a_sample_shows_request_and_both_replies_with_what_differs_marked():
    sample = orjson.loads(
        orjson.dumps(
            {
                "id": "aa",
                **hidden(
                    compared(
                        {"name": "Ann", "sizes": [*range(40)], "at": "12:00"},
                        {"name": "Ann", "sizes": [*range(40)], "at": 12},
                        when=NOW - 60,
                    )
                ),
            }
        )
    )
    told = printed(print_sample, sample)
    for words in (
        "auth  /api/v1/things/*  mismatch",
        "1 min ago; the client was answered by legacy; request id req-1",
        "GET /api/v1/things/7?page=1",
        "accept: */*",
        "legacy, 12.0 ms",
        "new, 34.0 ms",
        '-   "at": "12:00"',
        '+   "at": 12',
        "lines that are alike",
    ):
        assert words in told
    assert "- " not in "".join(line for line in told.splitlines() if "Ann" in line)


def test_junit_has_a_failing_case_for_each_mismatch():
    other = {**report(), "feature": "upload"}
    other["differences"] = differences_json("upload", stored(counts={"noise": 1}))
    other["mismatches"], other["matches"] = 0, 100
    root = ET.fromstring(as_junit([report(), other, nothing()], NOW))
    first, second, third = root.findall("testsuite")
    assert [first.attrib[name] for name in ("tests", "failures", "skipped")] == ["1", "1", "0"]
    case = first.find("testcase")
    assert (case.attrib["classname"], case.attrib["name"]) == ("auth./api/*", "$.a (value)")
    assert '- "x"' in case.find("failure").text
    assert [second.attrib[name] for name in ("tests", "failures", "skipped")] == ["1", "0", "0"]
    assert [third.attrib[name] for name in ("tests", "failures", "skipped")] == ["1", "0", "1"]
    assert "gateway flag shadow" in third.find("testcase/skipped").attrib["message"]


def test_mismatches_whose_differences_found_no_room_fail_all_the_same():
    root = ET.fromstring(as_junit([{**report(), "differences": []}], NOW))
    assert root.find("testsuite").attrib["failures"] == "1"


def test_json_says_at_once_whether_there_are_mismatches():
    assert json.loads(json.dumps(as_json([report()])))["mismatches"] is True
    assert as_json([nothing()])["mismatches"] is False


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-5, "0 s ago"), (0.4, "0 s ago"), (59, "59 s ago"), (60, "1 min ago"), (7199, "1 h ago"), (200_000, "2 d ago")],
)
def test_ages(seconds, words):
    assert ago(seconds) == words


def documented(name):
    """The keys in the first column of a table of the guide."""
    (table,) = re.findall(rf"<!-- {name} -->\n\|.*\n\|.*\n((?:\|.*\n)+)", GUIDE)
    return {key for row in table.splitlines() for key in re.findall(r"`(\w+)`", row.split("|")[1])}


def test_the_guide_tells_every_key():
    content = report()
    assert documented("totals") == content.keys() - {"differences"}
    assert documented("difference") == content["differences"][0].keys()
    assert documented("sample") == {"id", *hidden(compared({"a": 1}, {"a": 2}))}
    for part in PARTS:
        assert f":{part}`" in GUIDE
