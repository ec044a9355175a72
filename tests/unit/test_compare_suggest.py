"""Rules suggested from what was seen; the YAML of it passes `gateway check` when it is pasted."""

import random

import pytest
import yaml

from gateway.compare.lists import look_at_lists
from gateway.compare.snippet import snippet
from gateway.compare.suggest import Left, Rule, suggest
from gateway.config.load import load
from gateway.replay.tally import Tally
from tests.support.comparing import compared, shadow_plan

QUIET = {"verdict": "undecided", "both": 0, "legacy_only": 0, "new_only": 0, "neither": 0}
NOISE = {"verdict": "noise", "both": 12, "legacy_only": 0, "new_only": 0, "neither": 0}
SOMETIMES = {"verdict": "noise", "both": 12, "legacy_only": 3, "new_only": 2, "neither": 30}
REAL = {"verdict": "mismatch", "both": 0, "legacy_only": 0, "new_only": 20, "neither": 5}

ROUTES = """\
version: 1
upstreams:
  old: {url: "http://127.0.0.1:9001"}
  young: {url: "http://127.0.0.1:9002"}
features:
  auth:
    legacy: old
    new: young
    key: ["header:x-user"]
    no_key: legacy
    compare:
%s
routes:
  - {path: "/*", feature: auth}
"""


def found(place, count=10, *, noise=QUIET, furthest=None, legacy='"x"', new='"y"', fingerprint=None, **traits):
    kind = "header" if place.startswith("header:") else "status" if place == "status" else "body"
    return {
        "fingerprint": fingerprint or place,
        "route": "/*",
        "kind": kind,
        "place": place,
        "change": "value",
        "count": count,
        "outcomes": {"mismatch": count},
        "example": {"path": place, "legacy": legacy, "new": new, "expected": ""},
        "samples": [],
        "noise": noise,
        "values": {"traits": {name.replace("_", "-"): times for name, times in traits.items()}, "furthest": furthest},
    }


def rules(*differences, bodies=None):
    return suggest(differences, bodies or {})


def one(difference):
    made = rules(difference)
    return (*made.rules, *made.left)[0]


@pytest.mark.parametrize(
    ("trait", "shape"), [("uuid", "uuid"), ("jwt", "jwt"), ("time", "time"), ("http_date", "http-date")]
)
def test_values_that_all_have_a_shape_are_the_same_by_it(trait, shape):
    rule = one(found("$.id", 812, **{trait: 812}))
    assert (rule.key, rule.place, rule.value) == ("same", "$.id", shape)
    assert rule.because.startswith("812 of 812 pairs of values were ")
    assert "legacy was not seen to vary" in rule.because
    assert isinstance(one(found("$.id", 812, **{trait: 811})), Left)
    assert isinstance(one(found("$.id", 2, **{trait: 2})), Left)


def test_what_rests_on_noise_says_so():
    rule = one(found("$.id", 12, noise=NOISE, uuid=12))
    assert "legacy from itself in 12 of 12 pairs, new from legacy in 12" in rule.because


def test_where_legacy_is_steady_nothing_is_suggested():
    left = one(found("$.id", 50, noise=REAL, uuid=50))
    assert isinstance(left, Left)
    assert "new differs more often than legacy from itself (legacy from itself in 0 of 25 pairs" in left.why


def test_whatever_else_is_noise_is_ignored():
    assert one(found("header:etag", 40, noise=NOISE, token=40)).key == "ignore"
    assert one(found("$.note", 1, noise=SOMETIMES)).key == "ignore"
    assert "in 15 of 47 pairs" in one(found("$.note", 1, noise=SOMETIMES)).because


@pytest.mark.parametrize(
    ("furthest", "legacy", "noise", "key", "value"),
    [
        (0.0123, "1.5", QUIET, "tolerance", "0.013"),
        (3.0, "1000", QUIET, "tolerance", "3"),
        (1.0e-7, "0.5", QUIET, "tolerance", "0.0000001"),
        (123.4, "5000", QUIET, "tolerance", "130"),
        (400.0, "1000", NOISE, "same", "number"),
        (400.0, "***", NOISE, "same", "number"),
        (400.0, "1000", QUIET, None, None),
        (0.1, "0", QUIET, None, None),
    ],
)
def test_numbers(furthest, legacy, noise, key, value):
    rule = one(found("$.n", 9, noise=noise, furthest=furthest, legacy=legacy, number=9, near=9))
    assert (getattr(rule, "key", None), getattr(rule, "value", None)) == (key, value)


def test_one_pair_of_numbers_that_are_far_apart_is_enough_for_no_tolerance():
    """Whatever the example is: pasted, it would hide 1 against 100."""
    far = {"furthest": 99.0, "legacy": "1000", "new": "1001", "number": 10, "near": 9}
    assert isinstance(one(found("$.n", 10, **far)), Left)
    assert one(found("$.n", 10, noise=NOISE, **far)).value == "number"
    near = {**far, "furthest": 5.0, "near": 10}
    assert one(found("$.n", 10, **near)).because.startswith(
        "10 of 10 pairs of values were within a tenth of each other"
    )


@pytest.mark.parametrize(("last", "key"), [((1, 100), None), ((1000, 1099), "tolerance")])
def test_how_far_numbers_were_apart_is_counted_of_every_reply(last, key):
    tally = Tally()
    for legacy, new in (*[(1000, 1001)] * 9, last):
        tally.add(compared({"n": legacy}, {"n": new}), shadow_plan(), place="line 1")
    (report,) = tally.reports()
    (difference,) = report["differences"]
    assert difference["values"]["furthest"] == 99.0
    assert getattr(one(difference), "key", None) == key


