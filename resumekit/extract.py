"""The text in a file. The runner of a job asks, in a thread."""

import zipfile
from typing import BinaryIO
from xml.etree import ElementTree

from pypdf import PdfReader

from resumekit.errors import UnreadableFileError
from resumekit.kinds import DOCX, PDF

__all__ = ["UnreadableFileError", "text_of"]


def text_of(file: BinaryIO, *, kind: str) -> str:
    """The text of a file whose kind is known. Raises UnreadableFileError, and nothing else."""
    file.seek(0)
    try:
        if kind == PDF:
            text = "\n".join(page.extract_text() for page in PdfReader(file).pages)
        elif kind == DOCX:
            with zipfile.ZipFile(file) as archive:
                root = ElementTree.fromstring(archive.read("word/document.xml"))  # noqa: S314 # replaced at once
            text = "\n".join("".join(p.itertext()) for p in root.iter() if p.tag.endswith("}p"))
        else:
            text = file.read().decode("utf-8-sig")
    except Exception as error:
        raise UnreadableFileError("it is damaged") from error
    if not text.strip():
        raise UnreadableFileError("there is no text in it")
    return text
