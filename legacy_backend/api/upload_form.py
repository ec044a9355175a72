"""A multipart/form-data body with one file in it, parsed as it arrives."""

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.exceptions import HTTPException

MAX_OTHER_BYTES = 64 * 1024


class UploadForm:
    """Feed it chunks, then ask `finish`. Keeps nothing of the body but headers of a part, which the parser bounds.

    All methods raise the answer to a body that will not do, as HTTPException: 415, 400 or 413.
    """

    def __init__(self, content_type: str | None, max_file_bytes: int) -> None:
        self.file_parts = 0
        self.has_nameless_file = False
        self.filename: bytes | None = None
        self._left = {"file": max_file_bytes, "other": MAX_OTHER_BYTES}
        self._max_file_bytes = max_file_bytes
        self._part = "other"
        self._header_name, self._header_value = b"", b""
        self._disposition: bytes | None = None
        self._found: list[bytes] = []
        self._complete = False
        self._parser = self._make_parser(content_type)

    def feed(self, chunk: bytes) -> bytes:
        """The bytes of the file that are in the chunk."""
        self._found.clear()
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _malformed() from error
        return b"".join(self._found)

    def finish(self) -> None:
        """The body has ended."""
        if not self._complete:
            raise _malformed()

    def _make_parser(self, content_type: str | None) -> MultipartParser:
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data":
            raise HTTPException(415, "Content-Type must be multipart/form-data")
        boundary = options.get(b"boundary")
        if not boundary:
            raise _malformed()
        try:
            return MultipartParser(
                boundary,
                {
                    "on_part_begin": self._on_part_begin,
                    "on_header_field": self._on_header_field,
                    "on_header_value": self._on_header_value,
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers_finished,
                    "on_part_data": self._on_part_data,
                    "on_end": self._on_end,
                },
            )
        except FormParserError as error:
            raise _malformed() from error

    def _on_part_begin(self) -> None:
        self._part = "other"
        self._disposition = None

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header_name.lower() == b"content-disposition" and self._disposition is None:
            self._disposition = self._header_value
        self._header_name, self._header_value = b"", b""

    def _on_headers_finished(self) -> None:
        kind, options = parse_options_header(self._disposition)
        if kind != b"form-data" or options.get(b"name") != b"file":
            return
        if b"filename" not in options:
            self.has_nameless_file = True
            return
        self._part = "file"
        self._left["file"] = self._max_file_bytes
        self.file_parts += 1
        if self.file_parts == 1:
            self.filename = options[b"filename"]

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._left[self._part] -= end - start
        if self._left[self._part] < 0:
            raise HTTPException(413, "File too large", {"Connection": "close"})
        if self._part == "file" and self.file_parts == 1:
            self._found.append(data[start:end])

    def _on_end(self) -> None:
        self._complete = True


def _malformed() -> HTTPException:
    return HTTPException(400, "Malformed multipart body")
