"""Word files: text in the order of the document, and nothing that a hostile one could gain."""

import io
import zipfile

import pytest

from resumekit import docx
from resumekit.extract import UnreadableFileError, text_of
from resumekit.kinds import DOCX
from tests.support.resume_files import WORD, docx_of, docx_of_body, docx_of_xml

STRICT = "http://purl.oclc.org/ooxml/wordprocessingml/main"


def read(data):
    return text_of(io.BytesIO(data), kind=DOCX)


def body(xml, **more):
    return read(docx_of_body(xml, **more))


def paragraph(text):
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def cell(*texts):
    return f"<w:tc>{''.join(map(paragraph, texts))}</w:tc>"


def test_paragraphs_are_lines():
    assert read(docx_of("Jane Doe", "Ex&amp;perience", "Grüße")) == "Jane Doe\nEx&perience\nGrüße\n"


def test_the_strict_namespace_is_read_as_well():
    assert body(paragraph("Jane"), namespace=STRICT) == "Jane\n"


def test_elements_of_other_namespaces_are_no_text():
    assert body(f'{paragraph("Jane")}<m:t xmlns:m="urn:m">x</m:t>') == "Jane\n"


def test_runs_of_one_word_are_joined():
    assert body("<w:p><w:r><w:t>Ja</w:t></w:r><w:r><w:t>ne</w:t></w:r></w:p>") == "Jane\n"


def test_tabs_breaks_and_hyphens_are_kept():
    xml = "<w:p><w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t><w:noBreakHyphen/><w:t>d</w:t></w:r></w:p>"
    assert body(xml) == "a\tb\nc-d\n"


def test_a_row_of_a_table_is_a_line():
    row = f"<w:tr>{cell('2019 - 2021')}{cell('Engineer')}</w:tr>"
    assert body(f"{paragraph('Work')}<w:tbl>{row}{row}</w:tbl>{paragraph('End')}") == (
        "Work\n2019 - 2021\tEngineer\t\n2019 - 2021\tEngineer\t\nEnd\n"
    )


def test_a_cell_of_several_paragraphs_keeps_its_lines():
    row = f"<w:tr>{cell('SKILLS', 'Python')}{cell('EXPERIENCE', 'Acme')}</w:tr>"
    assert body(f"<w:tbl>{row}</w:tbl>") == "SKILLS\nPython\nEXPERIENCE\nAcme\n"


def test_deleted_text_and_field_codes_are_left_out():
    xml = "<w:p><w:del><w:r><w:delText>old</w:delText></w:r></w:del><w:r><w:instrText>PAGE</w:instrText></w:r></w:p>"
    assert body(xml + paragraph("new")) == "\nnew\n"


def test_a_fallback_does_not_say_everything_twice():
    mc = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    box = f"<w:txbxContent>{paragraph('Jane')}</w:txbxContent>"
    xml = (
        f"<mc:AlternateContent {mc}><mc:Choice>{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback></mc:AlternateContent>"
    )
    assert body(f"<w:p><w:r><w:t>a</w:t>{xml}</w:r></w:p>") == "a\nJane\n\n"


def test_a_document_type_is_refused_and_with_it_entities():
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
    with pytest.raises(UnreadableFileError, match="document type"):
        read(docx_of_xml(f'{bomb}<w:document xmlns:w="{WORD}">{paragraph("&b;")}</w:document>'))


def test_a_bomb_is_stopped_as_it_comes(monkeypatch):
    monkeypatch.setattr(docx, "MAX_DOCUMENT_BYTES", 200_000)
    with pytest.raises(UnreadableFileError, match="too large when it is decompressed"):
        body("<w:p/>" + " " * 1_000_000)


def test_more_text_than_anybody_reads_is_refused():
    with pytest.raises(UnreadableFileError, match="longer than 500,000 characters"):
        body(paragraph("a" * 500_001))


def test_sizes_that_the_archive_tells_are_not_believed():
    data = bytearray(docx_of("Jane" * 100))
    place = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4)
    data[place + 24 : place + 28] = (5).to_bytes(4, "little")
    with pytest.raises(UnreadableFileError):
        read(bytes(data))


def test_an_encrypted_member_is_told():
    data = bytearray(docx_of("Jane"))
    place = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4)
    data[place + 8] |= 1
    with pytest.raises(UnreadableFileError, match=r"^it is encrypted$"):
        read(bytes(data))


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_compression_that_word_does_not_know_is_refused(method):
    xml = f'<w:document xmlns:w="{WORD}">{paragraph("Jane")}</w:document>'
    with pytest.raises(UnreadableFileError, match="compression is not supported"):
        read(docx_of_xml(xml, compression=method))


@pytest.mark.parametrize("depth", [1000, 100_000])
def test_deep_nesting_is_no_recursion(depth):
    xml = "<w:p>" * depth + "<w:r><w:t>Jane</w:t></w:r>" + "</w:p>" * depth
    assert body(xml).strip() == "Jane"


@pytest.mark.parametrize(
    "xml", ["", "no xml", "<a><b></a>", '<?xml version="1.0" encoding="nonsense"?><a/>', "<a/><b/>"]
)
def test_broken_xml_is_damaged(xml):
    with pytest.raises(UnreadableFileError, match=r"^it is damaged$"):
        read(docx_of_xml(xml))
