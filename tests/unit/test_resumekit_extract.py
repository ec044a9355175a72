"""The text of a file is had as it stands there, or it is said in words why not."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resumekit.extract import UnreadableFileError, text_of
from resumekit.kinds import DOCX, MARKDOWN, PDF, TEXT
from resumekit.limits import MAX_CHARACTERS
from tests.support.resume_files import docx_of, pdf_of

UNHURRIED = settings(deadline=None)  # the machine may be busy with something else


def read(data, kind=TEXT):
    return text_of(io.BytesIO(data), kind=kind)


def told(data, kind):
    """The text, or why there is none."""
    try:
        return read(data, kind)
    except UnreadableFileError as error:
        return str(error)


@pytest.mark.parametrize("kind", [TEXT, MARKDOWN])
def test_text_is_taken_as_it_is(kind):
    assert read("# Jane\n\n\tGrüße 🙂".encode(), kind) == "# Jane\n\n\tGrüße 🙂"


def test_a_byte_order_mark_is_no_text():
    assert read("\ufeffJane".encode()) == "Jane"


@pytest.mark.parametrize("end", ["\r\n", "\r", "\f", "\u2028", "\u2029"])
def test_all_line_ends_become_one(end):
    assert read(f"a{end}b{end}".encode()) == "a\nb\n"


def test_what_only_typesetters_tell_apart_is_made_plain():
    assert read("e\ufb03cient\u00a0work: micro\u00adser\u200bvices, open\u2010source".encode()) == (
        "efficient work: microservices, open-source"
    )


def test_a_position_in_the_file_does_not_matter():
    file = io.BytesIO(b"Jane Doe")
    file.seek(4)
    assert text_of(file, kind=TEXT) == "Jane Doe"


@pytest.mark.parametrize(
    ("data", "kind"),
    [(b"", TEXT), (b" \n\t ", MARKDOWN), ("\ufeff".encode(), TEXT), (pdf_of(""), PDF), (docx_of(), DOCX)],
)
def test_a_file_without_text_is_told(data, kind):
    with pytest.raises(UnreadableFileError, match=r"^there is no text in it$"):
        read(data, kind)


@pytest.mark.parametrize("kind", [PDF, DOCX, TEXT])
def test_a_file_that_is_something_else_is_damaged(kind):
    with pytest.raises(UnreadableFileError, match=r"^it is damaged$"):
        read(b"\xff\xfe\x00 none of these", kind)


def test_text_may_be_as_long_as_the_limit():
    longest = "\ufeff" + "🙂" * MAX_CHARACTERS
    assert len(read(longest.encode())) == MAX_CHARACTERS


@pytest.mark.parametrize("text", ["a" * (MAX_CHARACTERS + 1), "a" * 5 * MAX_CHARACTERS, "🙂" * (MAX_CHARACTERS + 1)])
def test_text_beyond_the_limit_is_refused_rather_than_cut(text):
    with pytest.raises(UnreadableFileError, match="longer than 500,000 characters"):
        read(text.encode())


@UNHURRIED
@given(st.binary(max_size=500), st.sampled_from([PDF, DOCX, TEXT, MARKDOWN]))
def test_any_bytes_are_text_or_unreadable(data, kind):
    text = told(data, kind)
    assert text.strip()
    assert text.encode()
    assert "\x00" not in text


@UNHURRIED
@given(st.integers(min_value=9), st.binary(min_size=1, max_size=6))
def test_a_damaged_pdf_is_text_or_unreadable(place, damage):
    data = bytearray(pdf_of("Jane Doe", "Python"))
    place %= len(data)
    data[place : place + len(damage)] = damage
    assert told(bytes(data), PDF).strip()


@UNHURRIED
@given(st.integers(min_value=4), st.binary(min_size=1, max_size=6))
def test_a_damaged_word_file_is_text_or_unreadable(place, damage):
    data = bytearray(docx_of("Jane Doe", "Python"))
    place %= len(data)
    data[place : place + len(damage)] = damage
    assert told(bytes(data), DOCX).strip()
