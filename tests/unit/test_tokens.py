"""Names and values of fields, and what is remembered of them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.tokens import FIELD_NAMES, MAX_NAME, are_lines, field_value, is_field_value

TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


@given(st.binary(max_size=MAX_NAME + 2))
def test_a_name_is_a_token_and_not_too_long(raw):
    valid = TOKEN.fullmatch(raw) is not None and len(raw) <= MAX_NAME
    for _ in range(2):  # when it is new, and when it is remembered
        assert FIELD_NAMES[raw] == (raw.lower() if valid else None)


@pytest.mark.parametrize("raw", [b"", b"a b", b"a:", b" a", b"a ", b"a\t", b"\xc3\xa9", b"a\0", b"a" * 257])
def test_what_is_no_name(raw):
    assert FIELD_NAMES[raw] is None


def test_strangers_cannot_fill_what_is_remembered():
    for number in range(10_000):
        assert FIELD_NAMES[b"X-%d" % number] == b"x-%d" % number
    assert len(FIELD_NAMES) <= 4096
    FIELD_NAMES[b"a" * 100_000]
    assert b"a" * 100_000 not in FIELD_NAMES


@given(st.text(" \t\r\x80a:", max_size=6).map(lambda text: text.encode("latin-1")))
def test_a_value_is_what_stands_between_the_blanks(text):
    assert field_value(text) == text.strip(b" \t")


@given(st.binary(max_size=20))
def test_values_hold_no_control_characters_but_tabs(value):
    valid = all(byte == 9 or (byte >= 32 and byte != 127) for byte in value)
    assert is_field_value(value) is valid
    assert are_lines([b"a: " + value, b"b: 1"]) is valid


@given(st.binary(max_size=20) | st.text("a\r\n\t\x00").map(str.encode))
def test_lines_hold_no_other_control_characters_than_their_ends(text):
    valid = all(byte == 9 or (byte >= 32 and byte != 127) for line in text.split(b"\r\n") for byte in line)
    assert are_lines(text.split(b"\r\n")) is valid
