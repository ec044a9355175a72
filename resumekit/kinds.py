"""Which kind a file is of, by its content. Uploads ask before they keep a file; jobs find the kind in the row.

The name decides nothing but whether a text is Markdown, which no content could tell.
"""

import codecs
import re
from typing import BinaryIO

from resumekit.archive import open_archive

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
TEXT = "text/plain"
MARKDOWN = "text/markdown"

DOCX_MEMBERS = frozenset({"[Content_Types].xml", "word/document.xml"})
CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]")
"""Control characters that no text has: all but tab, line feed, carriage return and form feed."""

_HEAD_BYTES = 1024  # where readers of PDF look for its signature: some writers put other things before it
_PIECE_BYTES = 64 * 1024


def kind_of(file: BinaryIO, *, filename: str) -> str | None:
    """Reads the complete, seekable file, in pieces, wherever its position is; None: none of ours."""
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    if b"%PDF-" in head:
        return PDF
    if head.startswith(b"PK\x03\x04"):
        return DOCX if _is_docx(file) else None
    if not _is_text(file):
        return None
    return MARKDOWN if filename.lower().endswith((".md", ".markdown")) else TEXT


def _is_docx(file: BinaryIO) -> bool:
    """By the names of its members: nothing is decompressed here."""
    try:
        with open_archive(file) as archive:
            return set(archive.namelist()) >= DOCX_MEMBERS
    except Exception:  # noqa: BLE001  # whatever zipfile stumbles over, this is no archive that we could read
        return False


def _is_text(file: BinaryIO) -> bool:
    """UTF-8, with or without a byte order mark, and none of `CONTROL` in it."""
    file.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    try:
        while piece := file.read(_PIECE_BYTES):
            if CONTROL.search(decoder.decode(piece)):
                return False
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
