"""Paths there and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.rewrite import PathRewrite, location_back

prefixes = st.lists(st.sampled_from(["api", "v1", "auth"]), min_size=1, max_size=3).map(
    lambda parts: "/" + "/".join(parts)
)
rests = st.lists(st.text("abc;=.~-", min_size=1, max_size=4).filter(lambda part: part.strip(".")), max_size=3).map(
    lambda parts: "".join("/" + part for part in parts)
)
AUTH = PathRewrite.of("/api/auth", "/auth")
BARE = PathRewrite.of("/api", "/")


@given(prefixes, prefixes, rests)
def test_what_goes_there_plainly_comes_back_the_same(inside, outside, rest):
    path = (inside + rest).encode()
    rewrite = PathRewrite.of(inside, outside)
    assert rewrite.forward(path) == (outside + rest).encode()
    assert rewrite.back(rewrite.forward(path)) == path


@pytest.mark.parametrize(
    ("raw", "sent"),
    [
        (b"/api/auth", b"/auth"),
        (b"/api/auth/", b"/auth/"),
        (b"/api/auth/a%20b", b"/auth/a%20b"),
        (b"/api/authx", b"/api/authx"),
        (b"/%61pi/auth/x", b"/auth/x"),
        (b"/api/auth/../auth/x", b"/auth/x"),
        (b"/%61pi/auth/a%0d%0ab%3Fc", b"/auth/a%0D%0Ab%3Fc"),
    ],
)
def test_the_prefix_is_replaced_and_nothing_climbs_out_of_it(raw, sent):
    assert AUTH.forward(raw) == sent


@given(st.binary(max_size=20).map(lambda raw: b"/api/auth/" + raw.replace(b"?", b"")))
def test_nothing_that_is_sent_breaks_a_request_line_that_was_whole(raw):
    plain = bytes(byte for byte in raw if 32 < byte < 127)
    assert not set(AUTH.forward(plain)) & set(b" \r\n?")


def test_a_prefix_may_be_removed_and_put_back():
    assert BARE.forward(b"/api") == b"/"
    assert BARE.forward(b"/api/x") == b"/x"
    assert BARE.back(b"/x") == b"/api/x"


@pytest.mark.parametrize(
    ("value", "back"),
    [
        (b"/auth/next?a=/auth#f", b"/api/auth/next?a=/auth#f"),
        (b"/auth?x", b"/api/auth?x"),
        (b"/authx", b"/authx"),
        (b"/other", b"/other"),
        (b"next", b"next"),
        (b"?page=2", b"?page=2"),
        (b"", b""),
        (b"http://127.0.0.1:9002/auth/x", b"https://shop.example/api/auth/x"),
        (b"HTTP://127.0.0.1:9002", b"https://shop.example/"),
        (b"//127.0.0.1:9002/auth", b"https://shop.example/api/auth"),
        (b"http://Shop.example/auth/x", b"http://Shop.example/api/auth/x"),
        (b"//shop.example/auth/x", b"//shop.example/api/auth/x"),
        (b"https://elsewhere.example/auth/x", b"https://elsewhere.example/auth/x"),
        (b"//elsewhere.example/auth/x", b"//elsewhere.example/auth/x"),
        (b"mailto:a@b", b"mailto:a@b"),
    ],
)
def test_locations(value, back):
    origins = frozenset((b"http://127.0.0.1:9002",))
    got = location_back(value, AUTH, upstream_origins=origins, scheme=b"https", host=b"shop.example")
    assert got == back


def test_a_removed_prefix_does_not_touch_other_sites_or_relative_references():
    for value in (b"//elsewhere.example/x", b"?a", b"x/y"):
        got = location_back(value, BARE, upstream_origins=frozenset(), scheme=b"http", host=b"h")
        assert got == value


@pytest.mark.parametrize(
    ("rewrite", "value", "back"),
    [
        (AUTH, b"s=1; Path=/auth; HttpOnly", b"s=1; Path=/api/auth; HttpOnly"),
        (AUTH, b"s=1;path=/auth/x", b"s=1;path=/api/auth/x"),
        (AUTH, b"s=/auth; Path=/", b"s=/auth; Path=/"),
        (AUTH, b"s=1", b"s=1"),
        (BARE, b"s=1; Path=/", b"s=1; Path=/api"),
        (BARE, b"s=1; Path=/x; Secure", b"s=1; Path=/api/x; Secure"),
    ],
)
def test_cookie_paths(rewrite, value, back):
    assert rewrite.cookie_back(value) == back
