"""The text of a Word file (OOXML, both of its namespaces), read in pieces, without building a tree.

Paragraphs, tabs, line breaks and tables come in the order of the document; a row is a line, its cells apart by tabs,
unless a cell has several paragraphs. Headers, footers, comments, deleted text and field codes are left out, and so are
the copies that `mc:Fallback` holds of what stands beside it.
"""

import zipfile
from typing import BinaryIO
from xml.parsers import expat

from resumekit.archive import open_archive
from resumekit.errors import UnreadableFileError
from resumekit.limits import MAX_CHARACTERS, too_long

MAX_DOCUMENT_BYTES = 20 * 1024 * 1024
"""Of `word/document.xml`, decompressed, counted as it comes."""

_PIECE_BYTES = 64 * 1024
_ENCRYPTED = 0x1
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # OPC knows no others; LZMA would take memory as the file wants
_WORD = {
    "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "http://purl.oclc.org/ooxml/wordprocessingml/main",
}
_COMPATIBILITY = "http://schemas.openxmlformats.org/markup-compatibility/2006"
_CHARACTERS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}


def text_of_docx(file: BinaryIO) -> str:
    """The text. UnreadableFileError says what is known to be wrong; any other error, that it is damaged."""
    with open_archive(file) as archive:
        member = archive.getinfo("word/document.xml")
        if member.flag_bits & _ENCRYPTED:
            raise UnreadableFileError("it is encrypted")
        if member.compress_type not in _METHODS:
            raise UnreadableFileError("its compression is not supported")
        reader = _Reader()
        with archive.open(member) as document:
            while piece := document.read(_PIECE_BYTES):
                reader.feed(piece)
        return reader.close()


class _Reader:
    """Turns XML into text while it is parsed. It refuses document types, and with them all entities."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._characters = 0
        self._bytes = 0
        self._in_text = False
        self._fallbacks = 0
        self._cells: list[int] = []  # of each open cell, how many of its paragraphs have ended
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._data

    def feed(self, piece: bytes) -> None:
        self._bytes += len(piece)
        if self._bytes > MAX_DOCUMENT_BYTES:
            raise UnreadableFileError("it is too large when it is decompressed")
        self._parser.Parse(piece, False)

    def close(self) -> str:
        self._parser.Parse(b"", True)
        return "".join(self._text)

    def _refuse_doctype(self, *_: object) -> None:
        raise UnreadableFileError("it has a document type, which no Word file has")

    def _start(self, tag: str, _: object) -> None:
        namespace, _, name = tag.rpartition(" ")
        if namespace == _COMPATIBILITY and name == "Fallback":
            self._fallbacks += 1
        elif self._fallbacks or namespace not in _WORD:
            return
        elif name == "t":
            self._in_text = True
        elif name == "tc":
            self._cells.append(0)
        elif name == "txbxContent":
            self._break_line()
        elif name in _CHARACTERS:
            self._add(_CHARACTERS[name])

    def _end(self, tag: str) -> None:
        namespace, _, name = tag.rpartition(" ")
        if namespace == _COMPATIBILITY and name == "Fallback":
            self._fallbacks -= 1
        elif self._fallbacks or namespace not in _WORD:
            return
        elif name == "t":
            self._in_text = False
        elif name == "p":
            self._end_paragraph()
        elif name == "tc":
            self._end_cell()
        elif name == "tr":
            self._break_line()

    def _data(self, data: str) -> None:
        if self._in_text and not self._fallbacks:
            self._add(data)

    def _add(self, text: str) -> None:
        self._characters += len(text)
        if self._characters > MAX_CHARACTERS:
            raise too_long()
        self._text.append(text)

    def _break_line(self) -> None:
        if self._text and not self._text[-1].endswith("\n"):
            self._add("\n")

    def _end_paragraph(self) -> None:
        self._add("\n")
        if self._cells:
            self._cells[-1] += 1

    def _end_cell(self) -> None:
        """The end of a cell's only paragraph becomes a tab: what stands in one row is read as one line."""
        paragraphs = self._cells.pop() if self._cells else 0
        if paragraphs == 1 and self._text[-1] == "\n":
            self._text[-1] = "\t"
