import pytest
from hypothesis import given
from hypothesis import strategies as st

from new_backend.infrastructure.http.ranges import (
    ByteRange,
    UnsatisfiableRangeError,
    none_match,
    parse_range,
    range_holds,
)

TAG = '"abc"'


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", ByteRange(0, 0)),
        ("bytes=2-5", ByteRange(2, 5)),
        ("bytes=2-", ByteRange(2, 9)),
        ("bytes=2-99", ByteRange(2, 9)),
        ("bytes=9-9", ByteRange(9, 9)),
        ("bytes=-1", ByteRange(9, 9)),
        ("bytes=-10", ByteRange(0, 9)),
        ("bytes=-99", ByteRange(0, 9)),
        ("Bytes=2-5 ", ByteRange(2, 5)),
        ("bytes=0000000000000000000000002-5", ByteRange(2, 5)),
        ("bytes=2-" + "9" * 5000, ByteRange(2, 9)),
        (None, None),
        ("", None),
        ("bytes=", None),
        ("bytes=-", None),
        ("bytes=5-2", None),
        ("bytes=0-1,3-4", None),
        ("bytes=a-b", None),
        ("bytes=1.0-2", None),
        ("bytes=+1-2", None),
        ("bytes=\u0661-2", None),
        ("lines=0-1", None),
        ("bytes 0-1", None),
    ],
)
def test_a_range_is_one_that_can_be_sent_or_none(header: str | None, expected: ByteRange | None) -> None:
    assert parse_range(header, size=10) == expected


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=" + "9" * 5000 + "-"])
def test_a_range_beyond_the_end_cannot_be_satisfied(header: str) -> None:
    with pytest.raises(UnsatisfiableRangeError):
        parse_range(header, size=10)


@given(header=st.from_regex(r"bytes=[0-9]{0,3}-[0-9]{0,3}", fullmatch=True), size=st.integers(1, 500))
def test_whatever_is_found_is_inside_of_the_file(header: str, size: int) -> None:
    try:
        found = parse_range(header, size=size)
    except UnsatisfiableRangeError:
        return
    assert found is None or 0 <= found.first <= found.last < size


@pytest.mark.parametrize(
    ("header", "sent"),
    [
        (None, True),
        (TAG, False),
        (f"W/{TAG}", False),
        ("*", False),
        (f'"x", {TAG}', False),
        (f'"x,y" ,W/"z",\t{TAG}', False),
        ('"x"', True),
        ("abc", True),
        ('"abc', True),
        ("", True),
        (f"nonsense, {TAG}", True),
    ],
)
def test_a_tag_that_the_client_has_is_not_sent_again(header: str | None, sent: bool) -> None:
    assert none_match(header, TAG) is sent


@pytest.mark.parametrize(
    ("header", "holds"),
    [(None, True), (TAG, True), (f"W/{TAG}", False), ('"x"', False), ("Mon, 30 Nov 2026 12:00:00 GMT", False)],
)
def test_a_range_counts_for_that_very_tag(header: str | None, holds: bool) -> None:
    assert range_holds(header, TAG) is holds
