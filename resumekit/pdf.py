"""The text of a PDF, by pypdf, which is pure Python: a hostile file can make it work for hours, but not crash.

Three bounds hold it: pypdf's own limits, set far below its defaults; caps on pages and characters; and fuel, which
counts the function calls it makes, because a loop in a parser of strangers' files is found by somebody each year.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import BinaryIO

from pypdf import PasswordType, PdfReader, apply_configuration, get_configuration
from pypdf.errors import DependencyError

from resumekit.errors import UnreadableFileError
from resumekit.limits import MAX_CHARACTERS, too_long

MAX_PAGES = 100
MAX_CALLS = 20_000_000
"""Calls and returns, of Python and of C, for one file: some ten seconds. A resume of two pages takes about 100,000."""

_STREAM_BYTES = 10_000_000
_LIMITS = get_configuration().with_overwrites(
    maximum_declared_stream_length=_STREAM_BYTES,
    array_based_stream_maximum_output_length=_STREAM_BYTES,
    lzw_maximum_output_length=_STREAM_BYTES,
    run_length_maximum_output_length=_STREAM_BYTES,
    zlib_maximum_output_length=_STREAM_BYTES,
    zlib_maximum_recovery_input_length=1_000_000,
    brotli_maximum_output_length=_STREAM_BYTES,
    stream_decoding_work_maximum_length=2 * _STREAM_BYTES,
    stream_parsing_work_maximum_count=500_000,
    xform_maximum_invocations_per_extraction=500,
    page_tree_maximum_entries=10 * MAX_PAGES,
    page_tree_maximum_page_entries=100_000,
    jbig2dec_binary=None,  # no picture is decoded here, and no program started
)

logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it logs each oddity of each file; what matters is raised


class _OutOfFuelError(BaseException):
    """Not an Exception: pypdf goes on after many of those."""


def text_of_pdf(file: BinaryIO) -> str:
    """The text, page by page. UnreadableFileError says what is known to be wrong; whatever else comes, that it is
    damaged. The profiler of the calling thread is suspended meanwhile.
    """
    try:
        with _fuel(MAX_CALLS), apply_configuration(_LIMITS):
            return "\n".join(_pages(file))
    except _OutOfFuelError:
        raise UnreadableFileError("it takes too long to read") from None
    except DependencyError as error:  # AES, for which pypdf needs a package that we do not
        raise UnreadableFileError("it is encrypted") from error


def _pages(file: BinaryIO) -> Iterator[str]:
    reader = PdfReader(file)
    # Many a PDF is encrypted only to forbid printing: it opens with the empty password, as it does in any viewer.
    if reader.is_encrypted and reader.decrypt("") == PasswordType.NOT_DECRYPTED:
        raise UnreadableFileError("it is encrypted")
    characters = 0
    for number, page in enumerate(reader.pages):
        if number == MAX_PAGES:
            raise UnreadableFileError(f"it has more than {MAX_PAGES} pages")
        text = page.extract_text()
        characters += len(text)
        if characters > MAX_CHARACTERS:
            raise too_long()
        yield text


@contextmanager
def _fuel(calls: int) -> Iterator[None]:
    """Raises _OutOfFuelError in the middle of whatever runs in this thread when it has made so many calls.

    A profiler is the one thing that Python calls within somebody else's loop. Counting, unlike a clock, gives the same
    answer on each machine.
    """
    left = calls

    def burn(_frame: FrameType, _event: str, _argument: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise _OutOfFuelError

    before = sys.getprofile()
    sys.setprofile(burn)
    try:
        yield
    finally:
        sys.setprofile(before)
