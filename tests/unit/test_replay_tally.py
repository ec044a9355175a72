"""What a replay has found: counted once, told as shadows are told, the same after a rest in a file, without secrets."""

import json

import pytest

from gateway.model import ShadowOutcome, Side
from gateway.replay.leads import bare_plan
from gateway.replay.tally import MAX_REQUESTS_EACH, Tally
from gateway.rules.compare import Difference, Kind
from gateway.rules.compared import Asked, Compared
from gateway.rules.replies import Reply, ReplyRules

PLAN = bare_plan(ReplyRules(), "/a")


def compared(*differences, target="/a?b=1", when=1000.0, outcome=ShadowOutcome.MISMATCH):
    return Compared(
        feature="auth",
        route="/a",
        outcome=outcome,
        answered=Side.LEGACY,
        request_id="1",
        when=when,
        asked=Asked("GET", target, (("authorization", "Bearer s3cr3t-of-ann"),), b""),
        legacy=Reply(200, [("content-type", "application/json")], b'{"size": 3}'),
        new=Reply(200, [("content-type", "application/json")], b'{"size": "3"}'),
        differences=differences,
        legacy_seconds=0.1,
        new_seconds=0.2,
    )


def size(index=0, new="3"):
    return Difference(Kind.TYPE, f"$.items[{index}].size", 3, new)


def add(tally, one, place="line 1"):
    tally.count(one.feature, one.outcome, when=one.when)
    tally.add(one, PLAN, place=place)


def test_the_same_difference_of_many_requests_is_one_with_the_first_places():
    tally = Tally()
    for number in range(9):
        add(tally, compared(size(number), size(number + 1), when=1000.0 + number), f"line {number}")
    tally.count("auth", ShadowOutcome.MATCH, when=2000.0)
    (report,) = tally.reports()
    (difference,) = report["differences"]
    assert (report["matches"], report["mismatches"], report["compared"]) == (1, 9, 10)
    assert report["source"] == "replay"
    assert (report["since"], report["last"]) == (1000.0, 2000.0)
    assert (difference["count"], difference["first"], difference["last"]) == (9, 1000.0, 1008.0)
    assert (difference["place"], difference["outcomes"]) == ("$.items[*].size", {"mismatch": 9})
    assert difference["requests"] == [f"line {number}: GET /a?b=1" for number in range(MAX_REQUESTS_EACH)]
    assert (difference["example"]["legacy"], difference["example"]["new"]) == ("3", '"3"')


def test_what_was_written_down_is_the_same_tally_and_counts_on():
    tally = Tally()
    add(tally, compared(size()))
    tally.count("auth", ShadowOutcome.FAILED, when=1.0, failure="line 2: new gave no reply")
    again = Tally.from_json(json.loads(json.dumps(tally.as_json())))
    assert again.reports() == tally.reports()
    assert again.failures() == ["auth: line 2: new gave no reply"]
    for each in (tally, again):
        add(each, compared(size(), target="/a?c"), "line 7")
    assert again.reports() == tally.reports()
    assert (again.mismatches, again.failed, again.compared) == (2, 1, 2)


def test_no_secret_of_a_request_or_reply_is_kept():
    tally = Tally()
    add(tally, compared(size(new="it was s3cr3t-of-ann"), target="/a?token=s3cr3t-of-ann"))
    told = json.dumps([tally.as_json(), tally.reports()])
    assert "s3cr3t" not in told
    assert "GET /a?token=***" in told


def test_more_differences_than_there_is_room_for_are_counted():
    tally = Tally()
    for number in range(230):
        add(
            tally,
            compared(Difference(Kind.VALUE, f"header:x-{'abcdefghij'[number % 10]}{'k' * (number // 10)}", "1", "2")),
        )
    (report,) = tally.reports()
    assert (len(report["differences"]), report["left_out"]["differences"]) == (200, 30)


@pytest.mark.parametrize("content", [{"auth": {}}, {"auth": None}, {"auth": {"counts": 3}}])
def test_what_is_no_tally_is_refused(content):
    with pytest.raises((KeyError, TypeError, ValueError)):
        Tally.from_json(content)
