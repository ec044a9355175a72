"""multipart/form-data as a stream of events: bytes in, in any pieces; no part is ever held in memory.

The parser is python-multipart's, which calls back while it parses; here a callback only notes what happened, and the
caller, who may await, acts on it before the next piece is read.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.exceptions import HTTPException
from starlette.requests import Request


class MalformedMultipartError(HTTPException):
    def __init__(self) -> None:
        super().__init__(400, "Malformed multipart body")


@dataclass(frozen=True, slots=True)
class PartBegins:
    """`name` and `filename` as they came, without the quotes; None where the part does not say."""

    name: bytes | None
    filename: bytes | None


@dataclass(frozen=True, slots=True)
class PartData:
    data: bytes


Event = PartBegins | PartData


def boundary_of(request: Request) -> bytes:
    """Raises HTTPException 415 for another content type, and MalformedMultipartError without a boundary."""
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data":
        raise HTTPException(415, "Content-Type must be multipart/form-data")
    boundary = options.get(b"boundary", b"")
    if not boundary:
        raise MalformedMultipartError
    return boundary


async def events_of(chunks: AsyncIterator[bytes], boundary: bytes) -> AsyncGenerator[Event, None]:
    """All parts in order, each PartBegins followed by its data. Raises MalformedMultipartError, also at an early end.
    The next chunk is asked for when the events of the one before have been taken."""
    reader = MultipartReader(boundary)
    async for chunk in chunks:
        for event in reader.feed(chunk):
            yield event
    reader.close()


class MultipartReader:
    """Without I/O: `feed` gives what a piece of the body brought, and `close` checks that the body was complete."""

    def __init__(self, boundary: bytes) -> None:
        self._events: list[Event] = []
        self._name, self._value = bytearray(), bytearray()
        self._disposition: bytes | None = None
        self._ended = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._part_begins,
                    "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
                    "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                    "on_header_end": self._header_ends,
                    "on_headers_finished": self._headers_end,
                    "on_part_data": lambda data, start, end: self._events.append(PartData(data[start:end])),
                    "on_end": self._ends,
                },
            )
        except FormParserError as error:
            raise MalformedMultipartError from error

    def feed(self, chunk: bytes) -> list[Event]:
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise MalformedMultipartError from error
        events, self._events = self._events, []
        return events

    def close(self) -> None:
        if not self._ended:
            raise MalformedMultipartError

    def _part_begins(self) -> None:
        self._disposition = None

    def _header_ends(self) -> None:
        """Of two dispositions the first counts."""
        if self._name.lower() == b"content-disposition" and self._disposition is None:
            self._disposition = bytes(self._value)
        self._name.clear()
        self._value.clear()

    def _headers_end(self) -> None:
        kind, options = parse_options_header(self._disposition)
        known = options if kind == b"form-data" else {}
        self._events.append(PartBegins(name=known.get(b"name"), filename=known.get(b"filename")))

    def _ends(self) -> None:
        self._ended = True
