"""Who a request is: sources, raw bytes, tokens."""

from base64 import urlsafe_b64encode

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.rules.keys import MAX_TOKEN_BYTES, KeySource, identify, parse_source, read_cookie, read_source


def read(source, *fields, client_ip="10.0.0.1"):
    return read_source(parse_source(source), fields, client_ip)


def bearer(payload, *, scheme=b"Bearer "):
    data = payload if isinstance(payload, bytes) else orjson.dumps(payload)
    return (b"authorization", scheme + b"e30." + urlsafe_b64encode(data).rstrip(b"=") + b".c2ln")


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("header:X-User", KeySource("header", "x-user")),
        ("cookie:Id", KeySource("cookie", "Id")),
        ("jwt:sub", KeySource("jwt", "sub")),
        ("client_ip", KeySource("client_ip")),
    ],
)
def test_sources_are_read_and_written_back(text, source):
    assert parse_source(text) == source
    assert parse_source(str(source)) == source


@pytest.mark.parametrize("text", ["", "header", "header:", "cookie:", "jwt:", "client_ip:x", "query:a", "Header:x"])
def test_what_is_no_source_is_refused_with_the_forms_that_are(text):
    with pytest.raises(ValueError, match="client_ip"):
        parse_source(text)


def test_the_last_of_repeated_cookies_wins_in_one_field_and_over_several():
    assert read("cookie:id", (b"cookie", b"id=1; a=b; id=2")) == b"2"
    assert read("cookie:id", (b"cookie", b"id=2"), (b"cookie", b"id=1; xid=3")) == b"1"


@pytest.mark.parametrize(
    ("cookie", "value"),
    [
        (b'id="a b"', b'"a b"'),
        (b"id=%41%20", b"%41%20"),
        (b"id=a=b==", b"a=b=="),
        (b"id=\xff\xe4", b"\xff\xe4"),
        (b"a=1;id=x;b=2", b"x"),
        (b" \tid=x \t; b", b"x"),
        (b"ID=x", None),
        (b"xid=1; id2=2; id", None),
        (b"a=id=1", None),
        (b"id=", b""),
    ],
)
def test_a_cookie_is_its_raw_bytes(cookie, value):
    assert read("cookie:id", (b"cookie", cookie)) == value


@given(st.binary(max_size=30).filter(lambda raw: b";" not in raw and raw.strip(b" \t") == raw))
def test_any_bytes_of_a_cookie_come_through(raw):
    assert read("cookie:id", (b"cookie", b"a=b; id=" + raw + b"; c=d")) == raw


@pytest.mark.parametrize(
    ("payload", "value"),
    [
        ({"sub": "alice"}, b"alice"),
        ({"sub": "ä\n"}, "ä\n".encode()),
        ({"sub": 42}, b"42"),
        ({"sub": -1}, b"-1"),
        ({"sub": ""}, None),
        ({"sub": True}, None),
        ({"sub": 1.5}, None),
        ({"sub": None}, None),
        ({"sub": ["a"]}, None),
        ({}, None),
        ([1], None),
        (b"not json", None),
        (b"[" * 5000, None),
    ],
)
def test_a_claim_is_a_string_or_a_whole_number(payload, value):
    assert read("jwt:sub", bearer(payload)) == value


@pytest.mark.parametrize("scheme", [b"bearer ", b"BEARER  "])
def test_the_scheme_has_no_case(scheme):
    assert read("jwt:sub", bearer({"sub": "a"}, scheme=scheme)) == b"a"


@pytest.mark.parametrize("value", [b"", b"Bearer", b"Bearer a.b", b"Bearer a.b.c.d", b"Bearer a.%%%.c", b"Basic YTpi"])
def test_what_is_no_token_is_no_key(value):
    assert read("jwt:sub", (b"authorization", value)) is None


def test_a_token_over_the_limit_is_not_looked_into():
    assert read("jwt:sub", bearer({"sub": "a", "x": "y" * MAX_TOKEN_BYTES})) is None
    assert read("jwt:sub", bearer({"sub": "a", "x": "y" * (MAX_TOKEN_BYTES // 2)})) == b"a"


@given(st.binary(max_size=200))
def test_no_authorization_breaks_anything(raw):
    read("jwt:sub", (b"authorization", b"Bearer " + raw))
    read("jwt:sub", (b"authorization", raw))


@given(st.text(min_size=1), st.sampled_from(["cookie:", "header:", "jwt:"]))
def test_no_name_that_an_operator_types_breaks_anything(name, kind):
    typed = name.encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape")
    token = bearer({"a": "b"})
    found = read(kind + typed, (b"cookie", b"a=b"), token)
    assert found in (None, b"b", b"a=b", token[1])  # `header:Cookie` is the whole field


def test_the_first_source_that_is_present_wins_and_an_empty_one_is_absent():
    sources = [parse_source(text) for text in ("cookie:id", "header:x-user", "client_ip")]
    fields = [(b"cookie", b"id="), (b"x-user", b"bob")]
    found = identify(sources, fields, "10.0.0.1")
    assert (str(found.source), found.value, found.issued) == ("header:x-user", b"bob", False)
    assert identify(sources, [], "10.0.0.1").value == b"10.0.0.1"
    assert identify(sources[:2], [], "10.0.0.1") is None
    assert identify(sources, [], "") is None


def split_at_each_semicolon(value, name):
    """The last pair of the name, found by looking at all of them."""
    pairs = [pair.strip(b" \t") for pair in value.split(b";")]
    named = [pair[len(name) + 1 :] for pair in pairs if pair.startswith(name + b"=")]
    return named[-1] if named else None


@given(values=st.lists(st.text("ab=; \tx", max_size=12).map(str.encode), max_size=3))
@example(values=[b"a=1; xa=2"])
@example(values=[b"a=; ba=1;a=2 ;", b"a"])
@example(values=[b"aa=1"])
def test_a_cookie_found_from_the_end_is_the_last_of_its_name(values):
    fields = [(b"cookie", value) for value in values]
    found = [split_at_each_semicolon(value, b"a") for value in values]
    expected = next((one for one in reversed(found) if one is not None), None)
    assert read_cookie(fields, b"a") == expected
