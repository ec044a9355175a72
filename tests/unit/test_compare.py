"""Two JSON values compared by structure: properties first, then each rule."""

import copy
import inspect
import sys

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.rules.compare import (
    ABSENT,
    MAX_DEPTH,
    MAX_DIFFERENCES,
    MAX_PATH,
    MAX_WHOLE_DEPTH,
    Difference,
    Kind,
    Rules,
    Tolerance,
    compare,
    type_name,
)
from gateway.rules.fingerprint import place_of
from gateway.rules.json_path import parse_path, show_path
from gateway.rules.shapes import SHAPES, moment, parse_shape

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from(["1", "true", "null"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=4), inner, max_size=4)),
    max_leaves=20,
)
PATHS = st.lists(st.one_of(st.text(max_size=6), st.integers(0, 99)), max_size=6).map(tuple)


def rules(**more):
    """`ignore=["$.a"], unordered={"$.b": "id"}, tolerance={...}, same={"$.id": "uuid"}`."""
    return Rules(
        ignore=tuple(map(parse_path, more.get("ignore", ()))),
        unordered=tuple((parse_path(path), key) for path, key in more.get("unordered", {}).items()),
        tolerance=tuple((parse_path(path), limit) for path, limit in more.get("tolerance", {}).items()),
        same=tuple((parse_path(path), parse_shape(name)) for path, name in more.get("same", {}).items()),
    )


