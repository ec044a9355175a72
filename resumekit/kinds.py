"""Which kind a file is of, by its content. Uploads ask before they keep a file; the analysis asks the row."""

import zipfile
from typing import BinaryIO

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
TEXT = "text/plain"
MARKDOWN = "text/markdown"


def kind_of(file: BinaryIO, *, filename: str) -> str | None:
    """Reads the complete, seekable file, in pieces; None: none of ours."""
    file.seek(0)
    head = file.read(1024)
    if b"%PDF-" in head:
        return PDF
    if head.startswith(b"PK"):
        try:
            with zipfile.ZipFile(file) as archive:
                return DOCX if {"[Content_Types].xml", "word/document.xml"} <= set(archive.namelist()) else None
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
            return None
    try:
        text = (head + file.read()).decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    if any(character < " " and character not in "\t\n\r\f" for character in text):
        return None
    return MARKDOWN if filename.lower().endswith((".md", ".markdown")) else TEXT
