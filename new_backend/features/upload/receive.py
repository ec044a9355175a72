"""One upload, from the events of its body to a checked file that is not yet under a key."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from starlette.exceptions import HTTPException

from new_backend.features.upload.filenames import clean_filename
from new_backend.infrastructure.http.errors import InvalidRequestError
from new_backend.infrastructure.http.multipart import Event, PartBegins
from new_backend.infrastructure.storage.interface import Incoming

MAX_OTHER_BYTES = 64 * 1024


class FileTooLargeError(HTTPException):
    """The client is still sending, so the connection is of no more use."""

    def __init__(self) -> None:
        super().__init__(413, "File too large", headers={"Connection": "close"})


@dataclass(slots=True)
class _Seen:
    """What has come so far."""

    files: int = 0
    nameless: int = 0
    filename: bytes = b""
    part_bytes: int = 0
    other_bytes: int = 0
    in_file: bool = False


async def receive_file(events: AsyncIterator[Event], incoming: Incoming, *, max_bytes: int) -> str:
    """Writes the part `file` to `incoming`, ignores other parts, and returns the filename, cleaned.

    Raises FileTooLargeError as soon as that is known, and InvalidRequestError once all has been read.
    """
    seen = _Seen()
    async for event in events:
        if isinstance(event, PartBegins):
            _begin(seen, event)
        else:
            _count(seen, len(event.data), max_bytes=max_bytes)
            if seen.in_file and seen.files == 1:
                await incoming.write(event.data)
    _check(seen, incoming)
    return clean_filename(seen.filename)


def _begin(seen: _Seen, part: PartBegins) -> None:
    seen.part_bytes = 0
    seen.in_file = part.name == b"file" and part.filename is not None
    if part.name == b"file" and part.filename is None:
        seen.nameless += 1
    if seen.in_file:
        seen.files += 1
        if seen.files == 1:
            seen.filename = part.filename or b""


def _count(seen: _Seen, size: int, *, max_bytes: int) -> None:
    """A second file is not kept, but it may not be larger either."""
    if seen.in_file:
        seen.part_bytes += size
    else:
        seen.other_bytes += size
    if seen.part_bytes > max_bytes or seen.other_bytes > MAX_OTHER_BYTES:
        raise FileTooLargeError


def _check(seen: _Seen, incoming: Incoming) -> None:
    if seen.files == 0 or seen.nameless:
        raise InvalidRequestError.missing("file")
    if seen.files + seen.nameless > 1:
        raise InvalidRequestError.in_body("file", words="Only one file is allowed", kind="value_error")
    if incoming.size == 0:
        raise InvalidRequestError.in_body("file", words="File is empty", kind="value_error")
