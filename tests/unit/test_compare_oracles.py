"""The fast comparison beside two others: a plain one under the same rules, and deepdiff where there are none."""

import copy

from deepdiff import DeepDiff
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.rules.compare import Kind, Rules, compare
from gateway.rules.json_path import Pattern, Wild, show_path
from gateway.rules.shapes import SHAPES
from gateway.rules.tolerance import Tolerance
from tests.support.plain_compare import plain_compare

KEYS = st.sampled_from(["a", "b", "id", "__c", "1", "x y"])
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 2),
    st.sampled_from([0.0, 1.0, -0.0, 1.5, float("inf")]),
    st.integers(2**64, 2**64 + 1),
    st.sampled_from(["", "a", "b", "1", "true"]),
    st.text(max_size=3),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=16,
)


@st.composite
def pairs(draw):
    """A value, and one that is like it but for a few places."""
    value = draw(VALUES)
    return value, _changed(draw, copy.deepcopy(value))


def _changed(draw, value):
    if draw(st.integers(0, 5)) == 0:
        return draw(VALUES)
    if isinstance(value, dict):
        kept = {key: _changed(draw, inner) for key, inner in value.items() if draw(st.integers(0, 9))}
        names = list(kept)
        chosen = draw(st.permutations(names)) if draw(st.booleans()) else names
        return {key: kept[key] for key in chosen}
    if isinstance(value, list):
        kept = [_changed(draw, inner) for inner in value if draw(st.integers(0, 9))]
        return draw(st.permutations(kept)) if draw(st.booleans()) else kept
    return value


STEPS = st.lists(st.one_of(KEYS, st.integers(0, 2), st.sampled_from(Wild)), max_size=3).map(tuple)
PATTERNS = STEPS.map(lambda steps: Pattern("", steps))


def listed(what):
    return st.lists(st.tuples(PATTERNS, what), max_size=2).map(tuple)


TOLERANCES = st.sampled_from([Tolerance(1.0), Tolerance(50.0, "%"), Tolerance(2.0, "s")])
LENIENT = st.builds(
    Rules,
    ignore=st.lists(PATTERNS, max_size=2).map(tuple),
    tolerance=listed(TOLERANCES),
    same=listed(st.sampled_from([*SHAPES.values()])),
)
UNORDERED = st.builds(
    Rules,
    ignore=st.lists(PATTERNS, max_size=2).map(tuple),
    unordered=st.tuples(
        st.tuples(st.sampled_from([Pattern("$", ()), Pattern("$.a", ("a",))]), st.sampled_from([None, "id", "a"]))
    ),
)


@given(pairs(), LENIENT)
def test_it_finds_what_a_plain_one_finds(pair, rules):
    assert compare(*pair, rules) == plain_compare(*pair, rules)


@given(pairs(), UNORDERED)
@settings(max_examples=300)
def test_it_pairs_as_a_plain_one_pairs(pair, rules):
    assert compare(*pair, rules) == plain_compare(*pair, rules)


@given(pairs(), LENIENT)
def test_with_names_it_finds_what_a_plain_one_finds(pair, rules):
    naming = (lambda text: text.replace("a", "{n}"), lambda text: text.replace("b", "{n}"))
    assert compare(*pair, rules, naming=naming) == plain_compare(*pair, rules, naming)


WORDS = {
    "type_changes": Kind.TYPE,
    "values_changed": Kind.VALUE,
    "dictionary_item_added": Kind.EXTRA,
    "iterable_item_added": Kind.EXTRA,
    "dictionary_item_removed": Kind.MISSING,
    "iterable_item_removed": Kind.MISSING,
}


def by_deepdiff(legacy, new):
    """Strict as we are: no dict is told as a whole for having few keys in common, no key is private, lists by index."""
    tree = DeepDiff(
        legacy,
        new,
        view="tree",
        threshold_to_diff_deeper=0,
        ignore_private_variables=False,
        zip_ordered_iterables=True,
        ignore_nan_inequality=True,
    )
    return {(WORDS[word], show_path(tuple(each.path(output_format="list")))) for word in tree for each in tree[word]}


@given(pairs())
@settings(max_examples=300)
def test_deepdiff_finds_the_same_differences_at_the_same_places(pair):
    assert {(each.kind, each.path) for each in compare(*pair)} == by_deepdiff(*pair)


def test_deepdiff_is_as_strict_about_types():
    for legacy, new in [(1, True), (1, 1.0), (0, False), (None, 0), ("1", 1)]:
        assert (
            by_deepdiff([legacy], [new])
            == {(Kind.TYPE, "$[0]")}
            == {(e.kind, e.path) for e in compare([legacy], [new])}
        )
