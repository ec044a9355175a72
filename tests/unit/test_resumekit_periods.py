"""Periods are read in the forms that people write, and reckoned with as a calendar would."""

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resumekit.periods import Span, month_of, spans_in
from resumekit.results import MAX_ITEMS
from resumekit.timeline import SHORTEST_GAP, gaps_between, merged, months_in, periods_of, written

UNHURRIED = settings(deadline=None)  # the machine may be busy with something else

TODAY = date(2026, 11, 30)
NOW = month_of(TODAY)

spans = st.lists(
    st.builds(lambda first, length: Span(first, first + length), st.integers(24000, 24120), st.integers(0, 30)),
    max_size=12,
)


def read(text, today=TODAY):
    return [(period.start, period.end) for period in periods_of(spans_in(text, today=today))]


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2019 - 2021", "2019-01", "2021-12"), ("2019-2021", "2019-01", "2021-12"),
        ("2019\u20132021", "2019-01", "2021-12"), ("(2019 — 2021)", "2019-01", "2021-12"),
        ("from 2019 to 2021", "2019-01", "2021-12"), ("2019 \u2013\n2021", "2019-01", "2021-12"),
        ("2018-19", "2018-01", "2019-12"), ("2018\u20132018", "2018-01", "2018-12"),
        ("Mar 2019 \u2013 present", "2019-03", None), ("March 2019 - Present", "2019-03", None),
        ("MAR. 2019 - NOW", "2019-03", None), ("Mar 2019 to the present", "2019-03", None),
        ("May 2018 to date", "2018-05", None), ("2020 - today", "2020-01", None),
        ("03/2019-06/2021", "2019-03", "2021-06"), ("3/2019 \u2013 6/2021", "2019-03", "2021-06"),
        ("03.2019 - 06.2021", "2019-03", "2021-06"), ("2019-03 to 2021-06", "2019-03", "2021-06"),
        ("2019/03 - 2021/06", "2019-03", "2021-06"), ("2019-03-2021-06", "2019-03", "2021-06"),
        ("2019-03-15 - 2021-06-30", "2019-03", "2021-06"), ("01.03.2019 \u2013 30.06.2021", "2019-03", "2021-06"),
        ("31/03/2019 - 30/06/2021", "2019-03", "2021-06"), ("03/31/2019 - 06/30/2021", "2019-03", "2021-06"),
        ("Sept. 2019 — December 2020", "2019-09", "2020-12"), ("Mar, 2019 - Jun, 2021", "2019-03", "2021-06"),
        ("Mar '19 - Jun \u201921", "2019-03", "2021-06"), ("Mar '98 - Jun '99", "1998-03", "1999-06"),
        ("Mar \u2013 Jun 2021", "2021-03", "2021-06"), ("März 2019 bis Dezember 2020", "2019-03", "2020-12"),
        ("Okt. 2019 - heute", "2019-10", None), ("seit Mai 2020", "2020-05", None), ("since 2020", "2020-01", None),
        ("Since 03/2020", "2020-03", None), ("2019 - Mar 2021", "2019-01", "2021-03"),
        ("2020 - 2026", "2020-01", "2026-11"), ("2024 - 2028", "2024-01", None),
        ("Sep 2025 - Jun 2027 (expected)", "2025-09", None), ("May2019-Jun2019", "2019-05", "2019-06"),
        ("11/2026 - present", "2026-11", None), ("1950 - 1951", "1950-01", "1951-12"),
    ],
)  # fmt: skip
def test_a_period_has_many_forms(text, start, end):
    assert read(text) == [(start, end)]
    assert read(f"Engineer, Acme ({text}), Berlin") == [(start, end)]


@pytest.mark.parametrize(
    "text",
    [
        "", "2019", "March 2019", "2019-03", "2010-11", "2019-12-24", "2021 - 2019", "Jun 2021 - Mar 2019",
        "1812 - 1815", "2030 - 2031", "Dec 2026 - present", "555-2019-2021", "13/2019 - 14/2020", "0/2019 - 1/2020",
        "2019 - 20215", "12019 - 2021", "2019, 2021", "2019 and 2021", "since then", "may 2019 be good",
        "x2019 - 2021", "1949 - 1950", "2019 -", "- 2021", "presently 2019", "2019.2021", "2019/2021", "Marc 2019 - 2",
        "2150 - 2160",
    ],
)  # fmt: skip
def test_other_numbers_are_no_period(text):
    assert read(text) == []


