"""The text in a file. The runner of a job asks, in a thread: a large PDF takes seconds.

Nothing is cut off in silence: what is longer than a resume could be is refused in words.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import BinaryIO

from resumekit.docx import text_of_docx
from resumekit.errors import UnreadableFileError
from resumekit.kinds import CONTROL, DOCX, PDF
from resumekit.limits import MAX_CHARACTERS, too_long

__all__ = ["UnreadableFileError", "text_of"]

_LINE_END = re.compile(r"\r\n?|[\f\v\u0085\u2028\u2029]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_LOOKALIKES: Mapping[int, str] = MappingProxyType(
    str.maketrans(
        {
            "\u00a0": " ", "\u202f": " ", "\u2007": " ", "\u2009": " ",  # spaces of typesetters
            "\u00ad": "", "\u200b": "", "\u200c": "", "\u200d": "", "\u2060": "", "\ufeff": "",  # what nobody sees
            "ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st",  # ligatures of PDF fonts
            "\u2010": "-", "\u2011": "-",
        }
    )
)  # fmt: skip
"""Not Unicode's normal form KC, which takes quadratic time on a long run of combining marks."""


def text_of(file: BinaryIO, *, kind: str) -> str:
    """The text of a file whose kind is known: lines end with a line feed, and it has no control character but that
    and tab, and no lone surrogate, so that it can be stored and sent. Raises UnreadableFileError, and nothing else.
    """
    file.seek(0)
    try:
        text = _clean(_raw_text(file, kind))
    except UnreadableFileError:
        raise
    except RecursionError as error:
        raise UnreadableFileError("it is nested too deeply") from error
    except Exception as error:
        # The readers of formats raise dozens of types for damaged files, and say so nowhere.
        raise UnreadableFileError("it is damaged") from error
    if not text.strip():
        raise UnreadableFileError("there is no text in it")
    return text


def _raw_text(file: BinaryIO, kind: str) -> str:
    if kind == PDF:
        from resumekit.pdf import text_of_pdf  # noqa: PLC0415 - a tenth of what a service takes to start

        return text_of_pdf(file)
    if kind == DOCX:
        return text_of_docx(file)
    data = file.read(4 * MAX_CHARACTERS + 4)  # no character takes more than four bytes; a byte order mark takes three
    if len(data) == 4 * MAX_CHARACTERS + 4:
        raise too_long()
    return data.decode("utf-8-sig")


def _clean(text: str) -> str:
    text = _LINE_END.sub("\n", text).translate(_LOOKALIKES)
    text = CONTROL.sub("", _SURROGATE.sub("\ufffd", text))
    if len(text) > MAX_CHARACTERS:
        raise too_long()
    return text
