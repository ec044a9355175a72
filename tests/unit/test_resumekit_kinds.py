"""A file's kind is told by its content, in bounded memory, whatever it is."""

import io
import struct
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resumekit.archive import MAX_DIRECTORY_BYTES
from resumekit.kinds import DOCX, MARKDOWN, PDF, TEXT, kind_of
from tests.support.resume_files import CONTENT_TYPES, docx_of, pdf_of, zip_of

UNHURRIED = settings(deadline=None)  # the machine may be busy with something else


def kind(data, filename="resume"):
    return kind_of(io.BytesIO(data), filename=filename)


@pytest.mark.parametrize("filename", ["cv.pdf", "cv.docx", "cv.txt", "cv.md", "cv", "", "cv.exe"])
def test_the_name_does_not_make_a_kind(filename):
    assert kind(pdf_of("Jane"), filename) == PDF
    assert kind(docx_of("Jane"), filename) == DOCX
    assert kind(b"\x89PNG\r\n\x1a\n", filename) is None
    assert kind(b"Jane", filename) == (MARKDOWN if filename == "cv.md" else TEXT)


@pytest.mark.parametrize("filename", ["cv.md", "CV.MD", "my.cv.markdown", "Lebenslauf.Markdown"])
def test_a_text_is_markdown_by_the_end_of_its_name(filename):
    assert kind(b"# Jane", filename) == MARKDOWN


@pytest.mark.parametrize("filename", ["md", "cv.md.txt", "cv.mdx", "markdown"])
def test_other_names_leave_it_a_text(filename):
    assert kind(b"# Jane", filename) == TEXT


def test_a_pdf_may_begin_with_something_else_for_a_kilobyte():
    assert kind(b"\x00" * (1024 - 5) + b"%PDF-1.7") == PDF
    assert kind(b"\x00" * (1024 - 4) + b"%PDF-1.7") is None


@pytest.mark.parametrize(
    "text",
    ["", "plain", "tab\tfeed\f\r\n", "\ufeffwith a byte order mark", "Grüße 中文 🙂", "e\u0301", "\u00a0\u200b\u2028"],
)
def test_text_is_utf_8(text):
    assert kind(text.encode()) == TEXT


@pytest.mark.parametrize("code", [*range(32), 127, 0x80, 0x85, 0x9F])
def test_text_has_no_control_characters_but_four(code):
    expected = TEXT if chr(code) in "\t\n\r\f" else None
    assert kind(f"a{chr(code)}b".encode()) == expected


@pytest.mark.parametrize(
    "data",
    [b"\xff\xfeJ\x00a\x00", b"caf\xe9", b"cut \xc3", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf5\x80\x80\x80"],
    ids=["UTF-16", "Latin-1", "cut off", "a surrogate", "overlong", "beyond Unicode"],
)
def test_what_is_no_utf_8_is_none_of_ours(data):
    assert kind(data) is None


@pytest.mark.parametrize("size", [64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1])
def test_a_character_may_lie_on_the_edge_of_two_pieces(size):
    assert kind(b"a" * (size - 1) + "é".encode() + b"b" * 100_000) == TEXT


def test_what_comes_late_is_looked_at_too():
    assert kind(b"a" * 1_000_000 + b"\x00") is None
    assert kind(b"a" * 1_000_000 + b"\xff") is None


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"word/document.xml": "<x/>"},
        {"[Content_Types].xml": CONTENT_TYPES},
        {"[Content_Types].xml": CONTENT_TYPES, "xl/workbook.xml": "<x/>"},
        {"[Content_Types].xml": CONTENT_TYPES, "Word/document.xml": "<x/>"},
    ],
)
def test_a_zip_that_is_no_word_file_is_none_of_ours(members):
    assert kind(zip_of(members)) is None


def test_a_zip_that_is_cut_off_is_none_of_ours():
    whole = docx_of("Jane")
    assert {kind(whole[:length]) for length in range(4, len(whole))} == {None}


def test_a_word_file_may_be_stored_without_compression():
    members = {"[Content_Types].xml": CONTENT_TYPES, "word/document.xml": "<x/>"}
    assert kind(zip_of(members, compression=zipfile.ZIP_STORED)) == DOCX


class Watched(io.BytesIO):
    """Remembers the longest piece that was read."""

    longest = 0

    def read(self, size=-1, /):
        data = super().read(size)
        self.longest = max(self.longest, len(data))
        return data


def many_members():
    names = {f"word/{number:0200}.xml": "" for number in range(2000)}
    return zip_of({"[Content_Types].xml": CONTENT_TYPES, "word/document.xml": "<x/>"} | names)


def test_a_zip_with_a_huge_directory_is_not_read():
    file = Watched(many_members())
    assert kind_of(file, filename="cv.docx") is None
    assert file.longest <= MAX_DIRECTORY_BYTES


def test_a_zip_that_claims_a_huge_directory_is_not_believed():
    data = bytearray(docx_of("Jane") + b"\x00" * 1_000_000)
    end = data.rindex(b"PK\x05\x06")
    struct.pack_into("<L", data, end + 12, 500_000_000)
    file = Watched(data)
    assert kind_of(file, filename="cv.docx") is None
    assert file.longest <= MAX_DIRECTORY_BYTES + 1


@pytest.mark.parametrize("data", [b"a" * 5_000_000, pdf_of("x") + b"a" * 5_000_000, b"PK\x03\x04" + b"a" * 5_000_000])
def test_a_file_is_read_in_pieces(data):
    file = Watched(data)
    kind_of(file, filename="cv")
    assert file.longest <= MAX_DIRECTORY_BYTES + 1


def test_a_file_is_read_from_its_beginning():
    file = io.BytesIO(b"Jane \xff")
    file.seek(5)
    assert kind_of(file, filename="cv") is None


@UNHURRIED
@given(st.binary(max_size=300) | st.builds(lambda tail: b"PK\x03\x04" + tail, st.binary(max_size=300)), st.text())
def test_no_bytes_make_it_raise(data, filename):
    assert kind(data, filename) in {None, PDF, DOCX, TEXT, MARKDOWN}


@UNHURRIED
@given(st.integers(min_value=4), st.binary(min_size=1, max_size=8))
def test_no_damage_makes_it_raise(place, damage):
    data = bytearray(docx_of("Jane"))
    place %= len(data)
    data[place : place + len(damage)] = damage
    assert kind(bytes(data)) in {None, DOCX, PDF}


@UNHURRIED
@given(st.text())
def test_any_text_without_control_characters_is_text(text):
    clean = "".join(character for character in text if character.isprintable())
    assert kind(clean.encode()) == (PDF if "%PDF-" in clean else TEXT)
