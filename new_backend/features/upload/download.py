"""The answer that carries a file: whole, a range of it, or the word that the client has it already."""

import asyncio
from collections.abc import AsyncIterator
from email.utils import format_datetime
from typing import BinaryIO

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from new_backend.features.upload.filenames import attachment
from new_backend.features.upload.models import Resume
from new_backend.infrastructure.http.ranges import (
    ByteRange,
    UnsatisfiableRangeError,
    none_match,
    parse_range,
    range_holds,
)
from new_backend.infrastructure.storage.interface import StoredFile

CHUNK_BYTES = 64 * 1024


def file_response(request: Request, resume: Resume, stored: StoredFile) -> Response:
    """Takes the open file over, and has it closed in any case. Raises HTTPException 416."""
    response: Response | None = None
    try:
        response = _response(request, resume, stored)
    finally:
        if not isinstance(response, StreamingResponse):
            _close(stored.file)
    return response


def _response(request: Request, resume: Resume, stored: StoredFile) -> Response:
    etag = f'"{resume.sha256}"'
    tagged = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if not none_match(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=tagged)
    part = _range(request, etag, size=stored.size)
    sent = part or ByteRange(0, stored.size - 1)
    headers = {**tagged, **_described(resume), "Content-Length": str(sent.length)}
    if part is not None:
        headers["Content-Range"] = f"bytes {part.first}-{part.last}/{stored.size}"
    status = 200 if part is None else 206
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    return StreamingResponse(_chunks(stored.file, sent), status_code=status, headers=headers)


def _range(request: Request, etag: str, *, size: int) -> ByteRange | None:
    """RFC 9110, 14.2: a range counts with GET alone."""
    headers = request.headers.getlist("range")
    if request.method != "GET" or len(headers) != 1 or not range_holds(request.headers.get("if-range"), etag):
        return None
    try:
        return parse_range(headers[0], size=size)
    except UnsatisfiableRangeError:
        raise HTTPException(416, "Range not satisfiable", headers={"Content-Range": f"bytes */{size}"}) from None


def _described(resume: Resume) -> dict[str, str]:
    kind = resume.content_type
    return {
        "Content-Type": f"{kind}; charset=utf-8" if kind.startswith("text/") else kind,
        "Content-Disposition": attachment(resume.filename),
        "Last-Modified": format_datetime(resume.created_at, usegmt=True),
        "Accept-Ranges": "bytes",
        "X-Content-Type-Options": "nosniff",
    }


async def _chunks(file: BinaryIO, part: ByteRange) -> AsyncIterator[bytes]:
    """Ends early where the file does, so that the server cuts the connection rather than send what is not there."""
    left = part.length
    try:
        await asyncio.to_thread(file.seek, part.first)
        while left > 0 and (chunk := await asyncio.to_thread(file.read, min(left, CHUNK_BYTES))):
            left -= len(chunk)
            yield chunk
    finally:
        _close(file)


def _close(file: BinaryIO) -> None:
    """In a thread that nobody waits for: a client that left has cancelled whoever would."""
    asyncio.get_running_loop().run_in_executor(None, file.close)
