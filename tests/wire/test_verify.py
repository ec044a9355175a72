"""`gateway verify` over real sockets: two small services, compared directly."""

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

from bench.ports import free_port
from tests.support.shop import FAULTS, SCENARIO, both_sides


@pytest.fixture(scope="module")
def sides():
    with both_sides() as pair:
        yield pair


@pytest.fixture(autouse=True)
def _well(sides):
    yield
    for side in sides:
        side.well()


@pytest.fixture
def scenario(tmp_path):
    file = tmp_path / "shop.yaml"
    file.write_text(SCENARIO.format(user="cookie:gateway_id"))
    return file


@pytest.fixture
def verify(sides, scenario, tmp_path):
    """`gateway verify` of both sides, directly: (exit status, what it said, the report as JSON)."""

    def run(*options, legacy=None, new=None):
        report = tmp_path / "report.json"
        report.unlink(missing_ok=True)
        addresses = ["--legacy", legacy or sides[0].url, "--new", new or sides[1].url]
        command = ["-m", "gateway", "verify", "--no-gateway", "--scenarios", scenario, "--json", report, *addresses]
        ran = subprocess.run(
            [sys.executable, "-W", "error", *map(str, [*command, *options])],
            capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip
        assert "Traceback" not in ran.stderr, ran.stderr
        return ran.returncode, ran.stdout + ran.stderr, json.loads(report.read_text()) if report.exists() else None

    return run


def test_two_sides_that_are_alike_are_green_and_new_is_asked_more_than_two_hundred_times(verify):
    status, said, report = verify()
    assert (status, report["alike"]) == (0, True), said
    (feature,) = report["features"]
    assert feature["requests_to_new"] > 200
    assert feature["requests"] == 2 * feature["requests_to_new"]
    (mode,) = feature["modes"]
    assert (mode["mode"], mode["alike"], mode["plays"]) == ("direct", True, 17)
    assert [step["name"] for step in mode["steps"]][:2] == ["who am I", "order"]
    assert feature["timing"]["slower"] is False
    assert re.search(r"^shop: alike: 11 steps; direct; \d+ requests", said, re.MULTILINE)


WORDS = {
    "wrong-status": ("an order that is none", "status 400 instead of 404"),
    "renamed": ("who am I", "$.created_at is missing in new; new has $.createdAt"),
    "integer-as-text": ("order", '$.size: integer 3 in legacy, text "3" in new'),
    "leak": ("who am I, after signing out", "the token still works after logout"),
    "lost-header": ("order", 'header location is missing in new; legacy has "/shop/orders/'),
    "lost-event": ("what happens to the order", "$[1].data.order is missing in new; legacy has"),
    "cut-stream": ("what happens to the order", "$[2].cut is in new alone"),
    "other-text": ("the terms", 'line 2: "Pay in time." in legacy, "Pay soon." in new'),
    "other-user": ("who am I", '$.user is "ann-'),
    "null": ("order", '$.note: null in legacy, text "" in new'),
}


def test_every_fault_of_the_shop_has_its_words():
    assert {*WORDS, "secret"} == {*FAULTS}


@pytest.mark.parametrize("fault", WORDS)
def test_a_fault_of_new_is_red_with_its_words(verify, sides, fault):
    sides[1].faults.add(fault)
    status, said, report = verify("--repeat", 1, "--no-timing")
    name, words = WORDS[fault]
    assert status == 1, said
    (mode,) = report["features"][0]["modes"]
    step = next(each for each in mode["steps"] if each["name"] == name)
    assert step["verdict"] == "different"
    assert any(words in line for line in step["words"]), step["words"]
    assert words in said
    assert report["features"][0]["verdict"].startswith("DIFFERENT: direct: ")


def test_a_fault_in_one_request_of_a_hundred_is_met_by_default(verify, sides):
    sides[1].every_hundredth = True
    status, said, report = verify("--no-timing")
    assert status == 1
    bad = [step for step in report["features"][0]["modes"][0]["steps"] if step["verdict"] == "different"]
    assert any("500" in line for step in bad for line in step["words"]), said
    assert "of 17 plays)" in said


def test_what_a_failed_step_should_have_captured_is_missing_to_later_ones(verify, scenario):
    text = SCENARIO.format(user="cookie:gateway_id").replace("capture: {order: $.id}", "capture: {order: $.number}")
    scenario.write_text(text)
    status, said, _ = verify("--repeat", 1, "--no-timing")
    assert status == 1
    assert "legacy itself: $.number is not there to be captured as {order}" in said
    assert "one order: not played: {order} was not captured" in said


def test_a_slow_new_is_red_and_says_how_slow(verify, sides):
    sides[1].delay = 0.02
    status, said, report = verify("--repeat", 6)
    assert status == 1, said
    timing = report["features"][0]["timing"]
    assert timing["slower"] is True
    assert timing["total"]["percent_low"] > 10
    assert re.search(r"new is \d+\.\d % slower ", said)
    assert verify("--repeat", 3, "--no-timing")[0] == 0
    assert verify("--repeat", 3, "--slower-than", 100_000)[0] == 0
    assert verify("--repeat", 3, "--slower-by-ms", 5_000)[0] == 0


def test_a_new_that_is_down_is_red_and_said_once(verify):
    status, said, report = verify(new=f"http://127.0.0.1:{free_port()}")
    assert status == 1
    (mode,) = report["features"][0]["modes"]
    assert mode["steps"] == []
    assert re.fullmatch(r"new does not answer: connection refused \(http://127.0.0.1:\d+\)", mode["problems"][0])
    assert said.count("connection refused") == 2  # where it is found, and in the last line


def test_without_legacy_nothing_can_be_said(verify):
    status, said, report = verify(legacy=f"http://127.0.0.1:{free_port()}")
    assert (status, report) == (2, None)
    assert "legacy does not answer: connection refused" in said
    assert "nothing can be compared" in said


def test_a_legacy_that_is_not_like_itself_is_no_measure(verify, scenario):
    scenario.write_text(SCENARIO.format(user="cookie:gateway_id").replace(", $..created_at: time", ""))
    status, said, _ = verify("--repeat", 2, "--no-timing")
    assert status == 1
    assert "legacy differs from itself from one play to the next, so that new cannot be judged: $.created_at" in said


def test_secrets_stay_out_of_every_report(verify, sides, tmp_path, scenario):
    sides[1].faults.add("secret")
    text = SCENARIO.format(user="cookie:gateway_id")
    setup, _, steps = text.partition("setup:")
    scenario.write_text(setup + "steps:" + steps.replace("steps:\n", ""))
    status, said, report = verify("--repeat", 1, "--no-timing", "--junit", tmp_path / "junit.xml")
    assert status == 1
    tokens = [token for token in sides[0].shop.sessions if token.startswith("token-")]
    told = said + json.dumps(report) + (tmp_path / "junit.xml").read_text()
    assert "$.token: *** (42 characters) in legacy, *** (6 characters) in new" in told
    assert not any(token in told for token in tokens)
    assert "token-" not in told


def test_junit_has_a_suite_for_the_feature_and_a_case_for_each_step_and_mode(verify, sides, tmp_path):
    sides[1].faults.add("wrong-status")
    file = tmp_path / "junit.xml"
    assert verify("--repeat", 5, "--junit", file)[0] == 1
    suite = ET.parse(file).getroot().find("testsuite")
    assert suite.attrib["name"] == "shop"
    cases = suite.findall("testcase")
    assert (suite.attrib["tests"], len(cases)) == ("12", 12)
    assert cases[-1].attrib["name"] == "response times"
    (failed,) = [case for case in cases if case.find("failure") is not None]
    assert (failed.attrib["classname"], failed.attrib["name"]) == ("shop.direct", "an order that is none")
    assert failed.find("failure").attrib["message"] == "status 400 instead of 404"
    assert failed.find("failure").text.splitlines()[1:] == ["status", "- 404", "+ 400"]
    assert suite.attrib["failures"] == "1"


def test_json_on_standard_output_is_nothing_but_json(sides, scenario):
    command = ["-m", "gateway", "verify", "--no-gateway", "--scenarios", str(scenario), "--json", "-", "--repeat", "1"]
    addresses = ["--legacy", sides[0].url, "--new", sides[1].url]
    ran = subprocess.run(
        [sys.executable, *command, *addresses], capture_output=True, text=True, timeout=60, check=False
    )
    assert json.loads(ran.stdout)["alike"] is True
    assert "shop: alike" in ran.stderr


def test_cookies_are_kept_for_each_player_and_sent_as_the_scenario_says(verify, sides, scenario):
    assert verify("--repeat", 1, "--no-timing")[0] == 0
    told = [request.cookies for request in sides[0].seen]
    assert "basket" not in told[0]
    assert all(each["basket"].startswith("b-ann-") for each in told[1:])
    assert len({each["gateway_id"] for each in told}) == 1
    sides[0].seen.clear()
    text = SCENARIO.format(user="header:x-user").replace(', $.basket: "b-{user}"', "")
    scenario.write_text(text.replace("variables:", "cookies: false\nvariables:"))
    status, said, _ = verify("--repeat", 1, "--no-timing")
    assert status == 0, said
    assert all(request.cookies == {} for request in sides[0].seen)
    assert len({request.headers["x-user"] for request in sides[0].seen}) == 1


def test_a_scenario_with_faults_is_refused_with_the_place_of_each_and_nothing_is_played(verify, sides, scenario):
    scenario.write_text("feature: shop\nsteps:\n  - name: x\n    request: {path: '/{nobody}', methd: GET}\n")
    asked = sides[0].requests
    status, said, _ = verify()
    assert status == 2
    assert f'{scenario}:4:34: steps[0].request.methd: unknown key; did you mean "method"?' in said
    assert sides[0].requests == asked


def test_a_feature_without_a_scenario_is_told(verify):
    status, said, _ = verify("cart")
    assert status == 2
    assert "has no scenario of cart; there are: shop" in said


@pytest.mark.parametrize("address", ["127.0.0.1:9001", "http://127.0.0.1:99999", "ftp://x", "http://"])
def test_what_is_no_address_is_told(verify, address):
    status, said, _ = verify(new=address)
    assert status == 2
    assert f"--new {address} is no address" in said
