"""Testers' tokens: only the key makes them, and nothing of them goes on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model import Side
from gateway.rules.override import find_override, make_token, read_token, without_override
from gateway.settings import override_key

KEY = b"0123456789abcdef0123456789abcdef"
TOKEN = make_token(KEY, feature="auth", side=Side.NEW, expires=1000).encode()


def read(token, *, key=KEY, feature="auth", now=999.0):
    return read_token(token, key, feature=feature, now=now)


@pytest.mark.parametrize("side", [Side.NEW, Side.LEGACY])
def test_a_token_says_what_it_was_made_for(side):
    token = make_token(KEY, feature="a.b-c_D", side=side, expires=1000).encode()
    assert read(token, feature="a.b-c_D") is side


def test_not_once_it_has_expired():
    assert read(TOKEN, now=999.9) is Side.NEW
    assert read(TOKEN, now=1000.0) is None


def test_not_for_another_feature():
    assert read(TOKEN, feature="upload") is None


@given(st.binary(min_size=1, max_size=64).filter(lambda key: key != KEY))
def test_not_by_another_key(key):
    assert read(TOKEN, key=key) is None
    assert read(make_token(key, feature="auth", side=Side.NEW, expires=1000).encode()) is None


@given(st.integers(0, len(TOKEN) - 1), st.integers(0, 255))
def test_not_with_any_byte_changed(place, byte):
    changed = TOKEN[:place] + bytes((byte,)) + TOKEN[place + 1 :]
    assert (read(changed) is Side.NEW) == (changed == TOKEN)


@pytest.mark.parametrize(
    "token",
    [
        b"",
        b"new",
        b"auth:new:2000",
        b"auth:new:2000:",
        TOKEN.rpartition(b":")[0],
        TOKEN + b"0",
        b" " + TOKEN,
        TOKEN.upper(),
        TOKEN.replace(b":1000:", b":9999:"),
        TOKEN.replace(b":1000:", b":01000:"),
        TOKEN.replace(b":new:", b":legacy:"),
        TOKEN.replace(b":new:", b":fixed:"),
        TOKEN.replace(b"auth:", b"auth:new:1000:"),
    ],
)
def test_not_malformed_or_unsigned(token):
    assert read(token) is None


@given(st.binary(max_size=200))
def test_noise_is_no_token(token):
    assert read(token) is None


def find(*fields, key=KEY):
    return find_override(list(fields), key, feature="auth", now=0.0)


def test_it_is_found_in_the_header_or_the_cookie():
    assert find((b"x-gateway-override", TOKEN)) is Side.NEW
    assert find((b"cookie", b"a=1; gateway_override=" + TOKEN + b"; b=2")) is Side.NEW
    assert find((b"x-gateway-override", b"no"), (b"cookie", b"gateway_override=" + TOKEN)) is None
    assert find((b"x-other", TOKEN), (b"cookie", b"override=" + TOKEN)) is None


def test_without_a_key_nothing_is_a_token():
    assert find((b"x-gateway-override", TOKEN), key=None) is None


@pytest.mark.parametrize(
    ("value", "left"),
    [
        (b"a=1; gateway_override=x; b=2", b"a=1; b=2"),
        (b"gateway_override=x;a=1", b"a=1"),
        (b"a=1;gateway_override=x", b"a=1"),
        (b"gateway_override = x; a=1", b"a=1"),
        (b"gateway_override; a=1", b"a=1"),
        (b"gateway_override=x; gateway_override=y; a=1", b"a=1"),
        (b"my_gateway_override=x; a=gateway_override", b"my_gateway_override=x; a=gateway_override"),
    ],
)
def test_the_cookie_is_taken_out_and_the_others_stay(value, left):
    assert without_override([(b"x", b"1"), (b"cookie", value)]) == [(b"x", b"1"), (b"cookie", left)]


def test_a_cookie_field_with_nothing_left_goes_and_others_are_untouched():
    fields = [(b"cookie", b"gateway_override=x"), (b"x", b""), (b"cookie", b"b=2")]
    assert without_override(fields) == [(b"x", b""), (b"cookie", b"b=2")]
    plain = [(b"cookie", b"a=1;b=2"), (b"x", b"gateway_override=1")]
    assert without_override(plain) is plain


def test_the_key_comes_from_its_variable_or_a_file(tmp_path):
    file = tmp_path / "key"
    file.write_text("f" * 32 + "\n")
    assert override_key({}) is None
    assert override_key({"GATEWAY_OVERRIDE_KEY": "k" * 16}) == b"k" * 16
    assert override_key({"GATEWAY_OVERRIDE_KEY_FILE": str(file)}) == b"f" * 32
    both = {"GATEWAY_OVERRIDE_KEY": "k" * 16, "GATEWAY_OVERRIDE_KEY_FILE": str(file)}
    assert override_key(both) == b"k" * 16
    with pytest.raises(ValueError, match="less than 16"):
        override_key({"GATEWAY_OVERRIDE_KEY": "short"})
    with pytest.raises(OSError, match="missing"):
        override_key({"GATEWAY_OVERRIDE_KEY_FILE": str(tmp_path / "missing")})
