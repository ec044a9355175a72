"""JSON is read with every integer as it is written."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.json_text import read_json

VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(10**40), 10**40), st.floats(allow_nan=False), st.text(max_size=30)
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=4), inner, max_size=4)),
    max_leaves=15,
)


@given(VALUES)
def test_values_are_read_as_they_were_written(value):
    try:
        written = json.dumps(value, allow_nan=False).encode()
    except ValueError:  # infinity
        return
    assert read_json(written) == value


def test_integers_beyond_64_bits_are_not_rounded():
    assert read_json(b"[12345678901234567890123, -18446744073709551617]") == [
        12345678901234567890123,
        -18446744073709551617,
    ]
    assert isinstance(read_json(b"12345678901234567890123"), int)
    assert read_json(b'{"id": "12345678901234567890123"}') == {"id": "12345678901234567890123"}


@given(st.binary(max_size=60))
def test_what_is_no_json_is_a_value_error(body):
    try:
        orjson.loads(body)
    except ValueError:
        with pytest.raises(ValueError, match=r"\w"):
            read_json(body)
    else:
        read_json(body)


@pytest.mark.parametrize(
    "body", [b"NaN", b"[Infinity]", b"1" * 5000, b"[" * 5000, b'{"a":' * 2000, b"\xff", b'"\\ud800"']
)
def test_what_only_other_readers_take_is_a_value_error(body):
    with pytest.raises(ValueError, match=r"\w"):
        read_json(body)


def test_long_integers_that_are_nested_too_deep_are_read_all_the_same():
    body = b"[" * 1000 + b"123456789012345678901234" + b"]" * 1000
    assert isinstance(read_json(body), list)