def places(value, path=()):
    """Every place in a value but the root."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, below in children:
        yield (*path, name)
        yield from places(below, (*path, name))


def around(value, path):
    """What holds the last step of a path."""
    for step in path[:-1]:
        value = value[step]
    return value


def found(legacy, new, **more):
    return [(each.kind.value, each.path) for each in compare(legacy, new, rules(**more))]


# -- properties


@given(VALUES)
def test_a_value_is_like_itself(value):
    assert compare(value, copy.deepcopy(value)) == ()


@given(VALUES, VALUES)
def test_nothing_raises_and_differences_turn_around(legacy, new):
    turned = {Kind.MISSING: Kind.EXTRA, Kind.EXTRA: Kind.MISSING}
    there = {(each.kind, each.path) for each in compare(legacy, new)}
    back = {(turned.get(each.kind, each.kind), each.path) for each in compare(new, legacy)}
    assert there == back


@given(VALUES, VALUES, st.data())
def test_nothing_raises_under_any_rules(legacy, new, data):
    paths = [show_path(path) for path in data.draw(st.lists(PATHS, max_size=3))] + ["$..*", "$[*]", "$..id"]
    key = data.draw(st.one_of(st.none(), st.just("id")))
    compare(
        legacy,
        new,
        rules(
            ignore=paths[:1],
            unordered=dict.fromkeys(["$", "$..*", "$..[*]"], key),
            tolerance={"$..a": Tolerance(1.0), "$..b": Tolerance(5.0, "%"), "$..*": Tolerance(2.0, "s")},
            same={"$..*": data.draw(st.sampled_from([*SHAPES]))},
        ),
    )


@given(VALUES, SCALARS, st.data())
def test_a_planted_difference_is_found_at_its_place_and_only_there_until_it_is_ignored(value, planted, data):
    where = [*places(value)]
    assume(where)
    path = data.draw(st.sampled_from(where))
    other = copy.deepcopy(value)
    holder = around(other, path)
    assume(compare(holder[path[-1]], planted))
    holder[path[-1]] = planted
    (difference,) = compare(value, other)
    assert difference.path == show_path(path)
    assert difference.place == place_of(Difference(difference.kind, difference.path, 1, 2))
    assert difference.kind in (Kind.VALUE, Kind.TYPE)
    assert compare(value, other, rules(ignore=[show_path(path)])) == ()


@given(VALUES, st.data())
def test_what_is_taken_out_is_missing_at_its_place_and_only_there(value, data):
    keys = [path for path in places(value) if isinstance(around(value, path), dict)]
    assume(keys)
    path = data.draw(st.sampled_from(keys))
    other = copy.deepcopy(value)
    taken = around(other, path).pop(path[-1])
    (difference,) = compare(value, other)
    assert (difference.kind, difference.path, difference.new) == (Kind.MISSING, show_path(path), ABSENT)
    assert compare(taken, difference.legacy) == ()
    assert compare(value, other, rules(ignore=[show_path(path)])) == ()


@given(st.lists(VALUES, max_size=8), st.randoms(use_true_random=False), st.sampled_from([None, "id"]))
def test_unordered_lists_are_alike_in_any_order(items, chance, key):
    shuffled = copy.deepcopy(items)
    chance.shuffle(shuffled)
    assert compare(items, shuffled, rules(unordered={"$": key})) == ()


@given(PATHS)
def test_a_place_that_is_written_is_read_as_that_place(path):
    pattern = parse_path(show_path(path))
    assert pattern.steps == path
    assert pattern.matches(path)
    assert not pattern.matches((*path, "x"))


@given(st.floats(0, 4e9))
def test_a_moment_is_read_from_what_writes_it(seconds):
    from datetime import UTC, datetime

    text = datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
    assert moment(text) == pytest.approx(seconds, abs=1e-5)


# -- types


@pytest.mark.parametrize(
    ("legacy", "new", "kind"),
    [
        (True, 1, "type"),
        (1, "1", "type"),
        (1, 1.0, "type"),
        (None, "", "type"),
        ([], {}, "type"),
        (0, False, "type"),
        ("a", "b", "value"),
        (1, 2, "value"),
    ],
)
def test_types_are_strict(legacy, new, kind):
    assert found(legacy, new) == [(kind, "$")]
    assert found({"a": [legacy]}, {"a": [new]}) == [(kind, "$.a[0]")]


def test_what_is_missing_is_not_null():
    assert found({"a": None}, {}) == [("missing", "$.a")]
    assert found({}, {"a": None}) == [("extra", "$.a")]


def test_a_shorter_list_misses_its_end():
    assert found([1, 2, 3], [1]) == [("missing", "$[1]"), ("missing", "$[2]")]
    assert found({"a": []}, {"a": [{}]}) == [("extra", "$.a[0]")]


def test_differences_are_values():
    assert compare({"a": 1}, {"a": "1"}) == (Difference(Kind.TYPE, "$.a", 1, "1"),)
    assert [type_name(each) for each in (None, True, 1, 1.5, "", [], {})] == [
        "null", "boolean", "integer", "number", "text", "list", "object",
    ]  # fmt: skip


def test_what_is_nested_beyond_reason_is_told_as_one():
    deep, other = "x", "y"
    for _ in range(5000):
        deep, other = [deep], [other]
    (difference,) = compare(deep, other)
    assert difference.path.count("[0]") == MAX_DEPTH
    assert compare(deep, deep) == ()


# -- rules


def test_ignoring_a_place_ignores_all_of_it():
    legacy, new = {"a": {"b": 1}, "c": [{"at": 1}, {"at": 2}]}, {"c": [{"at": 3}, {}]}
    assert found(legacy, new, ignore=["$.a", "$.c[*].at"]) == []
    assert found(legacy, new, ignore=["$..at"]) == [("missing", "$.a")]
    assert found(legacy, new, ignore=["$.a", "$.*"]) == []
    assert found(legacy, new, ignore=["$"]) == []


def test_an_unordered_list_still_tells_what_is_in_one_of_them_alone():
    assert found([1, 2, 2], [2, 1], unordered={"$": None}) == [("missing", "$[2]")]
    assert found([1, 2], [2, 3], unordered={"$": None}) == [("value", "$[0]")]


def test_items_of_one_key_are_compared_with_each_other():
    legacy = {"items": [{"id": 1, "n": "a"}, {"id": 2, "n": "b"}]}
    new = {"items": [{"id": 2, "n": "b"}, {"id": 1, "n": "x"}]}
    by_id = {"$.items": "id"}
    assert found(legacy, new, unordered=by_id) == [("value", "$.items[0].n")]
    new["items"][1]["id"] = 3
    assert found(legacy, new, unordered=by_id) == [("missing", "$.items[0]"), ("extra", "$.items[2]")]


def test_items_are_paired_under_the_other_rules():
    legacy = [{"id": 1, "at": "x"}, {"id": 2, "at": "y"}]
    new = [{"id": 2, "at": "z"}, {"id": 1, "at": "z"}]
    assert found(legacy, new, unordered={"$": None}, ignore=["$[*].at"]) == []


@pytest.mark.parametrize(
    ("legacy", "new", "limit", "alike"),
    [
        (100, 103, Tolerance(3), True),
        (100, 104, Tolerance(3), False),
        (200, 209, Tolerance(5, "%"), True),
        (200, 211, Tolerance(5, "%"), False),
        (1.5, 1.6, Tolerance(0.2), True),
        (1, 1.1, Tolerance(1), False),  # the type differs
        (10**400, 10**400 + 1, Tolerance(5, "%"), False),  # beyond what can be measured
        ("2026-11-30T12:00:00Z", "2026-11-30T12:00:01.5Z", Tolerance(2, "s"), True),
        ("2026-11-30T12:00:00Z", "2026-11-30T13:00:00+01:00", Tolerance(0, "s"), True),
        ("2026-11-30T12:00:00Z", "2026-11-30T12:00:03Z", Tolerance(2, "s"), False),
        ("soon", "later", Tolerance(2, "s"), False),
    ],
)
def test_a_tolerance_allows_what_is_near(legacy, new, limit, alike):
    assert (found({"n": legacy}, {"n": new}, tolerance={"$.n": limit}) == []) is alike


UUIDS = "7f8a1de2-1111-4c3f-9d6e-000000000001", "7f8a1de2-1111-4c3f-9d6e-000000000002"


@pytest.mark.parametrize(
    ("name", "legacy", "new", "kind"),
    [
        ("uuid", *UUIDS, None),
        ("uuid", UUIDS[0], "17", "shape"),
        ("uuid", UUIDS[0], UUIDS[1].upper(), "shape"),
        ("uuid", UUIDS[0], None, "type"),
        ("uuid", None, None, None),
        ("jwt", "eyJh.eyJz.x", "eyJi.eyJ0.", None),
        ("jwt", "eyJh.eyJz.x", "opaque", "shape"),
        ("time", "2026-11-30T12:00:00.123456Z", "2026-11-30T12:00:09.000001Z", None),
        ("time", "2026-11-30T12:00:00.123456Z", "2026-11-30T12:00:09Z", None),  # a fraction of zero is left out
        ("time", "2026-11-30T12:00:00.123456Z", "2026-11-30T12:00:09.123Z", "shape"),
        ("time", "2026-11-30T12:00:00Z", "2026-11-30T12:00:09+00:00", "shape"),
        ("time", "2026-11-30T12:00:00Z", "2026-13-30T12:00:00Z", "shape"),
        ("integer", 1, 2, None),
        ("integer", 1, 2.0, "type"),
        ("text", "a", "b", None),
        ("/[0-9]+/", "17", "18", None),
        ("/[0-9]+/", "17", "x18", "shape"),
        ("http-date", "Mon, 30 Nov 2026 12:00:00 GMT", "Tue, 01 Dec 2026 12:00:00 GMT", None),
    ],
)
def test_a_shape_is_what_both_must_have(name, legacy, new, kind):
    assert [each for each, _ in found({"x": legacy}, {"x": new}, same={"$.x": name})] == ([kind] if kind else [])


def test_what_each_side_has_made_up_goes_by_its_name():
    naming = (lambda text: text.replace("aaa", "{id}"), lambda text: text.replace("bbb", "{id}"))
    legacy, new = {"id": "aaa", "url": "/jobs/aaa"}, {"id": "bbb", "url": "/jobs/bbb"}
    assert compare(legacy, new, naming=naming) == ()
    for other in ("/jobs/ccc", legacy["url"]):
        new["url"] = other
        assert [each.path for each in compare(legacy, new, naming=naming)] == ["$.url"]


def test_what_has_a_name_must_be_that_on_both_sides_whatever_it_looks_like():
    naming = (lambda text: text.replace(UUIDS[0], "{id}"), lambda text: text.replace(UUIDS[1], "{id}"))
    any_uuid = rules(same={"$.id": "uuid"})
    other = UUIDS[1].replace("7f", "8f")
    assert compare({"id": UUIDS[0]}, {"id": UUIDS[1]}, any_uuid, naming=naming) == ()
    assert compare({"id": other}, {"id": other.replace("8f", "9f")}, any_uuid, naming=naming) == ()
    assert [each.path for each in compare({"id": UUIDS[0]}, {"id": other}, any_uuid, naming=naming)] == ["$.id"]


# -- how rules are written


@pytest.mark.parametrize("text", ["", "a", "$.", "$[", "$[x]", "$..", "$.a..", "$[-1]", "$a b", '$["a]'])
def test_a_path_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match=r"is no path.*;"):
        parse_path(text)


@pytest.mark.parametrize("text", ["uid", "/(/", "//", "/a"])
def test_a_shape_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match=";"):
        parse_shape(text)


@pytest.mark.parametrize(
    ("text", "matched"),
    [
        ("$.items[*].id", [("items", 0, "id"), ("items", 7, "id")]),
        ("$..id", [("id",), ("a", "id"), ("a", 3, "b", "id")]),
        ("$.*", [("a",)]),
        ('$["odd key"].x', [("odd key", "x")]),
        ("$", [()]),
        ("$..[0]", [(0,), ("a", 0)]),
    ],
)
def test_patterns_match_places(text, matched):
    pattern = parse_path(text)
    assert all(map(pattern.matches, matched))
    assert not pattern.matches(("other", "place", "altogether"))
    assert not pattern.matches(("items", "x", "id")) or text == "$..id"


def test_values_are_found_by_a_pattern():
    value = {"items": [{"id": 1}, {"id": 2, "sub": {"id": 3}}]}
    assert [each for _, each in parse_path("$.items[*].id").find(value)] == [1, 2]
    assert sorted(each for _, each in parse_path("$..id").find(value)) == [1, 2, 3]
    assert [*parse_path("$.items[1].sub.id").find(value)] == [(("items", 1, "sub", "id"), 3)]
    assert [*parse_path("$.nothing").find(value)] == []


# -- size and depth


def test_long_unordered_lists_are_paired_by_key_by_content_and_without_what_is_ignored():
    """Far more items than could be looked at one by one, so that each is found at once."""
    legacy = [{"id": number, "n": number % 7, "at": f"x{number}"} for number in range(5000)]
    new = [{**item, "at": "y"} for item in reversed(legacy)]
    new[17]["n"] += 1
    assert found(legacy, new, unordered={"$": "id"}, ignore=["$[*].at"]) == [("value", "$[4982].n")]
    same = [dict(item) for item in reversed(legacy)]
    assert found(legacy, same, unordered={"$": None}) == []
    new[17]["n"] -= 1
    assert found(legacy, new, unordered={"$": None}, ignore=["$..at"]) == []


def test_pairs_of_one_key_are_the_most_alike():
    legacy = [{"id": 1, "n": "a"}, {"id": 1, "n": "b"}, {"id": 1, "n": "c"}]
    new = [{"id": 1, "n": "c"}, {"id": 1, "n": "x"}, {"id": 1, "n": "a"}]
    assert found(legacy, new, unordered={"$": "id"}) == [("value", "$[1].n")]


def test_keys_are_strict_too():
    legacy, new = [{"id": 1, "n": "a"}], [{"id": True, "n": "b"}, {"id": 1.0, "n": "c"}, {"id": "1", "n": "d"}]
    assert [kind for kind, _ in found(legacy, new, unordered={"$": "id"})] == ["missing", "extra", "extra", "extra"]


def test_items_are_paired_by_the_names_of_their_keys():
    naming = (lambda text: text.replace("aaa", "{id}"), lambda text: text.replace("bbb", "{id}"))
    legacy, new = [{"id": "x", "n": 1}, {"id": "aaa", "n": 2}], [{"id": "bbb", "n": 3}, {"id": "x", "n": 1}]
    (difference,) = compare(legacy, new, rules(unordered={"$": "id"}), naming=naming)
    assert (difference.path, difference.legacy, difference.new) == ("$[1].n", 2, 3)


@pytest.mark.timeout(20)
def test_unordered_lists_that_nothing_pairs_do_not_take_long():
    legacy = [{"score": float(number), "more": [{"deep": number}] * 5} for number in range(3000)]
    new = [{"score": number + 0.5, "more": [{"deep": number + 1}] * 5} for number in range(3000)]
    limits = {"$[*].score": Tolerance(0.1)}
    assert len(found(legacy, new, unordered={"$": None, "$[*].more": None}, tolerance=limits)) >= 3000


def test_what_is_told_is_bounded():
    assert len(compare([*range(MAX_DIFFERENCES + 5)], [])) == MAX_DIFFERENCES


def test_as_many_are_told_as_are_wanted():
    assert [each.path for each in compare([1, 2, 3], [4, 5, 6], most=2)] == ["$[0]", "$[1]"]


def test_paths_are_bounded_and_what_stands_side_by_side_has_its_own():
    key = "k k" * 10_000
    found = compare({key: [1, 2], "a": [3, {"b": 4}]}, {key: [5, 6], "a": [7, {"b": 8}]})
    assert [each.path for each in found[2:]] == ["$.a[0]", "$.a[1].b"]
    assert {len(each.path) for each in found[:2]} == {MAX_PATH}
    assert [each.place for each in found] == ["$.*[*]", "$.*[*]", "$.a[*]", "$.a[*].b"]


def test_a_value_deep_down_is_found_where_it_stands():
    legacy, new = 3999, 3999.0
    for _ in range(MAX_WHOLE_DEPTH + 20):
        legacy, new = [legacy, {"same": [1.5, None, float("nan")]}], [new, {"same": [1.5, None, float("nan")]}]
    assert found(legacy, new) == [("type", "$" + "[0]" * (MAX_WHOLE_DEPTH + 20))]


def test_of_two_tolerances_for_numbers_the_first_counts_and_one_for_times_beside_it():
    limits = {"$.n": Tolerance(0.01), "$..n": Tolerance(50), "$..*": Tolerance(5.0, "s")}
    assert found({"n": 10}, {"n": 40}, tolerance=limits) == [("value", "$.n")]
    assert found({"n": 10}, {"n": 10.005}, tolerance={**limits, "$.n": Tolerance(1.0)}) == [("type", "$.n")]
    assert found({"m": {"n": 10}}, {"m": {"n": 40}}, tolerance=limits) == []
    times = {"n": "2026-11-30T10:00:00Z"}, {"n": "2026-11-30T10:00:03Z"}
    assert found(*times, tolerance=limits) == []


def test_a_caller_deep_in_calls_gets_a_difference_and_no_error():
    def deeper(levels):
        return compare(one, other) if levels == 0 else deeper(levels - 1)

    one, other = 1, 2
    for _ in range(MAX_DEPTH - 1):
        one, other = [[one]], [[other]]
    room = sys.getrecursionlimit() - len(inspect.stack(0))
    (difference,) = deeper(room - 100)
    assert difference.path == "$"


def test_what_python_holds_to_be_the_same_is_told_wherever_it_stands():
    legacy, new = {"a": {"b": [1, {"c": True}]}}, {"a": {"b": [1.0, {"c": 1}]}}
    assert found(legacy, new) == [("type", "$.a.b[0]"), ("type", "$.a.b[1].c")]


def test_integers_beyond_64_bits_are_not_rounded():
    assert found({"n": 2**80}, {"n": 2**80 + 1}) == [("value", "$.n")]
    assert found({"n": 2**80}, {"n": 2**80}) == []
