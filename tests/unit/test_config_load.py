# ruff: noqa: E501, Q000 - one case a line: whole messages are what is tested
import codecs
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config.load import load
from gateway.config.nodes import Document

HEAD = 'version: 1\nupstreams: {a: {url: "http://h:1"}, b: {url: "http://h:2"}}\n'
ROUTES = 'routes: [{path: "/*", upstream: a}, {path: "/f", feature: f}]\n'
FEATURE = "features: {f: {legacy: a, new: b}}\n"
GOOD = HEAD + FEATURE + ROUTES


def faults(text):
    return [str(fault) for fault in load(text, "r.yaml").faults]


def test_a_good_file_has_routes_and_no_faults():
    loaded = load(GOOD)
    assert loaded.faults == loaded.warnings == ()
    assert loaded.routes.features["f"].new == "b"
    assert len(loaded.sha256) == 64


@pytest.mark.parametrize(("text", "points"), [("0.07", 7), ("33.33", 3333), ('"12.34 %"', 1234), ("100", 10_000)])
def test_percents_are_exact(text, points):
    loaded = load(GOOD.replace("new: b", f"new: b, percent: {text}"))
    assert loaded.routes.features["f"].basis_points == points


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_no_percent_passes_through_a_float(points):
    document = Document(f"percent: {points // 100}.{points % 100:02d}", "r.yaml")
    assert document.values["percent"] == Decimal(points) / 100


@pytest.mark.parametrize(
    ("spelling", "words"),
    [
        ("no", "YAML may read the bare no as false; write false"),
        ("yes", "YAML may read the bare yes as true; write true"),
        ("n", "bare n as false"),
        ("Y", "bare Y as true"),
        ("off", "bare off as false"),
        ("True", "bare True as true; write true"),
        ("010", "octal"),
        ("0o17", "another base"),
        ("0x1F", "another base"),
        ("1_000", "underscores"),
        ("1:30", "base 60"),
        ("2024-01-31", "a date"),
        (".inf", "no number"),
        ("1e3", "an exponent"),
        (".5", "unusual spelling"),
        ("+5", "unusual spelling"),
        ("9" * 30, "too many digits"),
        ("", "nothing stands here"),
        ("!!binary aGk=", "the tag !!binary means nothing here"),
        ("!env X", "the tag !env means nothing here"),
    ],
)
@pytest.mark.parametrize("key", ["expose_decision", "drain_delay_seconds", "cold"])
def test_a_bare_spelling_that_readers_disagree_about_is_one_fault_wherever_it_stands(key, spelling, words):
    found = faults(f"{GOOD}{key}: {spelling}\n")
    assert len(found) == 1
    assert found[0].startswith(f"r.yaml:5:{len(key) + 2 + bool(spelling)}: {key}: ")
    assert words in found[0]


def test_traps_are_found_as_names_and_in_lists_and_quotes_undo_them():
    assert faults(GOOD.replace("b: {url", "no: {url").replace("new: b", "new: no"))[0].startswith(
        "r.yaml:2:37: upstreams.no: YAML"
    )
    quoted = GOOD.replace("b: {url", '"no": {url').replace("new: b", 'new: "no"')
    assert faults(quoted) == []
    assert "headers.v" in faults(GOOD.replace("upstream: a}", "upstream: a, headers: {v: 010}}"))[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "r.yaml:1:1: the file is empty; start with version: 1, upstreams and routes"),
        ("# nothing\n", "r.yaml:1:1: the file is empty; start with version: 1, upstreams and routes"),
        ("- a\n", "r.yaml:1:1: the file is not a mapping of keys; start with version: 1, upstreams and routes"),
        ("just text", "r.yaml:1:1: the file is not a mapping of keys; start with version: 1, upstreams and routes"),
        ("a:\n\t- b\n", "r.yaml:2:1: a tab stands where YAML wants spaces; indent with spaces"),
        ("a: 1\n---\nb: 2\n", "r.yaml:2:1: a second document begins here; keep one document: remove the --- line"),
        ("a: *x\n", 'r.yaml:1:4: an alias names no anchor; define it before with &name, or put a value that begins with "*" in quotes'),
        ("a: @x\n", 'r.yaml:1:4: "@" cannot begin a value; put the value in quotes, e.g. "@..."'),
        ("a: b: c\n", 'r.yaml:1:5: a ": " stands where no key can be; put a value that contains a colon in quotes, or check the indent'),
        ("a: 'x\n", "r.yaml:2:1: the file ends inside a quoted text; close the quotes"),
        ("a: \x07\n", 'r.yaml:1:4: the character U+0007 is not allowed in YAML; remove it, or write it as an escape in double quotes, e.g. "\\u0007"'),
        ("a: {b: /{c}}\n", 'r.yaml:1:9: a "{" stands inside a value; put a value with braces in quotes, e.g. path: "/users/{id}"'),
        (b"a: b\nc: \xff\n", "r.yaml:2:4: a byte that is no UTF-8 stands here; save the file as UTF-8"),
        ("a: {b: 1\n", "r.yaml:2:1: not YAML: did not find expected ',' or '}' while parsing a flow mapping; check indents, brackets and quotes on this line and the one before"),
    ],
)  # fmt: skip
def test_what_is_no_yaml_is_one_fault_with_its_place(text, expected):
    assert faults(text) == [expected]


