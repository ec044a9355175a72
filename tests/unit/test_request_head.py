"""Heads and chunks from bytes: one meaning or a refusal, however they are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ClientError
from gateway.rules.chunks import ChunkedBody
from gateway.rules.framing import CHUNKED, body_length
from gateway.rules.request_head import HeadLimits, check_beginning, parse_head

LIMITS = HeadLimits(head_bytes=4096, fields=20, target_bytes=512)
TOKEN = st.text("abcXYZ019-_.!", min_size=1, max_size=12).map(str.encode)
VALUE = st.binary(max_size=20).map(
    lambda raw: bytes(byte for byte in raw if byte == 9 or 32 <= byte != 127).strip(b" \t")
)


@given(st.lists(st.tuples(TOKEN.map(lambda name: b"x-" + name), VALUE), max_size=10))
def test_what_is_valid_is_read_as_it_stands(fields):
    head = b"".join([b"GET /a HTTP/1.1\r\nHost: test\r\n", *(b"%b:%b\r\n" % field for field in fields)])
    read = parse_head(head, LIMITS)
    assert read.fields == [(b"host", b"test"), *((name.lower(), value) for name, value in fields)]
    assert (read.method, read.target, read.length, read.keep_alive) == (b"GET", b"/a", 0, True)


@given(st.binary(max_size=200))
def test_whatever_comes_is_read_or_refused(noise):
    for text in (noise, b"GET /a HTTP/1.1\r\nHost: a\r\n" + noise + b"\r\n"):
        try:
            head = parse_head(text, LIMITS)
        except ClientError:
            continue
        assert b"\0" not in text
        assert text.count(b"\n") == text.count(b"\r\n") == len(head.fields) + 1


def test_the_beginning_of_a_head_of_the_largest_size_is_never_refused():
    """The empty line that ends it is not counted, nor is the half of it that has come."""
    head = b"GET /a HTTP/1.1\r\nHost: test\r\nX-F: "
    head += b"f" * (LIMITS.head_bytes - len(head) - 2) + b"\r\n"
    parse_head(head, LIMITS)
    for cut in range(len(head) - 3, len(head) + 2):
        check_beginning((head + b"\r\n")[:cut], LIMITS)
    with pytest.raises(ClientError):
        check_beginning(head + b"x", LIMITS)


@given(st.integers(0, 80))
def test_the_beginning_of_what_is_valid_is_never_refused(cut):
    check_beginning(b"POST /a?b HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\nX-A: b c\r\n\r"[:cut], LIMITS)


@given(st.lists(st.binary(max_size=8), max_size=3), st.lists(st.binary(max_size=12), max_size=3), st.integers(0, 1))
def test_a_length_is_what_one_plain_number_says(lengths, codings, minor):
    try:
        length = body_length(lengths, codings, minor=minor)
    except ClientError:
        return
    if codings:
        assert (length, lengths, minor, codings[0].lower()) == (CHUNKED, [], 1, b"chunked")
    else:
        assert lengths in ([], [b"%d" % length])


@given(
    st.lists(st.binary(min_size=1, max_size=30), max_size=6), st.lists(st.integers(0, 300), max_size=6), st.booleans()
)
def test_chunks_give_their_content_however_they_are_cut(pieces, cuts, trailer):
    text = b"".join(b"%x;a=b\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n"
    text += (b"x-t: y\r\n" if trailer else b"") + b"\r\nGET /next"
    body, read = ChunkedBody(4096), b""
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(text)], strict=True):
        if body.done:
            body.left += text[start:end]
        else:
            read += body.feed(text[start:end])
    assert (read, body.done, body.left) == (b"".join(pieces), True, b"GET /next")


@pytest.mark.parametrize("extensions", [1, 20])
def test_extensions_are_bounded(extensions):
    body = ChunkedBody(4096)
    chunk = b"1;a=" + b"b" * 1000 + b"\r\nx\r\n"
    if extensions == 1:
        assert body.feed(chunk) == b"x"
    else:
        with pytest.raises(ClientError):
            body.feed(chunk * extensions)