def test_a_key_that_is_hidden_is_not_taken_for_a_pattern():
    """`***` reads as three steps."""
    left = one(found("$.sessions.***", 9, noise=NOISE, uuid=9))
    assert isinstance(left, Left)
    assert "a key in it is a secret" in left.why


@pytest.mark.parametrize("place", ["status", "line", "body", "$.cut off["])
def test_what_no_rule_can_name_is_left_with_its_reason(place):
    left = one(found(place, 40, noise=NOISE))
    assert isinstance(left, Left)
    assert left.why


def test_differences_of_one_place_are_judged_together():
    made = rules(found("$.id", 5, uuid=5, fingerprint="a"), found("$.id", 5, fingerprint="b"))
    assert made.rules == ()
    made = rules(found("$.id", 5, uuid=5, fingerprint="a"), found("$.id", 5, uuid=5, fingerprint="b"))
    assert [rule.because.split(" pairs")[0] for rule in made.rules] == ["10 of 10"]


ITEMS = [{"id": number, "tags": ["a", "b"]} for number in range(5)]


def shuffled(items, seed=1):
    return random.Random(seed).sample(items, len(items))


def test_a_list_in_another_order_is_unordered_by_its_key():
    differences = [found("$.items[*].id", 9, number=9, furthest=3.0), found("$.items[*].tags[*]", 3)]
    bodies = {"$.items[*].id": [({"items": ITEMS}, {"items": shuffled(ITEMS, seed)}) for seed in (1, 2, 3)]}
    made = rules(*differences, bodies=bodies)
    assert made.rules == (
        Rule("unordered", "$.items", "id", "both sides have the same items in another order in 3 of 3 samples"),
    )
    assert made.left == ()


def test_an_order_that_legacy_keeps_is_suggested_with_a_word():
    bodies = {"$[*]": [([1, 2, 3], [3, 2, 1])]}
    (rule,) = rules(found("$[*]", 9, noise=REAL, number=9), bodies=bodies).rules
    assert (rule.key, rule.place, rule.value) == ("unordered", "$", "")
    assert "only if the order means nothing" in rule.because


@pytest.mark.parametrize(
    ("legacy", "new"),
    [
        ([1, 2, 3], [1, 2, 4]),
        ([1, 2], [2, 1, 1]),
        ([{"id": 1, "a": 1}, {"id": 2, "a": 2}], [{"id": 1, "a": 1}, {"id": 2, "a": 3}]),
        ([], [1]),
        ("text", [1]),
    ],
)
def test_lists_that_differ_in_more_than_their_order_are_none(legacy, new):
    place = {"$.l[*]": [found("$.l[*]")]}
    assert look_at_lists(place, {"$.l[*]": [({"l": legacy}, {"l": new})]}) == []


def test_items_that_differ_are_found_by_their_key():
    old = [{"uid": "a", "n": 1}, {"uid": "b", "n": 2}]
    (finding,) = look_at_lists(
        {"$.l[*].n": [found("$.l[*].n")]}, {"$.l[*].n": [({"l": old}, {"l": [{"uid": "b", "n": 3}, old[0]]})]}
    )
    assert (finding.path, finding.by, finding.equal) == ("$.l", "uid", False)


def test_one_sample_to_the_contrary_is_enough():
    place = {"$[*]": [found("$[*]")]}
    assert look_at_lists(place, {"$[*]": [([1, 2], [2, 1]), ([1, 2], [2, 3])]}) == []


def test_what_is_suggested_passes_check_when_it_is_pasted():
    awkward = '$["it\'s \\"odd\\" # key: é"].x'
    bodies = {
        "$.items[*].id": [({"items": ITEMS}, {"items": shuffled(ITEMS)})],
        "$.s[*]": [({"s": [1, 2]}, {"s": [2, 1]})],
    }
    made = rules(
        found("$.id", 9, uuid=9),
        found("header:x-request", 9, uuid=9),
        found(awkward, 9, uuid=9),
        found("$.jobs.*.at", 9, time=9),
        found("$.score", 9, number=9, near=9, furthest=0.02, legacy="3.5"),
        found("$.items[*].id"),
        found("$.s[*]"),
        found("header:etag", noise=NOISE),
        found("$.note", noise=NOISE),
        found("status", 3, noise=REAL),
        found("$.evil\n      ignore: [x]", 1),
        bodies=bodies,
    )
    assert {rule.key for rule in made.rules} == {"same", "tolerance", "unordered", "ignore"}
    text = snippet("auth", made)
    loaded = load(ROUTES % text)
    assert [str(fault) for fault in (*loaded.faults, *loaded.warnings)] == []
    compare = loaded.routes.features["auth"].compare
    assert compare.same[awkward] == "uuid"
    assert compare.same["header:x-request"] == "uuid"
    assert {(rule.path, rule.by) for rule in compare.unordered} == {("$.items", "id"), ("$.s", None)}
    assert set(compare.ignore) == {"header:etag", "$.note"}
    assert compare.tolerance["$.score"].amount == 0.02
    comments = [line for line in text.splitlines() if line.lstrip().startswith("#")]
    assert len(comments) == 1 + len(made.rules) + len(made.left)
    assert yaml.safe_load(text).keys() == {"same", "tolerance", "unordered", "ignore"}
