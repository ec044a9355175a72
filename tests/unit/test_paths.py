import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config.schema import EncodedSlash
from gateway.rules.paths import encode, is_plain, normalize, readings

PIECES = st.sampled_from(
    [
        b"/",
        b"//",
        b".",
        b"..",
        b"%2e",
        b"%2E",
        b"%2f",
        b"%2F",
        b"%252e",
        b"%",
        b"%zz",
        b"a",
        b"%61",
        b";",
        b"\\",
        b"%00",
    ]
)
PATHS = st.lists(PIECES, max_size=12).map(lambda pieces: b"/" + b"".join(pieces)) | st.binary().map(
    lambda raw: b"/" + raw
)
UNRESERVED = b"abcXYZ019-._~"


@pytest.mark.parametrize(
    ("raw", "normal"),
    [
        (b"/a/b", b"/a/b"),
        (b"", b"/"),
        (b"/", b"/"),
        (b"*", b"*"),
        (b"/a/./b", b"/a/b"),
        (b"/a/../b", b"/b"),
        (b"/a/%2e%2e/b", b"/b"),
        (b"/a/.%2E/b", b"/b"),
        (b"/../../b", b"/b"),
        (b"/a/..", b"/"),
        (b"/a/b/..", b"/a/"),
        (b"/a/.", b"/a/"),
        (b"//a///b//", b"/a/b/"),
        (b"/a//../b", b"/a/b"),
        (b"/%61%2Dz", b"/a-z"),
        (b"/a%2fb", b"/a%2Fb"),
        (b"/a%252fb", b"/a%252fb"),
        (b"/a/%252e%252e/b", b"/a/%252e%252e/b"),
        (b"/100%", b"/100%25"),
        (b"/%zz", b"/%25zz"),
        (b"/a\\..\\b", b"/a\\..\\b"),
        (b"/a/..;x/b", b"/a/..;x/b"),
        (b"/a%00b", b"/a\x00b"),
        (b"/caf%C3%A9", b"/caf\xc3\xa9"),
        (b"/a%3Fb", b"/a?b"),
        (b"/.well-known/x", b"/.well-known/x"),
    ],
)
def test_each_spelling_has_one_meaning(raw, normal):
    assert normalize(raw) == normal


def test_an_encoded_slash_separates_where_it_is_read_so():
    assert normalize(b"/a/..%2fb", decode_slash=True) == b"/b"
    assert normalize(b"/a/%2e%2e%2fb", decode_slash=True) == b"/b"


def test_an_escaped_percent_is_never_mistaken_for_an_encoded_slash():
    assert normalize(b"/a%252Fb") != normalize(b"/a%2Fb")


def test_readings_are_all_that_a_server_may_make_of_a_path():
    assert readings(b"/a/b", EncodedSlash.REFUSE) == (b"/a/b",)
    assert readings(b"/a/%2e./b", EncodedSlash.REFUSE) == (b"/b",)
    assert readings(b"/a%2Fb", EncodedSlash.REFUSE) == (b"/a%2Fb", b"/a/b")
    assert readings(b"/a%2Fb", EncodedSlash.DATA) == (b"/a%2Fb",)
    assert readings(b"/a%2Fb", EncodedSlash.SEPARATOR) == (b"/a/b",)
    assert readings(b"/a%252Fb", EncodedSlash.REFUSE) == (b"/a%252Fb",)
    assert readings(b"/a//../b", EncodedSlash.DATA) == (b"/a/b", b"/b")


def test_what_is_no_path_has_no_reading():
    assert readings(b"a/b", EncodedSlash.REFUSE) == ()
    assert readings(b"", EncodedSlash.REFUSE) == (b"/",)
    assert readings(b"*", EncodedSlash.REFUSE) == (b"*",)


@settings(deadline=None)
@given(PATHS)
def test_normalizing_twice_changes_nothing(raw):
    once = normalize(raw)
    assert normalize(once) == once


@settings(deadline=None)
@given(PATHS, st.booleans())
def test_a_normal_path_is_rooted_and_has_no_dot_segment_and_no_empty_one(raw, decode_slash):
    normal = normalize(raw, decode_slash=decode_slash)
    segments = normal.split(b"/")
    assert segments[0] == b""
    assert not {b".", b".."} & set(segments)
    assert b"//" not in normal


@settings(deadline=None)
@given(PATHS)
def test_the_first_reading_is_the_normal_path_and_a_plain_path_is_its_own(raw):
    assert readings(raw, EncodedSlash.DATA)[0] == normalize(raw)
    if is_plain(raw):
        assert readings(raw, EncodedSlash.REFUSE) == (raw,)


@settings(deadline=None)
@given(st.lists(st.sampled_from(list(UNRESERVED)), max_size=20), st.data())
def test_escaping_unreserved_characters_never_changes_the_meaning(characters, data):
    plain = b"/" + bytes(characters)
    escaped = b"/" + b"".join(
        data.draw(st.sampled_from([bytes([c]), b"%%%02x" % c, b"%%%02X" % c])) for c in characters
    )
    assert normalize(escaped) == normalize(plain)


@settings(deadline=None)
@given(PATHS)
def test_an_encoded_normal_path_is_fit_for_a_request_line_and_means_the_same(raw):
    wire = encode(normalize(raw))
    assert re.fullmatch(rb"[!-~]+", wire)
    assert b"?" not in wire
    assert b"#" not in wire
    assert normalize(wire) == normalize(raw)
