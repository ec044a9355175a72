from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.exceptions import HTTPException
from starlette.requests import Request

from new_backend.infrastructure.http.multipart import (
    Event,
    MalformedMultipartError,
    MultipartReader,
    PartBegins,
    PartData,
    boundary_of,
)

BOUNDARY = b"xyz"
Part = tuple[PartBegins, bytes]


def body(*parts: tuple[bytes, bytes]) -> bytes:
    """Parts as (disposition, content)."""
    pieces = [b"--xyz\r\nContent-Disposition: " + head + b"\r\n\r\n" + content + b"\r\n" for head, content in parts]
    return b"".join(pieces) + b"--xyz--\r\n"


def read(chunks: list[bytes]) -> list[Part] | None:
    """The parts, their data put together; None for what is malformed."""
    reader = MultipartReader(BOUNDARY)
    events: list[Event] = []
    try:
        for chunk in chunks:
            events += reader.feed(chunk)
        reader.close()
    except MalformedMultipartError:
        return None
    parts: list[Part] = []
    for event in events:
        if isinstance(event, PartBegins):
            parts.append((event, b""))
        elif isinstance(event, PartData):
            parts[-1] = (parts[-1][0], parts[-1][1] + event.data)
    return parts


def test_parts_come_with_their_names_and_content() -> None:
    sent = body((b'form-data; name="note"', b"hi"), (b'form-data; name="file"; filename="c;v\\".txt"', b"a\r\n--xy b"))
    assert read([sent]) == [(PartBegins(b"note", None), b"hi"), (PartBegins(b"file", b'c;v".txt'), b"a\r\n--xy b")]


def test_a_part_that_is_no_form_data_has_no_name() -> None:
    assert read([body((b'attachment; name="file"; filename="x"', b"hi"))]) == [(PartBegins(None, None), b"hi")]
    assert read([b"--xyz\r\nContent-Type: text/plain\r\n\r\nhi\r\n--xyz--"]) == [(PartBegins(None, None), b"hi")]


def test_a_disposition_of_one_part_is_not_the_next_ones() -> None:
    sent = b'--xyz\r\nContent-Disposition: form-data; name="file"\r\n\r\na\r\n--xyz\r\nX: y\r\n\r\nb\r\n--xyz--'
    assert read([sent]) == [(PartBegins(b"file", None), b"a"), (PartBegins(None, None), b"b")]


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"nonsense",
        b"--xyz",
        b"--abc\r\n\r\n\r\n--abc--\r\n",
        body((b'form-data; name="file"', b"x"))[:-5],
        b"--xyz\r\nbad header\r\n\r\nx\r\n--xyz--\r\n",
        b"--xyz\r\n" + b"X" * 5000 + b": y\r\n\r\nx\r\n--xyz--\r\n",
        b"--xyz\r\n" + b"X: y\r\n" * 50 + b"\r\nx\r\n--xyz--\r\n",
    ],
)
def test_what_does_not_parse_or_ends_early_is_malformed(sent: bytes) -> None:
    assert read([sent]) is None


def test_no_part_is_kept_in_memory() -> None:
    reader = MultipartReader(BOUNDARY)
    reader.feed(b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n')
    for _ in range(100):
        (event,) = reader.feed(b"x" * 1000)
        assert isinstance(event, PartData)
    assert reader._events == []  # noqa: SLF001  # what it would keep it in


CONTENT = st.one_of(
    st.binary(max_size=60), st.sampled_from([b"\r\n--xy", b"\r\n--xyz", b"\r", b"--xyz--", b"\r\n\r\n-"])
)
DISPOSITION = st.sampled_from([b'form-data; name="file"; filename="a.txt"', b'form-data; name="b"', b"other"])
BODIES = st.lists(st.tuples(DISPOSITION, CONTENT), max_size=4).map(lambda parts: body(*parts))
DAMAGED = st.builds(
    lambda sent, at, junk: sent[: at % (len(sent) + 1)] + junk, BODIES, st.integers(0, 999), st.binary(max_size=9)
)


@given(sent=st.one_of(BODIES, DAMAGED), cuts=st.lists(st.integers(0, 400), max_size=8))
@settings(max_examples=200, deadline=None)
def test_any_split_of_the_same_bytes_gives_the_same_parts(sent: bytes, cuts: list[int]) -> None:
    at = [0, *sorted(min(cut, len(sent)) for cut in cuts), len(sent)]
    pieces = [sent[start:end] for start, end in pairwise(at)]
    assert read(pieces) == read([sent])
    assert read([sent[place : place + 1] for place in range(len(sent))]) == read([sent])


def request(content_type: str | None) -> Request:
    headers = [] if content_type is None else [(b"content-type", content_type.encode("latin-1"))]
    return Request({"type": "http", "headers": headers})


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=xyz", b"xyz"),
        ('Multipart/Form-Data;charset=utf-8; BOUNDARY="x y"', b"x y"),
    ],
)
def test_the_boundary_is_the_content_types(content_type: str, boundary: bytes) -> None:
    assert boundary_of(request(content_type)) == boundary


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        (None, 415),
        ("application/json", 415),
        ("multipart/mixed; boundary=x", 415),
        ("multipart/form-data", 400),
        ("multipart/form-data; boundary=", 400),
    ],
)
def test_another_content_type_and_no_boundary_are_told_apart(content_type: str | None, status: int) -> None:
    with pytest.raises(HTTPException) as caught:
        boundary_of(request(content_type))
    assert caught.value.status_code == status


def test_a_boundary_that_is_too_long_is_malformed() -> None:
    with pytest.raises(MalformedMultipartError):
        MultipartReader(b"x" * 300)
