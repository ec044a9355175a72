"""Zip files from strangers, opened without trusting the sizes that they tell. `kinds` and `docx` ask."""

import zipfile
from typing import BinaryIO

MAX_DIRECTORY_BYTES = 256 * 1024
"""A resume's zip lists a few dozen members in some kilobytes. Each entry costs several times its size in memory."""


class _ShortReads:
    """The file as zipfile sees it: nothing can be read in one piece that is larger than a directory may be.

    zipfile reads the whole list of members at once, as many bytes as the file says. Everything else that it reads is
    short, whatever the file says, so that a bound on the length of a read is a bound on the directory.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek = file.seek
        self.tell = file.tell
        self.seekable = file.seekable

    def read(self, size: int = -1) -> bytes:
        if size > MAX_DIRECTORY_BYTES:
            raise zipfile.BadZipFile("its directory is too large")
        data = self._file.read(size if size >= 0 else MAX_DIRECTORY_BYTES + 1)
        if len(data) > MAX_DIRECTORY_BYTES:
            raise zipfile.BadZipFile("its directory is too large")
        return data


def open_archive(file: BinaryIO) -> zipfile.ZipFile:
    """The archive, of which only the directory has been read. Whatever is wrong with it is raised as zipfile does:
    BadZipFile, ValueError, OSError, struct.error and more, for it was not written for files like these.
    """
    return zipfile.ZipFile(_ShortReads(file))
