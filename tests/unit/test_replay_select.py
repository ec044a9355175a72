"""Which of the recorded requests are sent: the same each time, and every other one is accounted for."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.patterns import parse_pattern
from gateway.model import BasisPoints
from gateway.replay.leads import OneFeature
from gateway.replay.left_out import WORDS, LeftOut
from gateway.replay.record import SAFE, Recorded, Unreadable
from gateway.replay.select import MAX_TOLD, Selection, Survey, choose, is_drawn


def chosen(records, leads=None, **selection):
    survey = Survey()
    found = choose(records, Selection(**{"methods": SAFE, **selection}), leads or OneFeature(), survey)
    return [each.recorded.place for each in found], survey


def get(place, target=b"/a", method=b"GET", **more):
    return Recorded(place, method, target, **more)


def test_what_changes_something_is_left_out_unless_its_method_is_asked_for():
    records = [get(1), get(2, method=b"POST"), get(3, method=b"HEAD")]
    found, survey = chosen(records)
    assert (found, survey.left_out) == ([1, 3], {LeftOut.METHOD: 1})
    assert chosen(records, methods=frozenset((b"POST",)))[0] == [2]


def test_paths_are_matched_as_routes_are():
    records = [get(1, b"/api/v1/users/3?x"), get(2, b"/api/v1"), get(3, b"/%61pi//v1/users"), get(4, b"/other")]
    found, survey = chosen(records, paths=(parse_pattern("/api/v1/*"),))
    assert (found, survey.left_out) == ([1, 2, 3], {LeftOut.PATH: 1})


def test_hosts_are_compared_without_port_and_case():
    records = [get(1, host=b"Shop.example:8443"), get(2, host=b"cdn.example"), get(3)]
    assert chosen(records, host=b"shop.example")[0] == [1]


def test_the_same_request_is_sent_once_whatever_its_headers_are():
    records = [get(1), get(2, fields=((b"cookie", b"a"),)), get(3, b"/a?b"), get(4, body=b"x"), get(5, host=b"h")]
    found, survey = chosen(records, unique=True)
    assert (found, survey.left_out) == ([1, 3, 4, 5], {LeftOut.DUPLICATE: 1})


def test_the_limit_is_of_what_is_left():
    found, survey = chosen([get(1, method=b"PUT"), *map(get, range(2, 9))], limit=2)
    assert found == [2, 3]
    assert survey.chosen == 2


def test_what_cannot_be_read_is_counted_and_the_first_are_kept():
    _, survey = chosen([*(Unreadable(place, "why") for place in range(1, 10)), None, get(10)])
    assert (survey.unreadable_count, survey.others, survey.requests) == (9, 1, 1)
    assert [each.place for each in survey.unreadable] == [*range(1, MAX_TOLD + 1)]


def test_where_a_request_leads_may_leave_it_out():
    def leads(recorded):
        return LeftOut.NO_FEATURE if recorded.target == b"/no" else OneFeature()(recorded)

    found, survey = chosen([get(1), get(2, b"/no")], leads)
    assert (found, survey.left_out) == ([1], {LeftOut.NO_FEATURE: 1})


def test_every_reason_has_its_words():
    assert set(WORDS) == set(LeftOut)


RECORDS = st.lists(
    st.builds(
        Recorded,
        st.integers(1, 99),
        st.sampled_from([b"GET", b"POST"]),
        st.sampled_from([b"/a", b"/a?x", b"/b", b"/c/1"]),
    ),
    max_size=30,
)


@given(records=RECORDS, unique=st.booleans(), sample=st.integers(0, 10_000), seed=st.integers(0, 9))
def test_the_same_options_choose_the_same_and_nothing_is_lost(records, unique, sample, seed):
    options = {"unique": unique, "sample": BasisPoints(sample), "seed": seed}
    found, survey = chosen(records, **options)
    assert chosen(records, **options)[0] == found
    assert survey.chosen + sum(survey.left_out.values()) == survey.requests == len(records)
    assert Counter(found) <= Counter(record.place for record in records)


@given(number=st.integers(1, 10**6), seed=st.integers(0, 99), sample=st.integers(0, 9_999))
def test_a_larger_sample_holds_the_smaller(number, seed, sample):
    assert not is_drawn(number, seed, BasisPoints(sample)) or is_drawn(number, seed, BasisPoints(sample + 1))


@pytest.mark.parametrize(("sample", "low", "high"), [(0, 0, 0), (1000, 800, 1200), (10_000, 10_000, 10_000)])
def test_a_sample_is_about_as_large_as_it_should_be(sample, low, high):
    assert low <= sum(is_drawn(number, 3, BasisPoints(sample)) for number in range(10_000)) <= high
