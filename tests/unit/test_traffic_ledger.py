"""What was made is there: no less, no more, and as it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traffic.ledger import (
    Ledger,
    LedgerError,
    compare,
    compare_order,
    compare_sessions,
    compare_total,
)

MADE = {"a": {"size_bytes": 1}, "b": {"size_bytes": 2}}
ROWS = [{"id": "b", "size_bytes": 2, "more": "x"}, {"id": "a", "size_bytes": 1, "more": "y"}]


def test_a_list_of_all_that_was_made_is_right():
    compare("upload", MADE, ROWS)
    compare_total("upload", MADE, 2)
    compare_order("upload", MADE, ROWS)
    compare("upload", {}, [])


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (ROWS[:1], "an upload is lost"),
        ([], "an upload is lost"),
        ([*ROWS, ROWS[0]], "an upload is listed twice"),
        ([*ROWS, {"id": "c", "size_bytes": 1}], "an upload is doubled"),
        ([ROWS[0], {"id": "a", "size_bytes": 7}], "size_bytes of an upload is wrong"),
        ([ROWS[0], {"id": "a"}], "size_bytes of an upload is wrong"),
        (None, "no list of uploads"),
        ({"a": 1}, "no list of uploads"),
        (["a"], "no list of uploads"),
    ],
)
def test_a_list_that_is_not_what_was_made_is_named(rows, words):
    with pytest.raises(LedgerError, match=words):
        compare("upload", MADE, rows)


@given(
    made=st.sets(st.sampled_from("abcdef")),
    found=st.lists(st.sampled_from("abcdef"), max_size=8),
)
def test_only_the_same_set_once_each_is_right(made, found):
    rows = [{"id": name} for name in found]
    right = len(found) == len(set(found)) and set(found) == made
    try:
        compare("job", {name: {} for name in made}, rows)
    except LedgerError:
        assert not right
    else:
        assert right


def test_a_total_of_its_own_and_another_order_are_found():
    with pytest.raises(LedgerError, match="total of jobs"):
        compare_total("job", MADE, 3)
    with pytest.raises(LedgerError, match="not newest first"):
        compare_order("job", MADE, ROWS[::-1])


def session(number, *, current=False, agent="hers"):
    return {"id": str(number), "user_agent": agent, "current": current}


def test_living_sessions_of_this_browser_are_right():
    compare_sessions(2, "hers", [session(1, current=True), session(2)])


@pytest.mark.parametrize(
    ("living", "rows", "words"),
    [
        (2, [session(1, current=True)], "a session is lost"),
        (1, [session(1, current=True), session(2)], "a session too many"),
        (2, [session(1, current=True), session(1)], "a session too many"),
        (1, [session(1, current=True, agent="his")], "somebody else"),
        (1, [session(1)], "not exactly one"),
        (2, [session(1, current=True), session(2, current=True)], "not exactly one"),
    ],
)
def test_sessions_that_are_not_hers_or_not_alive_are_named(living, rows, words):
    with pytest.raises(LedgerError, match=words):
        compare_sessions(living, "hers", rows)


def test_what_was_made_of_a_deleted_upload_goes_with_it():
    ledger = Ledger(
        uploads={"u": {}, "v": {}},
        jobs={"1": {"resume_id": "u"}, "2": {"resume_id": "v"}},
        reviews={"r": {"resume_id": "u"}, "s": {"resume_id": "v"}},
        comments={"r": {"c": {}}, "s": {}},
    )
    ledger.forget_upload("u")
    assert (list(ledger.uploads), list(ledger.jobs), list(ledger.reviews), list(ledger.comments)) == (
        ["v"], ["2"], ["s"], ["s"],
    )  # fmt: skip
