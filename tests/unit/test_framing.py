"""Where a body ends, or a refusal: never a guess."""

import pytest

from gateway.errors import ClientError
from gateway.rules.framing import CHUNKED, MAX_LENGTH_DIGITS, body_length

LONGEST = b"9" * MAX_LENGTH_DIGITS


def test_no_field_is_no_body():
    assert body_length([], [], minor=1) == 0


@pytest.mark.parametrize(("text", "length"), [(b"0", 0), (b"5", 5), (LONGEST, int(LONGEST))])
@pytest.mark.parametrize("minor", [0, 1])
def test_a_plain_number_is_a_length(text, length, minor):
    assert body_length([text], [], minor=minor) == length


@pytest.mark.parametrize("coding", [b"chunked", b"Chunked", b"CHUNKED"])
def test_chunked_alone_is_chunked(coding):
    assert body_length([], [coding], minor=1) == CHUNKED


LENGTHS = [
    b"",
    b" ",
    b"-1",
    b"+1",
    b"1,1",
    b"1, 2",
    b"0x1",
    b"1_0",
    b"01",
    b"00",
    b"1.0",
    b"1e1",
    b"\xb2",
    LONGEST + b"9",
]


@pytest.mark.parametrize("text", LENGTHS)
def test_anything_else_is_no_length(text):
    with pytest.raises(ClientError) as refused:
        body_length([text], [], minor=1)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("lengths", "codings", "minor"),
    [([b"5", b"6"], [], 1), ([b"5"], [b"chunked"], 1), ([b"0"], [b"chunked"], 1), ([], [b"chunked"], 0)],
)
def test_two_readings_are_none(lengths, codings, minor):
    with pytest.raises(ClientError) as refused:
        body_length(lengths, codings, minor=minor)
    assert refused.value.status == 400


CODINGS = [
    ([b"chunked", b"chunked"], 400),
    ([b"chunked, chunked"], 400),
    ([b"chunked, gzip"], 400),
    ([b"chunked,"], 400),
    ([b",chunked"], 400),
    ([b""], 400),
    ([b"chunked;q=1"], 400),
    ([b"\x0bchunked"], 400),
    ([b"xchunked"], 400),
    ([b"identity"], 400),
    ([b"gzip"], 400),
    ([b"gzip, chunked"], 501),
    ([b"gzip", b"chunked"], 501),
]


@pytest.mark.parametrize(("codings", "status"), CODINGS)
def test_any_other_coding_is_refused(codings, status):
    with pytest.raises(ClientError) as refused:
        body_length([], codings, minor=1)
    assert refused.value.status == status