def test_a_byte_order_mark_and_windows_line_ends_are_no_fault():
    assert load(codecs.BOM_UTF8 + GOOD.replace("\n", "\r\n").encode()).faults == ()


def test_the_place_of_a_bad_byte_counts_characters_behind_a_byte_order_mark():
    assert faults(codecs.BOM_UTF8 + "é: ".encode() + b"\xff")[0].startswith("r.yaml:1:4: ")


def test_a_key_given_twice_names_both_lines():
    assert faults(GOOD + "cold: legacy\ncold: legacy\n") == [
        "r.yaml:6:1: cold: given twice, on lines 5 and 6; keep one of them"
    ]


def test_anchors_work_and_merge_keys_do_not():
    aliased = GOOD.replace("b: {url", "b: &b {url").replace("}}\nf", "}, c: *b}\nf")
    assert faults(aliased) == []
    assert "merge keys are not supported" in faults(GOOD + "log: {<<: {}}\n")[0]


def test_an_alias_inside_its_own_anchor_is_a_fault():
    assert "an alias stands inside what it names" in faults(GOOD + "log: &x {requests: *x}\n")[0]


def test_a_bomb_of_aliases_is_refused():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert "stands for more than 2,000,000 values" in faults("\n".join(lines))[0]


@pytest.mark.parametrize(
    "text", ["a: " + "[" * 300_000, "- " * 300_000, "a: " + "{x: " * 100_000, "a: " + "[" * 40 + "]" * 40]
)
def test_nesting_that_would_end_the_process_is_refused(text):
    assert "nested far deeper" in faults(text)[0]


