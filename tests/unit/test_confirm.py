"""Which differences count once both sides were read again."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.compare import Difference, Kind
from gateway.rules.confirm import confirmed, is_in_a_changing_list


def at(*paths, kind=Kind.VALUE):
    return tuple(Difference(kind, path, "a", "b") for path in paths)


def status(legacy, new):
    return (Difference(Kind.VALUE, "status", legacy, new),)


def test_what_is_seen_again_counts_and_what_is_not_does_not():
    first = at("$.a", "$.b")
    assert confirmed(first, at("$.b", "$.c"), ()) == at("$.b")
    assert confirmed(first, (), ()) == ()


def test_another_index_is_the_same_place_and_another_kind_is_not_the_same():
    assert confirmed(at("$.items[0].n"), at("$.items[3].n"), ()) == at("$.items[0].n")
    assert confirmed(at("$.a"), at("$.a", kind=Kind.TYPE), ()) == ()


def test_what_changes_in_one_item_or_line_excuses_no_other():
    rows = at("$.rows[0].value", "$.rows[1].value", "$.rows[1].value.deep")
    assert confirmed(rows, rows, at("$.rows[0].value")) == rows[1:]
    assert confirmed(rows, rows, at("$.rows[1]")) == rows[:1]
    lines = at("line 2", "line 3")
    assert confirmed(lines, lines, at("line 2")) == at("line 3")
    for kind in (Kind.TYPE, Kind.MISSING):
        items = at("$.rows[0].value", "$.rows[1].value", kind=kind)
        assert confirmed(items, items, items[:1]) == items[1:]


def test_a_list_that_gets_longer_excuses_all_its_items_but_for_their_type():
    first = at("$.rows[0]", "$.rows[1].value", "$.rows[2].value.deep")
    for kind in (Kind.MISSING, Kind.EXTRA):
        assert confirmed(first, first, at("$.rows[9]", kind=kind)) == ()
    other_type = at("$.rows[0]", kind=Kind.TYPE)
    assert confirmed(other_type, other_type, at("$.rows[9]", kind=Kind.EXTRA)) == other_type
    key = at('$.rows["9"]', kind=Kind.EXTRA)
    assert confirmed(first, first, key) == first


def test_where_not_all_of_legacys_differences_are_known_its_kinds_of_places_are_unsteady():
    first = at("$.rows[7].at", "$.rows[7].n", "$.total")
    itself = at("$.rows[0].at", "$.rows[1].at")
    assert confirmed(first, first, itself, most=3) == first
    assert confirmed(first, first, itself, most=2) == at("$.rows[7].n", "$.total")


def test_where_legacy_differs_from_itself_nothing_counts():
    first = at("$.at", "$.items[0].n", "$.items[0].n.deep", "$.b")
    assert confirmed(first, first, at("$.at", "$.items[4]", kind=Kind.MISSING)) == at("$.b")
    assert confirmed(at("$.items"), at("$.items"), at("$.items[0]")) == at("$.items")
    assert confirmed(at("$.item"), at("$.item"), at("$.it")) == at("$.item")


def test_that_a_value_changes_each_time_excuses_no_other_type_and_no_absence():
    values = at("$.token")
    for kind in (Kind.TYPE, Kind.MISSING, Kind.EXTRA):
        other = at("$.token", kind=kind)
        assert confirmed(other, other, values) == other
        assert confirmed(other, other, other) == ()
        assert confirmed(values, values, other) == ()


def test_a_list_changes_where_legacy_differs_from_itself_anywhere_in_it():
    assert is_in_a_changing_list(at("$.s[0].current"), at("$.s[1].id"))
    assert is_in_a_changing_list(at("$.s[0]", kind=Kind.MISSING), at("$.s[1].id"))
    assert not is_in_a_changing_list(at("$.total", "$.t[0].id"), at("$.s[1].id", "$.at"))
    assert not is_in_a_changing_list((), at("$.s[1].id"))
    assert not is_in_a_changing_list(at("$.s[1].id"), ())


def test_where_legacy_changes_its_status_nothing_else_is_known():
    assert confirmed(at("$.a"), at("$.a"), status(200, 503)) == ()
    assert confirmed(status(200, 404), status(200, 404), status(200, 404)) == ()


def test_a_failure_of_new_alone_counts_at_once():
    failure = status(200, 500)
    assert confirmed(failure, (), ()) == failure
    assert confirmed(failure, (), status(200, 404)) == failure
    assert confirmed(status(404, 502), (), ()) == status(404, 502)
    for other in (status(500, 502), status(500, 200), status(200, 404)):
        assert confirmed(other, (), ()) == ()


PATHS = st.sampled_from(["status", "header:etag", "$.a", "$.a.b", "$.a[0]", "$.a[1]", "line 1", "line 2", "body"])
FOUND = st.lists(
    st.builds(Difference, st.sampled_from(Kind), PATHS, st.integers(100, 599), st.integers(100, 599)), max_size=5
).map(tuple)


@given(FOUND, FOUND, FOUND)
def test_only_what_was_found_first_is_confirmed_in_its_order_and_less_the_less_steady_legacy_is(first, again, itself):
    left = confirmed(first, again, itself)
    assert [each for each in first if each in left] == list(left)
    assert set(map(id, left)) <= set(map(id, confirmed(first, again, ())))
    assert confirmed(first, first, ()) == first
