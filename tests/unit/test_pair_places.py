"""What a pair says of places."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.compare import Difference, Kind
from gateway.rules.pair_places import pair_places

ITEM = "body $.rows[*].v"


def at(*paths, kind=Kind.VALUE):
    return [Difference(kind, path, 1, 2) for path in paths]


def rows(*numbers):
    return at(*(f"$.rows[{number}].v" for number in numbers))


def test_a_place_where_one_alone_differs_is_its_own():
    assert pair_places(at("$.a"), at("$.b")) == ({"body $.a"}, {"body $.b"})
    assert pair_places([], []) == (frozenset(), frozenset())


def test_where_both_differ_in_the_same_items_both_do():
    assert pair_places(rows(0, 1), rows(1, 0)) == ({ITEM}, {ITEM})
    assert pair_places(rows(0), rows(1)) == ({ITEM}, {ITEM})


def test_who_differs_in_an_item_more_is_the_only_one():
    assert pair_places(rows(0), rows(0, 1)) == (frozenset(), {ITEM})
    assert pair_places(rows(0, 1), rows(1)) == ({ITEM}, frozenset())
    assert pair_places(at("line 2"), at("line 2", "line 3")) == (frozenset(), {"body line"})


def test_another_type_is_a_place_of_its_own():
    assert pair_places(rows(0), at("$.rows[0].v", kind=Kind.TYPE)) == ({ITEM}, {"body:type $.rows[*].v"})


FOUND = st.lists(st.sampled_from(["$.a", "$.a[0]", "$.a[1]", "$.a[2]", "line 1", "line 2", "status"])).map(
    lambda p: at(*p)
)


@given(FOUND, FOUND)
def test_both_are_treated_alike(one, other):
    assert pair_places(one, other) == pair_places(other, one)[::-1]
    named = frozenset().union(*pair_places(one, other))
    assert named == frozenset().union(*pair_places(one, []), *pair_places(other, []))
