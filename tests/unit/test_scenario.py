"""Scenario files: what they may say, and how each fault is told."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from gateway.config.comparison import Compare, Unordered
from gateway.rules.reply_rules import reply_rules
from gateway.verify.load import BUILT_IN, load_scenario, parse_scenario
from gateway.verify.schema import Expect, Matcher, Part, Request, Scenario, Step, Until
from gateway.verify.send import BOUNDARY, message_of
from gateway.verify.template import UnknownNameError, fill, fill_json, names_in

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "scenarios").glob("*.yaml"))

HEAD = "feature: shop\nsteps:\n  - name: one\n"


def parsed(text, folder=Path()):
    return parse_scenario(text.encode(), folder / "shop.yaml")


def good(text):
    loaded = parsed(text)
    assert loaded.faults == ()
    return loaded.scenario


def faults(text):
    return [str(fault).removeprefix("shop.yaml:") for fault in parsed(text).faults]


# -- the shipped ones


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_a_shipped_scenario_is_without_fault(file):
    loaded = load_scenario(file)
    assert loaded.faults == ()
    assert loaded.scenario.feature == file.stem


def test_the_shipped_scenarios_send_every_endpoint_of_the_contract_every_status_that_it_may_answer():
    import yaml

    contract = yaml.safe_load((ROOT / "contract/openapi.yaml").read_text())
    wanted, sent = set(), set()
    patterns = {}
    for path, operations in contract["paths"].items():
        patterns[path] = re.compile(re.sub(r"\{\w+\}", "[^/]+", path))
        for method, operation in operations.items():
            if method != "parameters":
                wanted |= {(method.upper(), path, int(status)) for status in operation["responses"]}
    for file in SHIPPED:
        for step in load_scenario(file).scenario.steps:
            path = next((path for path, each in patterns.items() if each.fullmatch(step.request.path)), None)
            sent |= {(step.request.method, path, status) for status in step.expect.status or ()}
    rare = {413, 422, 401, 429}  # the same code for all: each is sent once at least
    missing = {(method, path, status) for method, path, status in wanted - sent if status not in rare}
    assert missing == set()
    assert rare <= {status for _, _, status in sent}


# -- what a file may say


def test_the_smallest_scenario():
    scenario = good(HEAD + "    request: {path: /x}\n")
    assert scenario.steps[0].request.method == "GET"
    assert scenario.user == "cookie:gateway_id"


def test_a_body_may_be_null_and_decimals_are_numbers():
    scenario = good(HEAD + "    request: {method: POST, path: /x, json: {a: 1.5, b: [null, 2]}}\n")
    assert message_of(scenario.steps[0].request, {}, Path()).body == b'{"a": 1.5, "b": [null, 2]}'
    scenario = good(HEAD + "    request: {method: POST, path: /x, json: null}\n")
    assert message_of(scenario.steps[0].request, {}, Path()).body == b"null"


def test_a_value_alone_is_what_must_be():
    text = HEAD + "    request: {path: /x}\n    expect: {status: [200, 206], json: {$.a: null, $.b: {type: uuid}}}\n"
    expect = good(text).steps[0].expect
    assert expect.status == (200, 206)
    assert expect.json_["$.a"].model_fields_set == {"equals"}
    assert expect.json_["$.b"].type == "uuid"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "1:1: the file is empty; start with feature: NAME and steps"),
        ("[]", "1:1: the file is not a mapping of keys; start with feature: NAME and steps"),
        ("feature: shop\n", '1:1: steps: required key is missing; add "steps": What is compared'),
        ("feature: shop\nsteps: []\n", "2:8: steps: is empty; at least one entry is needed"),
        (HEAD + "    request: {path: /x, body: 1}\n", "4:25: steps[0].request.body: unknown key; known: method"),
        (HEAD + "    request: {path: x}\n", "4:21: steps[0].request.path: "),
        (HEAD + "    request: {path: /x, method: get}\n", "4:33: steps[0].request.method: "),
        (HEAD + "    request: {path: /x}\n    expect: {status: 99}\n",
         "5:22: steps[0].expect.status: is no status; write e.g. 404, or [200, 206]"),
        (HEAD + "    request: {path: /x}\n    expect: {json: {a: 1}}\n",
         '5:21: steps[0].expect.json.a: "a" is no path; paths begin with $'),
        (HEAD + "    request: {path: /x}\n    expect: {json: {$.a: {typ: uuid}}}\n",
         'steps[0].expect.json.$.a.typ: unknown key; did you mean "type"?'),
        (HEAD + "    request: {path: /x}\n    expect: {json: {$.a: {type: uid}}}\n", '"uid" is no shape'),
        (HEAD + "    request: {path: /x}\n    expect: {text: {matches: '('}}\n", "is no regular expression: "),
        (HEAD + "    request: {path: /x}\n    compare: {tolerance: {$.a: 5 m}}\n", "is no tolerance; write a number"),
        (HEAD + "    request: {path: /x}\n    compare: {ignore: [etag]}\n", '"etag" is no path'),
        (HEAD + "    request: {path: /x}\n    capture: {a: 'header:'}\n", "names no header; write header:NAME"),
        (HEAD + "    request: {path: '/{a}'}\n",
         "4:21: steps[0].request.path: {a} is not known here; known: unique, uuid (a brace that means"),
        (HEAD + "    request: {path: /x, json: {a: ['{uniqe}']}}\n",
         '4:36: steps[0].request.json.a[0]: {uniqe} is not known here; did you mean "unique"?'),
        (HEAD + "    request: {path: /x, json: 1, text: a}\n",
         "4:34: steps[0].request.text: a body is there already, as json; keep one of them"),
        (HEAD + "    request: {path: /x, multipart: [{name: a}]}\n", "a part has one content; write one of text"),
        (HEAD + "    request: {path: /x, multipart: [{name: a, file: nothing.pdf}]}\n", "nothing.pdf is no file"),
        (HEAD + "    request: {path: /x}\n  - name: one\n    request: {path: /x}\n",
         '5:11: steps[1].name: a step on line 3 is called "one", too'),
        ("user: client_ip\n" + HEAD + "    request: {path: /x}\n", "nothing that a player can send; write cookie:NAME"),
        ("variables: {uuid: x}\n" + HEAD + "    request: {path: /x}\n", "{uuid} is there already, new for each play"),
        (HEAD + "    request: {path: /x, headers: {a: no}}\n", "YAML may read the bare no as false"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_place_and_what_would_be_right(text, told):
    found = faults(text)
    assert any(told in fault for fault in found), found


def test_all_faults_are_told_at_once():
    text = HEAD + "    request: {path: x, methd: GET}\n    until: {within_seconds: -1}\n"
    assert len(faults(text)) == 3


def test_a_file_that_cannot_be_read_or_is_no_text_is_a_fault(tmp_path):
    assert "cannot be read" in str(load_scenario(tmp_path / "nothing.yaml").faults[0])
    (tmp_path / "bytes.yaml").write_bytes(b"feature: \xff")
    assert "bytes.yaml:1:10: a byte that is no UTF-8" in str(load_scenario(tmp_path / "bytes.yaml").faults[0])


def test_what_is_captured_is_known_to_later_steps_alone():
    later = "  - name: two\n    request: {path: '/{a}'}\n"
    assert faults(HEAD + "    request: {path: /x}\n    capture: {a: $.a}\n" + later) == []
    assert len(faults(HEAD + "    request: {path: '/{a}'}\n    capture: {a: $.a}\n")) == 1


# -- names in texts


def test_names_are_filled_in():
    values = {"a": "x", "n": 5}
    assert fill("/{a}/{n}/{{a}}/{A}/{}", values) == "/x/5/{a}/{A}/{}"
    assert fill_json({"{a}": ["{n}", "n{n}", 1, None]}, values) == {"x": [5, "n5", 1, None]}
    assert list(names_in({"{a}": ["{b}", "{{c}}"]})) == ["a", "b"]
    with pytest.raises(UnknownNameError, match="b"):
        fill("{b}", values)


# -- what is sent


def sent(values=None, **request):
    return message_of(Request.model_validate({"path": "/x", **request}, by_alias=True), values or {}, Path())


def test_path_and_query_go_out_as_they_are_written():
    assert sent(path="/a%2Fb/ä", query={"q": ["1", "x y"], "n": 2, "t": True}).target == (
        "/a%2Fb/%C3%A4?q=1&q=x+y&n=2&t=true"
    )
    assert sent(path="/a?b=c", query={"d": "{e}"}, values={"e": "f"}).target == "/a?b=c&d=f"


def test_bodies():
    assert sent().body is None
    assert sent(text="ab", times=3).body == b"ababab"
    form = sent(form={"a": "x y"})
    assert (form.body, form.headers["content-type"]) == (b"a=x+y", "application/x-www-form-urlencoded")
    assert sent(json={"a": "{n}"}, values={"n": 5}).body == b'{"a": 5}'
    assert sent(json={}, headers={"Content-Type": "text/plain"}).headers["content-type"] == "text/plain"


def test_parts_of_a_form():
    parts = [
        {"name": "a", "text": "x"},
        {"name": 'f"', "filename": "ä.txt", "content_type": "text/plain", "base64": "AAE="},
        {"filename": "n", "text": "y", "times": 2},
    ]
    body = sent(multipart=parts).body
    assert (
        body
        == (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n'
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="f%22"; filename="ä.txt"\r\n'
            f"Content-Type: text/plain\r\n\r\n\x00\x01\r\n"
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; filename="n"\r\n\r\nyy\r\n'
            f"--{BOUNDARY}--\r\n"
        ).encode()
    )


# -- rules


def test_a_steps_rules_come_before_its_scenarios():
    scenario = Compare.model_validate({"same": {"$.id": "uuid", "header:Etag": "text"}, "ignore": ["$.a", "header:X"]})
    step = Compare.model_validate({"same": {"$.id": "integer"}, "ignore": ["$.b"], "headers": ["ETag"], "body": "text"})
    rules = reply_rules(step, scenario)
    assert [shape.name for _, shape in rules.body.same] == ["integer", "uuid"]
    assert [pattern.text for pattern in rules.body.ignore] == ["$.b", "$.a"]
    assert (rules.headers, rules.ignore_headers, rules.as_) == ({"etag"}, {"x"}, "text")
    assert rules.same_headers["etag"].name == "text"
    assert reply_rules(Compare(), scenario).headers is None


# -- the reference


def test_every_key_is_described_in_the_reference_and_no_other():
    text = (ROOT / "docs/verify.md").read_text()
    for model in (Scenario, Step, Request, Part, Expect, Matcher, Until, Compare, Unordered):
        assert issubclass(model, BaseModel)
        section = re.search(rf"<!-- {model.__name__} -->\n(.*?)\n\n", text, re.DOTALL)
        assert section is not None, model.__name__
        told = set(re.findall(r"^\| `(\w+)` \|", section[1], re.MULTILINE))
        assert told == {field.alias or name for name, field in model.model_fields.items()}, model.__name__
    assert all(f"`{{{name}}}`" in text for name in BUILT_IN)
