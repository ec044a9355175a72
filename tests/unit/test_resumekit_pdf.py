"""PDF files: their text, and words instead of hours for those that are hostile."""

import io
import logging
import sys
from contextlib import suppress

import pytest
from pypdf import PdfReader, PdfWriter

from resumekit import pdf
from resumekit.extract import UnreadableFileError, text_of
from resumekit.kinds import PDF
from tests.support.resume_files import pdf_of, pdf_of_objects, stream_of


def read(data):
    return text_of(io.BytesIO(data), kind=PDF)


def encrypted(password):
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf_of("Jane Doe"))))
    writer.encrypt(user_password=password, owner_password="owner", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def forms(*contents, first=b"/X1 Do"):
    """A PDF whose page draws form 1; each form draws what it is told, and may draw all others."""
    names = b" ".join(b"/X%d %d 0 R" % (number + 1, number + 5) for number in range(len(contents)))
    resources = b"<< /XObject << %s >> >>" % names
    return pdf_of_objects(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Resources %s /Contents 4 0 R >>" % resources,
        stream_of(first),
        *(
            b"<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources %s /Length %d >>\nstream\n%s\nendstream"
            % (resources, len(content), content)
            for content in contents
        ),
    )


@pytest.mark.parametrize("compress", [False, True])
def test_lines_and_pages_are_lines(compress):
    assert read(pdf_of("Jane Doe\nPython (10 years)", "Page two", compress=compress)) == (
        "Jane Doe\nPython (10 years)\n\nPage two\n"
    )


def test_what_comes_before_the_signature_does_not_matter():
    assert read(b"\n" * 100 + pdf_of("Jane Doe")) == "Jane Doe\n"


def test_an_encrypted_file_is_told():
    with pytest.raises(UnreadableFileError, match=r"^it is encrypted$"):
        read(encrypted("secret"))


def test_a_file_that_is_encrypted_only_against_printing_is_read():
    assert read(encrypted("")) == "Jane Doe\n"


def test_many_pages_are_refused_rather_than_cut():
    assert read(pdf_of(*["x"] * pdf.MAX_PAGES)).count("x") == pdf.MAX_PAGES
    with pytest.raises(UnreadableFileError, match="more than 100 pages"):
        read(pdf_of(*["x"] * (pdf.MAX_PAGES + 1)))


def test_more_text_than_anybody_reads_is_refused():
    with pytest.raises(UnreadableFileError, match="longer than 500,000 characters"):
        read(pdf_of(*["a" * 100_000] * 6))


def test_a_stream_that_swells_is_stopped():
    with pytest.raises(UnreadableFileError):
        read(pdf_of("Jane" + " " * 20_000_000, compress=True))


def test_a_page_tree_that_bites_its_tail_ends():
    data = pdf_of_objects(b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [2 0 R] /Count 1 >>")
    with pytest.raises(UnreadableFileError):
        read(data)


def test_forms_that_draw_each_other_end():
    with pytest.raises(UnreadableFileError):
        read(forms(b"/X2 Do", b"/X1 Do"))


def test_forms_that_multiply_end():
    levels = [b" ".join([b"/X%d Do" % (level + 2)] * 10) for level in range(9)]
    with pytest.raises(UnreadableFileError):
        read(forms(*levels, b""))


def test_deep_arrays_are_no_crash():
    with pytest.raises(UnreadableFileError):
        read(pdf_of_objects(b"<< /Type /Catalog /Pages " + b"[" * 50_000 + b"]" * 50_000 + b" >>"))


def test_work_is_counted_and_has_an_end(monkeypatch):
    monkeypatch.setattr(pdf, "MAX_CALLS", 2000)
    with pytest.raises(UnreadableFileError, match=r"^it takes too long to read$"):
        read(pdf_of("Jane Doe\n" * 200))


def test_a_loop_of_a_parser_is_left(monkeypatch):
    def forever(_):
        while True:
            len("")

    monkeypatch.setattr(pdf, "_pages", forever)
    monkeypatch.setattr(pdf, "MAX_CALLS", 100_000)
    with pytest.raises(UnreadableFileError, match=r"^it takes too long to read$"):
        read(b"%PDF-")


@pytest.mark.parametrize("data", [pdf_of("Jane Doe"), b"%PDF-1.4 damaged"])
def test_the_profiler_of_the_thread_is_given_back(data):
    def profiler(*_):
        pass

    before = sys.getprofile()
    sys.setprofile(profiler)
    try:
        with suppress(UnreadableFileError):
            read(data)
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(before)


def test_what_is_odd_about_a_file_does_not_flood_the_log(caplog):
    with caplog.at_level(logging.DEBUG), pytest.raises(UnreadableFileError):
        read(pdf_of("Jane")[:300])
    assert not caplog.records
