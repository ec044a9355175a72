"""Pairs are summed by place, whoever has seen them and in whatever order."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.compare.keys import pair_field
from gateway.compare.pairs import add_fields
from gateway.rules.compared import Pair
from gateway.rules.noise import PairCounts
from gateway.rules.pairs import MAX_PLACES, PairTable, counts_in

PLACES = st.frozensets(st.sampled_from(["body $.a", "body $.b[*].c", "header header:etag", "status status"]))
PAIRS = st.lists(st.builds(Pair, st.just("auth"), st.sampled_from(["/a", "/b"]), PLACES, PLACES), max_size=20)


def counted(pairs, route, place):
    """The same by hand."""
    those = [(place in each.legacy_places, place in each.new_places) for each in pairs if each.route == route]
    return PairCounts(*(those.count(which) for which in ((True, True), (True, False), (False, True), (False, False))))


@given(PAIRS, st.integers(0, 20))
def test_tables_add_up_to_what_one_would_have_seen(pairs, cut):
    one, other = PairTable(), PairTable()
    for pair in pairs[:cut]:
        one.add(pair)
    for pair in pairs[cut:]:
        other.add(pair)
    for route in ("/a", "/b"):
        for place in ("body $.a", "status status"):
            assert counts_in((one, other), "auth", route, place) == counted(pairs, route, place)
    one.add_all(other)
    assert counts_in((one,), "auth", "/a", "body $.a") == counted(pairs, "/a", "body $.a")


def test_places_are_bounded_and_what_is_over_is_told():
    table = PairTable()
    many = frozenset(f"body $.x{number}" for number in range(MAX_PLACES))
    assert table.add(Pair("auth", "/a", many, frozenset())) == 0
    assert table.add(Pair("auth", "/a", frozenset(("body $.one_more",)), many)) == 1
    assert counts_in((table,), "auth", "/a", "body $.x1") == PairCounts(0, 1, 1, 0)
    assert table.add(Pair("upload", "/a", frozenset(("body $.a",)), frozenset())) == 0


def test_fields_are_read_as_they_are_written_and_others_passed_over():
    table = PairTable()
    fields = {
        pair_field("/a").encode(): b"9",
        pair_field("/a", 'body $["odd key"]').encode(): b"1 2 3",
        b"junk": b"1 2 3",
        b"[1]": b"4",
        b'["/a","x"]': b"1 2",
        b'["/b"]': b"-1",
        b'["/c"]': b"9" * 5000,
    }
    add_fields(table, "auth", fields)
    assert counts_in((table,), "auth", "/a", 'body $["odd key"]') == PairCounts(1, 2, 3, 3)
    assert counts_in((table,), "auth", "/b", "x") == PairCounts(0, 0, 0, 0)
