"""Content-Encoding undone: every coding, lists of them, and nothing that is larger than it may be."""

import gzip
import sys
import tracemalloc
import zlib
from contextlib import suppress

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.encodings import MAX_CODINGS, MAX_MEMBERS, EncodingError, decoded

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TEXT = b"What it was before it was encoded. " * 50
LIMIT = 1 << 20


def raw_deflate(body):
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(body) + compressor.flush()


ENCODE = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": lambda body: brotli.compress(body, quality=3),
    "zstd": zstd.compress,
}
ENCODERS = [*ENCODE.items(), ("deflate", raw_deflate)]
IDS = [*ENCODE, "deflate without its wrapping"]
each_coding = pytest.mark.parametrize(("coding", "encode"), ENCODERS, ids=IDS)


@each_coding
@given(body=st.one_of(st.binary(max_size=3000), st.binary(min_size=1, max_size=3).map(lambda piece: piece * 30_000)))
def test_what_was_encoded_is_undone(coding, encode, body):
    assert decoded(encode(body), coding, LIMIT) == body


@each_coding
def test_the_limit_is_the_last_size_that_is_undone(coding, encode):
    encoded = encode(TEXT)
    assert decoded(encoded, coding, len(TEXT)) == TEXT
    with pytest.raises(EncodingError, match=f"larger than {len(TEXT) - 1} bytes"):
        decoded(encoded, coding, len(TEXT) - 1)


@each_coding
def test_a_bomb_is_never_undone_beyond_the_limit(coding, encode):
    bomb = encode(bytes(32 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(EncodingError, match="larger than 100000 bytes"):
            decoded(bomb, coding, 100_000)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


@each_coding
def test_a_bomb_in_a_bomb_is_never_undone_beyond_the_limit(coding, encode):
    with pytest.raises(EncodingError, match="larger than"):
        decoded(gzip.compress(encode(bytes(16 << 20))), f"{coding}, gzip", 100_000)


@each_coding
def test_a_body_that_is_cut_anywhere_is_told(coding, encode):
    encoded = encode(TEXT)
    for end in range(1, len(encoded)):
        with pytest.raises(EncodingError):
            decoded(encoded[:end], coding, LIMIT)


@each_coding
def test_a_body_that_goes_on_behind_its_end_is_told(coding, encode):
    with pytest.raises(EncodingError):
        decoded(encode(TEXT) + b"and more", coding, LIMIT)


@pytest.mark.parametrize(("coding", "encode"), [("gzip", gzip.compress), ("zstd", zstd.compress)])
def test_members_and_frames_are_one_body(coding, encode):
    assert decoded(encode(b"one ") + encode(b"") + encode(b"body"), coding, 8) == b"one body"
    with pytest.raises(EncodingError, match="larger than 7"):
        decoded(encode(b"one ") + encode(b"body"), coding, 7)
    with pytest.raises(EncodingError, match="goes on"):
        decoded(encode(b"") * (MAX_MEMBERS + 1), coding, LIMIT)


def test_a_frame_of_zstd_that_is_skipped_holds_nothing():
    skipped = (0x184D2A50).to_bytes(4, "little") + (3).to_bytes(4, "little") + b"xyz"
    assert decoded(skipped + zstd.compress(b"body") + skipped, "zstd", LIMIT) == b"body"


def test_a_window_that_would_take_too_much_memory_is_refused():
    options = {zstd.CompressionParameter.window_log: 25, zstd.CompressionParameter.content_size_flag: 0}
    compressor = zstd.ZstdCompressor(options=options)
    wide = compressor.compress(b"x" * 1000) + compressor.flush()
    with pytest.raises(EncodingError, match="the body is no zstd"):
        decoded(wide, "zstd", LIMIT)


def test_lists_are_undone_from_their_end():
    assert decoded(brotli.compress(gzip.compress(TEXT)), "gzip, br", LIMIT) == TEXT
    assert decoded(gzip.compress(TEXT), " identity ,GZIP,, ", LIMIT) == TEXT


@pytest.mark.parametrize("coding", [None, "", "identity", "Identity, identity", " , "])
def test_what_is_not_encoded_stays_as_it_is(coding):
    assert decoded(TEXT, coding, 1) == TEXT


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "deflate", "compress"])
def test_of_no_body_nothing_is_undone(coding):
    """A reply to HEAD says how its body would have been encoded."""
    assert decoded(b"", coding, LIMIT) == b""


@pytest.mark.parametrize(
    ("coding", "words"),
    [
        ("compress", '"compress" is no content coding that can be undone; gzip, x-gzip, deflate, br, zstd are'),
        ("gzip, sdch", '"sdch" is no'),
        (", ".join(["gzip"] * (MAX_CODINGS + 1)), "4 content codings, one over the other; up to 3"),
    ],
)
def test_what_cannot_be_undone_is_said(coding, words):
    with pytest.raises(EncodingError, match=words):
        decoded(TEXT, coding, LIMIT)


@given(
    st.binary(max_size=300),
    st.one_of(st.text(max_size=20), st.lists(st.sampled_from([*ENCODE]), max_size=5).map(", ".join)),
    st.integers(1, 10_000),
)
def test_nothing_else_is_raised(body, coding, limit):
    with suppress(EncodingError):
        assert len(decoded(body, coding, limit)) <= max(limit, len(body))


@each_coding
@given(data=st.data())
def test_nothing_else_is_raised_for_what_was_nearly_right(coding, encode, data):
    encoded = bytearray(encode(TEXT))
    for _ in range(data.draw(st.integers(1, 4))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    with suppress(EncodingError):
        assert len(decoded(bytes(encoded), coding, 5000)) <= 5000