def test_all_periods_of_a_text_are_read_each_once_the_latest_first():
    text = "2019 - 2021 Acme\n2015 - 2018 Initech\n2019 - 2021 Acme again; since 2022"
    assert read(text) == [("2022-01", None), ("2019-01", "2021-12"), ("2015-01", "2018-12")]


def test_only_as_many_are_told_as_a_result_holds():
    many = [Span(first, first) for first in range(24000, 24000 + 3 * MAX_ITEMS, 2)]
    told = periods_of(many)
    assert len(told) == MAX_ITEMS
    assert told[0].start == written(many[-1].first)
    assert len(gaps_between([Span(24000 + 10 * number, 24000 + 10 * number) for number in range(200)])) == MAX_ITEMS


def test_both_ends_of_a_period_belong_to_it():
    assert [period.months for period in periods_of(spans_in("01/2019 - 03/2019", today=TODAY))] == [3]
    assert [period.months for period in periods_of(spans_in("11/2026 - present", today=TODAY))] == [1]


def test_today_decides_what_now_is():
    assert periods_of(spans_in("01/2019 - present", today=date(2019, 12, 31)))[0].months == 12
    assert periods_of(spans_in("01/2019 - present", today=date(2020, 1, 1)))[0].months == 13
    assert spans_in("01/2019 - present", today=date(2018, 12, 31)) == []


@pytest.mark.parametrize(
    ("text", "gaps"),
    [
        ("01/2019 - 03/2019; 06/2019 - 07/2019", []),
        ("01/2019 - 03/2019; 07/2019 - 08/2019", [("2019-04", "2019-06", 3)]),
        ("01/2019 - 12/2020; 03/2019 - 04/2019; 06/2021 - 07/2021", [("2021-01", "2021-05", 5)]),
        ("2015 - 2016; 2017 - 2018; 2020 - now", [("2019-01", "2019-12", 12)]),
        ("2010 - 2011; 2013 - 2014; 2016 - 2017", [("2015-01", "2015-12", 12), ("2012-01", "2012-12", 12)]),
        ("2010 - 2011", []),
    ],
)
def test_a_gap_is_three_months_or_more_between_two_periods(text, gaps):
    found = gaps_between(spans_in(text, today=TODAY))
    assert [(gap.start, gap.end, gap.months) for gap in found] == gaps


def oracle(spans):
    """All months, one by one."""
    return {month for span in spans for month in range(span.first, span.last + 1)}


@UNHURRIED
@given(spans)
def test_overlaps_are_counted_once(spans):
    assert months_in(spans) == len(oracle(spans))
    assert months_in(spans + spans) == months_in(spans)


@UNHURRIED
@given(spans)
def test_merged_periods_are_the_same_months_apart_and_in_order(spans):
    whole = merged(spans)
    assert oracle(whole) == oracle(spans)
    assert all(before.last + 1 < after.first for before, after in pairwise(whole))


@UNHURRIED
@given(spans)
def test_gaps_are_the_months_between(spans):
    months = oracle(spans)
    between = set(range(min(months), max(months))) - months if months else set()
    runs = [month for month in between if month - 1 not in between]
    lengths = [next(n for n in range(1, 999) if month + n not in between) for month in sorted(runs, reverse=True)]
    assert [gap.months for gap in gaps_between(spans)] == [length for length in lengths if length >= SHORTEST_GAP]


@UNHURRIED
@given(spans.filter(bool), st.data())
def test_an_overlapping_period_never_adds_more_than_its_own_months(spans, data):
    one = data.draw(st.sampled_from(spans))
    first = data.draw(st.integers(one.first, one.last))
    more = Span(first, first + data.draw(st.integers(0, 60)))
    total = months_in([*spans, more])
    assert months_in(spans) <= total <= months_in(spans) + max(0, more.last - one.last)
    assert total <= max(span.last for span in [*spans, more]) - min(span.first for span in spans) + 1


@UNHURRIED
@given(st.integers(1950, 2026), st.integers(1, 12), st.integers(0, 200))
def test_what_is_written_is_read_again(year, month, length):
    first = year * 12 + month - 1
    last = min(first + length, NOW)
    if first <= NOW:
        assert read(f"{written(first)} to {written(last)}") == [(written(first), written(last))]
        assert spans_in(f"{month}/{year} - now", today=TODAY) == [Span(first, NOW, running=True)]


@UNHURRIED
@given(st.text() | st.text("0129-\u2013/. MarApto'\nsince"), st.dates(min_value=date(1000, 1, 1)))
def test_no_text_and_no_day_make_it_raise(text, today):
    for span in spans_in(text, today=today):
        assert 1950 * 12 <= span.first <= span.last <= month_of(today)
