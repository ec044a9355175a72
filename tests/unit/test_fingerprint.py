"""Differences that are one story have one fingerprint, and others have not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.compare import Difference, Kind
from gateway.rules.fingerprint import (
    DIGITS,
    fingerprint,
    kind_and_place,
    kind_of,
    place_of,
    without_aspect,
)
from gateway.rules.json_path import show_path
from gateway.rules.place_names import MAX_PLACE, looks_like_an_id

UUID = "7f8a1de2-1111-4c3f-9d6e-000000000001"


def at(path, kind=Kind.VALUE):
    return Difference(kind, path, 1, 2)


@pytest.mark.parametrize(
    ("path", "place", "kind"),
    [
        ("status", "status", "status"),
        ("header:etag", "header:etag", "header"),
        ("line 17", "line", "body"),
        ("body", "body", "body"),
        ("$", "$", "body"),
        ("$.items[0].id", "$.items[*].id", "body"),
        ("$[3][17]", "$[*][*]", "body"),
        (f'$.jobs["{UUID}"].state', "$.jobs.*.state", "body"),
        (f"$.jobs.x{UUID}.state", "$.jobs.*.state", "body"),
        ('$.by_day["2026-11-30"]', "$.by_day.*", "body"),
        ('$["odd key"].x', '$["odd key"].x', "body"),
        ('$["a[0]"].x', '$["a[0]"].x', "body"),
        ("$.users.job_7f8a1de2aa.n", "$.users.*.n", "body"),
    ],
)
def test_a_place_leaves_out_what_is_of_one_request(path, place, kind):
    assert place_of(at(path)) == place
    assert kind_of(at(path)) == kind
    assert kind_and_place(at(path)) == f"{kind} {place}"


@pytest.mark.parametrize(
    "key",
    ["1", "42", UUID, UUID.upper(), "a@example.org", "01HZX3KJ8M9QW2", "2026", "deadbeef01", "x" * 65, "0195f2b0-7c1e"],
)
def test_keys_that_name_one_thing_of_many(key):
    assert looks_like_an_id(key)


@pytest.mark.parametrize(
    "key",
    [
        "id",
        "v2",
        "sha256",
        "utf8",
        "base64encoded",
        "sha256checksum",
        "address_line_1",
        "oauth2_token",
        "",
        "naïve",
        "__x",
    ],
)
def test_keys_that_are_names(key):
    assert not looks_like_an_id(key)


@given(
    st.lists(st.one_of(st.text(max_size=9), st.integers(0, 99)), max_size=6).map(tuple), st.lists(st.integers(0, 99))
)
def test_indexes_never_show_and_any_other_indexes_are_the_same_place(path, others):
    numbers = iter(others)
    moved = tuple(next(numbers, 7) if isinstance(step, int) else step for step in path)
    assert place_of(at(show_path(path))) == place_of(at(show_path(moved)))
    assert len(place_of(at(show_path(path)))) <= MAX_PLACE


def test_a_fingerprint_is_of_feature_route_place_and_kinds():
    base = fingerprint("auth", "/login", at("$.items[0].id"))
    assert base == fingerprint("auth", "/login", at("$.items[9].id"))
    assert base == "".join(digit for digit in base if digit in "0123456789abcdef")
    assert len(base) == DIGITS
    others = {
        fingerprint("upload", "/login", at("$.items[0].id")),
        fingerprint("auth", "/logout", at("$.items[0].id")),
        fingerprint("auth", "/login", at("$.items[0].n")),
        fingerprint("auth", "/login", at("$.items[0].id", Kind.TYPE)),
        fingerprint("auth", "/login", at("header:x")),
    }
    assert len(others | {base}) == 6


def test_statuses_are_told_apart():
    unsigned, failed = (Difference(Kind.VALUE, "status", 200, new) for new in (401, 500))
    assert fingerprint("auth", "/", unsigned) != fingerprint("auth", "/", failed)
    assert fingerprint("auth", "/", failed) == fingerprint("auth", "/", Difference(Kind.VALUE, "status", 200, 500))
    assert kind_and_place(unsigned) == kind_and_place(failed)  # for noise they are of one place


def test_a_fingerprint_stays_what_it_is():
    """It is a key in Redis, read by machines of another version."""
    assert fingerprint("auth", "/api/v1/auth/*", at("$.items[0].id")) == "c8633d9485e1"


@given(st.text(), st.text())
def test_nothing_raises(path, route):
    fingerprint("f", route, at(path))


def test_another_type_and_an_absence_are_told_apart_from_another_value():
    named = [kind_and_place(Difference(kind, "$.items[3].id", 1, 2)) for kind in Kind]
    assert named == [
        "body:presence $.items[*].id",
        "body:presence $.items[*].id",
        "body:type $.items[*].id",
        "body $.items[*].id",
        "body $.items[*].id",
    ]
    assert [without_aspect(each.partition(" ")[0]) for each in named] == ["body"] * 5
