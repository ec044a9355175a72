"""What reports say, in words and without secrets; and the documents for programs."""

import json
import xml.etree.ElementTree as ET

import pytest

from gateway.compare.words import describe, show
from gateway.rules.compare import ABSENT, Difference, Kind, compare
from gateway.rules.replies import Reply
from gateway.verify.documents import as_json, as_junit
from gateway.verify.expect import unmet
from gateway.verify.schema import Expect
from gateway.verify.verdict import FeatureResult, Finding, Mode, ModeResult, StepResult, Verdict


@pytest.mark.parametrize(
    ("legacy", "new", "told"),
    [
        ({"size": 123}, {"size": "123"}, '$.size: integer 123 in legacy, text "123" in new'),
        ({"a": None}, {"a": 1.5}, "$.a: null in legacy, number 1.5 in new"),
        ({"a": "x"}, {"a": "y"}, '$.a: "x" in legacy, "y" in new'),
        ({"a": "x"}, {}, '$.a is missing in new; legacy has "x"'),
        ({}, {"a": [1]}, "$.a is in new alone: [1]"),
        ({"created_at": 1}, {"createdAt": 1}, "$.created_at is missing in new; new has $.createdAt"),
        ({"x": [{"user-id": 1}]}, {"x": [{"userID": 1}]}, "$.x[0].user-id is missing in new; new has $.x[0].userID"),
        ({"token": "s3cret"}, {"token": "s3cre"}, "$.token: *** (6 characters) in legacy, *** (5 characters) in new"),
        ({"a": {"password": "s3cret"}}, {}, '$.a is missing in new; legacy has {"password": ***}'),
        ({"a": "eyJh.eyJz.s3cret"}, {"a": ""}, '$.a: "***" in legacy, "" in new'),
        ({"a": "\x1b[2J"}, {"a": "b"}, '$.a: "\\\\x1b[2J" in legacy, "b" in new'),
    ],
)  # fmt: skip
def test_differences_in_words(legacy, new, told):
    lines = describe(compare(legacy, new))
    assert lines == [told]
    assert "s3cret" not in lines[0]


def test_statuses_and_headers_in_words():
    assert describe([Difference(Kind.VALUE, "status", 404, 400)]) == ["status 400 instead of 404"]
    (line,) = describe([Difference(Kind.MISSING, "header:location", "/x", ABSENT)])
    assert line == 'header location is missing in new; legacy has "/x"'
    (line,) = describe([Difference(Kind.SHAPE, "$.id", "a", "b", "a UUID")])
    assert line == '$.id: "a" in legacy, "b" in new; both must be a UUID'
    (line,) = describe([Difference(Kind.VALUE, "header:set-cookie", "a=s3cret", "a=other")])
    assert "s3cret" not in line


def test_long_values_are_cut():
    assert show("x" * 1000) == '"' + "x" * 199 + "... (1002 characters)"


REPLY = Reply(200, [("etag", '"a"')], json.dumps({"id": 5, "list": [1, 2], "name": "Ann"}).encode())


@pytest.mark.parametrize(
    ("expect", "told"),
    [
        ({"status": 404}, ["status 200 instead of 404"]),
        ({"status": [200, 206]}, []),
        ({"headers": {"ETag": '"a"'}}, []),
        ({"headers": {"etag": {"exists": False}}}, ['header etag is there: "\\"a\\""']),
        ({"headers": {"location": "/x"}}, ["header location is missing"]),
        ({"json": {"$.id": 5, "$.name": "{who}", "$.list": [1, 2], "$.list[*]": {"type": "integer"}}}, []),
        ({"json": {"$.id": "5"}}, ['$.id is integer 5 instead of text "5"']),
        ({"json": {"$.id": 6}}, ["$.id is 5 instead of 6"]),
        ({"json": {"$.nothing": None}}, ["$.nothing is missing"]),
        ({"json": {"$.nothing": {"exists": False}}}, []),
        ({"json": {"$.id": {"type": "uuid"}}}, ["$.id is integer 5 instead of a UUID"]),
        ({"json": {"$.name": {"matches": "^B"}}}, ['$.name is "Ann", which does not match /^B/']),
        ({"json": {"$.name": {"contains": "{who}n"}}}, ['$.name is "Ann", without "{who}n"']),
        ({"json": {"$.list": {"length": 3}}}, ["$.list has 2 instead of 3 of them"]),
        ({"json": {"$.id": {"length": 1}}}, ["$.id is integer instead of 1 of them"]),
        ({"text": {"contains": "Ann"}}, []),
    ],
)
def test_expectations_that_are_not_met_are_told(expect, told):
    assert unmet(Expect.model_validate(expect, by_alias=True), REPLY, {"who": "Ann"}) == told


def test_what_is_no_json_is_told():
    expect = Expect.model_validate({"json": {"$.a": 1}}, by_alias=True)
    assert unmet(expect, Reply(200, [], b"<html>"), {}) == ['the body is no JSON: "<html>"']
    assert unmet(expect, Reply(200, [], b""), {}) == ["the body is empty, not JSON"]


def result(*modes, **more):
    return FeatureResult("shop", "shop.yaml", tuple(modes), None, 10, 5, 1.5, **more)


def step(name, verdict=Verdict.ALIKE, *words, differences=(), skipped=None):
    return StepResult(name, verdict, Finding(words, differences, skipped), 1, 1, 200, 0.25, 0.2)


def test_the_documents_hold_what_was_found():
    difference = Difference(Kind.VALUE, "$.a", "x", "y\x00\ud800")
    bad = step("two & <three>", Verdict.DIFFERENT, "not \x1b alike", differences=(difference,))
    results = [
        result(ModeResult(Mode.DIRECT, (step("one"), bad, step("four", Verdict.SKIPPED, skipped="no token")), plays=1)),
        result(ModeResult(Mode.ON, unplayed="it was red"), ModeResult(Mode.OFF, (), ("all wrong",), plays=1)),
    ]
    told = json.loads(json.dumps(as_json(results)))
    assert told["alike"] is False
    assert told["features"][0]["modes"][0]["steps"][1]["differences"][0]["path"] == "$.a"
    assert told["features"][1]["modes"][0]["alike"] is None
    root = ET.fromstring(as_junit(results))
    first, second = root.findall("testsuite")
    assert (first.attrib["tests"], first.attrib["failures"], first.attrib["skipped"]) == ("3", "1", "1")
    assert first.findall("testcase")[1].attrib["name"] == "two & <three>"
    assert (second.attrib["tests"], second.attrib["failures"], second.attrib["skipped"]) == ("2", "1", "1")
