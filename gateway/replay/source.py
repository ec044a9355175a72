"""Where recorded requests come from: a file, plain or gzip, by what is in it."""

import gzip
import hashlib
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, Final, cast

from gateway.replay.har import NoHarError, har_entries, har_requests
from gateway.replay.log_lines import access_line, gateway_line, is_access_line
from gateway.replay.record import Recorded, Unreadable, unreadable

MAX_LINE: Final = 262_144
LOOKED_AT: Final = 65_536
"""Bytes by which a format is recognised."""

_GZIP: Final = b"\x1f\x8b"
_HAR: Final = re.compile(rb'\{\s*"log"\s*:')
_SCENARIO: Final = re.compile(rb"(?m)^(?:feature|steps|setup)[ \t]*:")

Record = Recorded | Unreadable | None
"""None for what is no request, and none that is missing: a line of another event."""


class Format(StrEnum):
    """What a file holds."""

    ACCESS_LOG = "access-log"  # the common or the combined format of nginx and Apache
    GATEWAY = "gateway"  # the JSON lines of `gateway serve`
    HAR = "har"
    SCENARIO = "scenario"  # of `gateway verify`


class SourceError(Exception):
    """The file cannot be used. The message is for whoever typed the command."""


@dataclass(frozen=True, slots=True)
class Source:
    """noun: what its `place`s are."""

    path: Path
    format: Format

    @property
    def noun(self) -> str:
        return "entry" if self.format is Format.HAR else "line"

    def records(self) -> Iterator[Record]:
        """All of it, in order; as often as it is asked for. Raises SourceError."""
        if self.format is Format.HAR:
            return self._har()
        return self._lines(gateway_line if self.format is Format.GATEWAY else access_line)

    def sha256(self) -> str:
        """Of the file as it lies there. Raises SourceError."""
        try:
            with self.path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise SourceError(f"{self.path} cannot be read: {error.strerror or error}") from None

    def _har(self) -> Iterator[Record]:
        try:
            with _opened(self.path) as file:
                entries = har_entries(file.read())
        except (OSError, EOFError, zlib.error) as error:
            raise SourceError(f"{self.path} cannot be read: {error}") from None
        except NoHarError as error:
            raise SourceError(f"{self.path} {error}") from None
        yield from har_requests(entries)

    def _lines(self, read: Callable[[int, bytes], Record]) -> Iterator[Record]:
        """A line that is longer than any is unreadable; so is what a compressed file ends with where it is cut off."""
        place = 0
        try:
            with _opened(self.path) as file:
                while line := file.readline(MAX_LINE):
                    place += 1
                    if len(line) == MAX_LINE and not line.endswith(b"\n"):
                        _skip_line(file)
                        yield unreadable(place, f"is longer than {MAX_LINE} bytes", line)
                    elif line.strip():
                        yield read(place, line.rstrip(b"\r\n"))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            yield unreadable(place + 1, f"the compressed file cannot be read any further: {error}")
        except OSError as error:
            raise SourceError(f"{self.path} cannot be read: {error.strerror or error}") from None


def find_source(path: Path, wanted: Format | None) -> Source:
    """wanted: the format, whatever the file looks like. Raises SourceError."""
    if path.exists() and not path.is_file():
        raise SourceError(f"{path} is no file that can be read twice; write what it gives to a file first")
    if wanted is not None:
        return Source(path, wanted)
    try:
        with _opened(path) as file:
            head = file.read(LOOKED_AT)
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    found = recognised(head)
    if found is None:
        known = ", ".join(Format)
        raise SourceError(f"{path} is nothing that requests are recorded in; --format says what it is: {known}")
    return Source(path, found)


def recognised(head: bytes) -> Format | None:
    """By how a file begins; None where it is nothing that is known."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if _HAR.match(text):
        return Format.HAR
    lines = text.splitlines()[:100]
    if any(line.startswith(b"{") or b"| {" in line for line in lines):
        return Format.GATEWAY
    if any(map(is_access_line, lines)):
        return Format.ACCESS_LOG
    return Format.SCENARIO if _SCENARIO.search(text) else None


def _opened(path: Path) -> IO[bytes]:
    """Undone where it is gzip, whatever its name says."""
    with path.open("rb") as file:
        packed = file.read(len(_GZIP)) == _GZIP
    return cast("IO[bytes]", gzip.open(path, "rb")) if packed else path.open("rb")


def _skip_line(file: IO[bytes]) -> None:
    while (more := file.readline(MAX_LINE)) and not more.endswith(b"\n"):
        pass
