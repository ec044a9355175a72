"""What ends a body, and what no body holds: refused as soon as it shows, however it is cut."""

import pytest

from gateway.errors import ClientError
from gateway.rules.chunks import MAX_EXTENSIONS, MAX_SIZE_LINE, ChunkedBody, CountedBody

TRAILERS = 64


def read(wire, *, step):
    """(body, left), fed in pieces of so many bytes."""
    body, text = ChunkedBody(TRAILERS), b""
    for start in range(0, len(wire), step):
        if body.done:
            return text, body.left + wire[start:]
        text += body.feed(wire[start : start + step])
    assert body.done
    return text, body.left


@pytest.fixture(params=[1, 2, 3, 7, 100_000])
def step(request):
    return request.param


@pytest.mark.parametrize(
    ("wire", "text"),
    [
        (b"0\r\n\r\n", b""),
        (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
        (b"0005\r\nhello\r\n00\r\n\r\n", b"hello"),
        (b"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", b"0123456789" * 2),
        (b'5;a=b;c="\\"; x";d\r\nhello\r\n0;last\r\nX-Sum: 1\r\nY:\r\n\r\n', b"hello"),
        (b"2\r\n\r\n\r\n0\r\n\r\n", b"\r\n"),
    ],
)
def test_a_body_is_read_to_its_end_and_no_further(wire, text, step):
    assert read(wire + b"GET / HTTP/1.1\r\n", step=step) == (text, b"GET / HTTP/1.1\r\n")


REFUSED = {
    "no CRLF after a chunk": b"5\r\nhelloXX0\r\n\r\n",
    "LF alone after a chunk": b"5\r\nhello\n0\r\n\r\n",
    "CR alone after a chunk": b"5\r\nhello\r0\r\n\r\n",
    "the CRLF backwards": b"5\r\nhello\n\r0\r\n\r\n",
    "a chunk longer than its size": b"4\r\nhello\r\n0\r\n\r\n",
    "a chunk shorter than its size": b"6\r\nhello\r\n0\r\n\r\n",
    "LF alone after a size": b"5\nhello\r\n0\r\n\r\n",
    "LF alone at the end": b"0\r\n\n",
    "a CR in a size line": b"5\r;a\r\nhello\r\n0\r\n\r\n",
    "no size": b"\r\n",
    "a signed size": b"+5\r\nhello\r\n0\r\n\r\n",
    "a prefixed size": b"0x5\r\nhello\r\n0\r\n\r\n",
    "a grouped size": b"1_0\r\n0123456789012345\r\n0\r\n\r\n",
    "sixteen digits": b"1000000000000000\r\n",
    "space before a size": b" 5\r\nhello\r\n0\r\n\r\n",
    "space after a size": b"5 \r\nhello\r\n0\r\n\r\n",
    "an empty extension": b"5;\r\nhello\r\n0\r\n\r\n",
    "a control byte in an extension": b"5;a=\x01\r\nhello\r\n0\r\n\r\n",
    "an extension that is left open": b'5;a="b\r\nhello\r\n0\r\n\r\n',
    "a trailer without a colon": b"0\r\nnothing\r\n\r\n",
    "a trailer without a name": b"0\r\n: x\r\n\r\n",
    "a space before a trailer's colon": b"0\r\nX : y\r\n\r\n",
    "a NUL in a trailer": b"0\r\nX: \0\r\n\r\n",
    "a folded trailer": b"0\r\nX: a\r\n b\r\n\r\n",
    "one trailer too large": b"0\r\nX: " + b"y" * TRAILERS + b"\r\n\r\n",
    "too many trailers": b"0\r\n" + b"X: y\r\n" * 12 + b"\r\n",
    "a size line too long": b"5;" + b"a" * MAX_SIZE_LINE + b"\r\nhello\r\n0\r\n\r\n",
    "too many extensions": b"1;"
    + b"a" * 1000
    + b"\r\nx\r\n"
    + (b"1;" + b"a" * 1000 + b"\r\nx\r\n") * (MAX_EXTENSIONS // 1000),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_two_readers_could_read_in_two_ways_is_refused(name, step):
    with pytest.raises(ClientError) as refused:
        read(REFUSED[name], step=step)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    "begun",
    [b"z", b";", b"5" * (MAX_SIZE_LINE + 2), b"5\rx", b"0\r\nX: " + b"y" * (TRAILERS + 2), b"0\r\nX\rx", b"1\r\nab"],
)
def test_what_can_no_longer_become_a_body_is_not_waited_for(begun):
    body = ChunkedBody(TRAILERS)
    with pytest.raises(ClientError):
        body.feed(begun)


@pytest.mark.parametrize("begun", [b"5", b"5\r", b"5;a", b"5\r\nhel", b"5\r\nhello\r", b"0\r\nX: y\r", b"0\r\n\r"])
def test_what_may_still_become_one_is(begun):
    body = ChunkedBody(TRAILERS)
    body.feed(begun)
    assert not body.done


def test_a_counted_body_ends_at_its_length(step):
    body, text = CountedBody(5), b""
    for start in range(0, 5, step):
        assert not body.done
        text += body.feed(b"hello"[start : start + step])
    assert (text, body.done, body.left) == (b"hello", True, b"")


def test_what_follows_a_counted_body_is_left():
    body = CountedBody(5)
    assert (body.feed(b"hello, world"), body.done, body.left) == (b"hello", True, b", world")
