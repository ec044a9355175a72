"""What people type for a flag."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.flagvalues import parse_enabled, parse_environment, parse_flag


def test_a_hash_typed_by_hand_is_read_field_by_field():
    flag = parse_flag({b"percent": b" 12.5% ", b"enabled": b" Yes "})
    assert (flag.percent, flag.enabled, flag.rev, flag.problems) == (1250, True, None, ())


def test_an_absent_hash_says_nothing():
    assert parse_flag({}) == parse_flag({b"rev": b"3"}).__class__()


@pytest.mark.parametrize("typed", ["true", "on", "1", "yes", "TRUE", " On\n"])
def test_enabled_is_true_by_any_of_its_words(typed: str):
    assert parse_enabled(typed) is True


@pytest.mark.parametrize("typed", ["false", "off", "0", "no", "False", " OFF "])
def test_enabled_is_false_by_any_of_its_words(typed: str):
    assert parse_enabled(typed) is False


@pytest.mark.parametrize("typed", ["", "ja", "2", "truee", "null", "disabled"])
def test_anything_else_is_reported_and_not_guessed(typed: str):
    flag = parse_flag({b"enabled": typed.encode()})
    assert flag.enabled is None
    assert flag.bad == {"enabled"}
    assert "write true or false" in flag.problems[0]


def test_a_misspelt_field_is_reported_with_its_nearest_match():
    flag = parse_flag({b"precent": b"50"})
    assert flag.percent is None
    assert flag.problems == ("'precent' is no field of a flag; did you mean percent?",)


def test_a_field_in_the_wrong_case_is_reported():
    assert "did you mean enabled?" in parse_flag({b"Enabled": b"false"}).problems[0]


@pytest.mark.parametrize("typed", ["abc", "", "101", "-1", "0.005", "1e2", "25 percent"])
def test_a_percent_that_is_none_is_reported(typed: str):
    flag = parse_flag({b"percent": typed.encode(), b"enabled": b"true"})
    assert (flag.percent, flag.enabled, flag.bad) == (None, True, {"percent"})


def test_a_revision_that_is_none_is_reported():
    flag = parse_flag({b"rev": b"-3"})
    assert flag.rev is None
    assert "HDEL" in flag.problems[0]


@given(st.dictionaries(st.binary(max_size=12), st.binary(max_size=12), max_size=6))
def test_no_bytes_make_the_parser_fail(fields: dict[bytes, bytes]):
    parse_flag(fields)


@pytest.mark.parametrize(
    ("typed", "points"),
    [("true", 10_000), ("ON", 10_000), ("1", 10_000), ("false", 0), ("off", 0), ("0", 0), ("10%", 1000), ("0.5 %", 50)],
)
def test_the_environment_variable_is_a_switch_or_a_percent(typed: str, points: int):
    assert parse_environment(typed) == points


@pytest.mark.parametrize("typed", ["10", "100", "0.5", "2"])
def test_a_bare_number_in_the_environment_is_refused_since_1_means_true(typed: str):
    with pytest.raises(ValueError, match=f"write {typed}% for a percent"):
        parse_environment(typed)


@pytest.mark.parametrize("typed", ["", "yes please", "abc%", "101%"])
def test_other_words_in_the_environment_are_refused(typed: str):
    with pytest.raises(ValueError, match=r".+"):
        parse_environment(typed)


def test_the_percent_of_shadows_is_a_field_of_its_own():
    flag = parse_flag({b"percent": b"5", b"shadow_percent": b" 12.5 %"})
    assert (flag.percent, flag.shadow, flag.problems) == (500, 1250, ())
    flag = parse_flag({b"percent": b"5", b"shadow_percent": b"lots"})
    assert (flag.percent, flag.shadow, flag.bad) == (500, None, {"shadow_percent"})
    assert "did you mean shadow_percent?" in parse_flag({b"shadow-percent": b"5"}).problems[0]