def test_brackets_in_quotes_are_no_nesting():
    assert faults(GOOD.replace('"/f"', f'"/f{"[" * 500}"')) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("version: 1\n", "version: 2\n", 'r.yaml:1:10: version: 2 is not one of its values; known: 1'),
        ("version: 1\n", "", 'r.yaml:1:1: version: required key is missing; add "version": The version of this format'),
        ("new: b}", "new: b, precent: 5}", 'r.yaml:3:35: features.f.precent: unknown key; did you mean "percent"?'),
        ("new: b}", "new: b, zzz: 5}", "r.yaml:3:35: features.f.zzz: unknown key; known: legacy, new, flag, percent, kill, key, no_key, rewrite, on_unhealthy, fallback, fallback_on, fallback_max_in_flight, override, reversible, shadow_percent, noise_percent, compare"),
        ("new: b}", "new: b, basis_points: 5}", "r.yaml:3:35: features.f.basis_points: unknown key; known: legacy, new, flag, percent, kill, key, no_key, rewrite, on_unhealthy, fallback, fallback_on, fallback_max_in_flight, override, reversible, shadow_percent, noise_percent, compare"),
        ("new: b}", "new: b, kill: 1}", "r.yaml:3:41: features.f.kill: 1 is not a boolean; write true or false, without quotes"),
        ("new: b}", 'new: b, kill: "false"}', 'r.yaml:3:41: features.f.kill: "false" is not a boolean; write true or false, without quotes'),
        ("new: b}", "new: b, percent: 12.345}", "r.yaml:3:44: features.f.percent: 12.345 has more than two decimals; the finest step is 0.01"),
        ("new: b}", "new: b, percent: 101}", "r.yaml:3:44: features.f.percent: 101 is not within 0 and 100; write a percent like 25 or 0.5"),
        ("new: b}", "new: b, percent: true}", "r.yaml:3:44: features.f.percent: True is not a percent; write a number from 0 to 100, e.g. 25 or 0.5"),
        ("new: b}", "new: b, no_key: isue}", 'r.yaml:3:43: features.f.no_key: "isue" is not one of its values; did you mean "issue"?'),
        ("new: b}", "new: b, key: []}", "r.yaml:3:40: features.f.key: is empty; at least one entry is needed"),
        ("new: b}", "new: b, key: client_ip}", "r.yaml:3:40: features.f.key: is text, not a list; write [client_ip]"),
        ("new: b}", "new: b, flag: USE-NEW}", 'r.yaml:3:41: features.f.flag: "USE-NEW" is no name of an environment variable; use letters, digits and _, e.g. USE_NEW_AUTH'),
        ("new: b}", "new: b, rewrite: {new: {from: /a}}}", 'r.yaml:3:50: features.f.rewrite.new.to: required key is missing; add "to": What the upstream sees instead, e.g. /auth'),
        ("{f: {", "{f g: {", 'r.yaml:3:12: features.f g: "f g" is no name; use up to 63 letters, digits, dots, dashes and underscores, the first a letter or digit'),
        ("{f: {", "{3: {", 'r.yaml:3:12: features.3: the bare key 3 is no text; write "3" in quotes'),
        ("upstream: a}", "upstream: a, headers: {v: 2}}", 'r.yaml:4:49: routes[0].headers.v: 2 is a number, not text; write it in quotes: "2"'),
        ("upstream: a}", "upstream: a, methods: GET}", "r.yaml:4:45: routes[0].methods: is text, not a list; write [GET]"),
        ("upstream: a}", "upstream: a}, /x", "r.yaml:4:37: routes[1]: is text, not a mapping of keys; its keys: path, host, methods, headers, feature, upstream, rewrite, fallback_idempotent, max_body_bytes, stream, cors, shadow, compare"),
        ('"http://h:1"}', '"http://h:1", max_connections: 0}', "r.yaml:2:53: upstreams.a.max_connections: 0 is out of range; write at least 1"),
        ('"http://h:1"}', '"http://h:1", max_connections: 1.5}', "r.yaml:2:53: upstreams.a.max_connections: 1.5 is not a whole number; write digits without a point"),
        ('"http://h:1"}', '"http://h:1", connect_timeout_seconds: "2"}', "r.yaml:2:61: upstreams.a.connect_timeout_seconds: '2' is not a number; write digits without quotes"),
        ('"http://h:1"}', '"http://h:1", connect_timeout_seconds: null}', "r.yaml:2:61: upstreams.a.connect_timeout_seconds: nothing stands here; write a value, or leave the key out"),
        (ROUTES, "routes: []\n", "r.yaml:4:9: routes: is empty; at least one entry is needed"),
    ],
)  # fmt: skip
def test_each_fault_of_shape_says_where_what_and_what_would_be_right(old, new, expected):
    assert old in GOOD
    assert expected in faults(GOOD.replace(old, new, 1))


def test_faults_of_every_kind_come_in_one_run_sorted_by_place():
    found = load(
        "version: 1\n"
        "kill_all: off\n"
        'upstreams: {a: {url: "http://h:1/x"}}\n'
        "features: {f: {legacy: a, new: aa, precent: 3}}\n"
        'routes: [{path: "x", feature: f}, {path: "/*", feature: g}]\n',
    ).faults
    assert [(fault.line, fault.key) for fault in found] == [
        (2, "kill_all"),
        (3, "upstreams.a.url"),
        (4, "features.f.new"),
        (4, "features.f.precent"),
        (5, "routes[0].path"),
        (5, "routes[1].feature"),
    ]


def test_a_misspelt_key_is_not_reported_as_missing_too():
    assert len(faults(GOOD.replace("upstream: a", "upsteam: a"))) == 1
    assert len(faults(GOOD.replace("{url", "{ulr", 1))) == 1


@settings(deadline=None)
@given(st.text(max_size=200) | st.binary(max_size=200))
def test_no_input_is_more_than_a_fault(source):
    assert load(source).faults


@settings(deadline=None)
@given(st.data())
def test_no_damage_to_a_good_file_is_more_than_a_fault(data):
    start = data.draw(st.integers(0, len(GOOD)))
    end = data.draw(st.integers(start, min(len(GOOD), start + 12)))
    loaded = load(GOOD[:start] + data.draw(st.text(":{}[]\"'&*!-? \n\tab0", max_size=6)) + GOOD[end:])
    assert (loaded.routes is None) == bool(loaded.faults)
