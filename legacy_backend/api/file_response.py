"""A stored file as an answer: whole, one range of it, or only the news that the client has it already."""

import asyncio
import re
from datetime import datetime
from email.utils import format_datetime
from typing import BinaryIO
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from legacy_backend.services.resume_service import StoredFile

CHUNK_BYTES = 256 * 1024


class FileResponse(Response):
    """Closes the file, whatever becomes of the answer."""

    def __init__(self, file: BinaryIO, start: int, length: int, *, status_code: int, headers: dict[str, str]) -> None:
        super().__init__(None, status_code, {**headers, "Content-Length": str(length)})
        self._file = file
        self._start = start
        self._length = length

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if scope["method"] != "HEAD":
                await self._send_bytes(send)
            await send({"type": "http.response.body", "body": b""})
        finally:
            await asyncio.to_thread(self._file.close)

    async def _send_bytes(self, send: Send) -> None:
        await asyncio.to_thread(self._file.seek, self._start)
        left = self._length
        while left > 0:
            chunk = await asyncio.to_thread(self._file.read, min(left, CHUNK_BYTES))
            if not chunk:
                raise RuntimeError("the file has become shorter")
            left -= len(chunk)
            await send({"type": "http.response.body", "body": chunk, "more_body": True})


def file_response(request: Request, stored: StoredFile) -> Response:
    """The conditions of a request in the order of RFC 9110, 13.2.2. Takes the file over."""
    size, etag = stored.size_bytes, f'"{stored.resume.sha256}"'
    try:
        if _has_already(request, etag):
            stored.file.close()
            return Response(status_code=304, headers={"ETag": etag, "Cache-Control": "private, no-cache"})
        part = _range(request, size, etag)
    except HTTPException:
        stored.file.close()
        raise
    headers = _headers(stored, etag)
    if part is None:
        return FileResponse(stored.file, 0, size, status_code=200, headers=headers)
    start, end = part
    headers["Content-Range"] = f"bytes {start}-{end}/{size}"
    return FileResponse(stored.file, start, end - start + 1, status_code=206, headers=headers)


def _headers(stored: StoredFile, etag: str) -> dict[str, str]:
    resume = stored.resume
    charset = "; charset=utf-8" if resume.content_type.startswith("text/") else ""
    return {
        "Content-Type": resume.content_type + charset,
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(resume.filename, safe='!#$&+^`|')}",
        "ETag": etag,
        "Last-Modified": _http_date(resume.created_at),
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
    }


def _http_date(at: datetime) -> str:
    return format_datetime(at, usegmt=True)


def _has_already(request: Request, etag: str) -> bool:
    """If-None-Match, by weak comparison."""
    given = ", ".join(request.headers.getlist("If-None-Match")).strip()
    return given == "*" or etag in re.findall(r'"[^"]*"', given)


def _range(request: Request, size: int, etag: str) -> tuple[int, int] | None:
    """First and last byte; None for the whole file. A range is for GET alone (RFC 9110, 14.2). Raises 416."""
    given = request.headers.getlist("Range")
    if request.method != "GET" or len(given) != 1 or request.headers.get("If-Range", etag) != etag:
        return None
    match = re.fullmatch(r"bytes=([0-9]*)-([0-9]*)", given[0].strip(), re.IGNORECASE)
    if match is None or match.group(0).endswith("=-"):
        return None
    first, last = match.groups()
    if not first:
        start, end = max(size - _number(last), 0), size - 1
    else:
        start, end = _number(first), min(_number(last) if last else size, size - 1)
        if last and _number(last) < start:
            return None
    if start >= size:
        raise HTTPException(416, "Range not satisfiable", {"Content-Range": f"bytes */{size}"})
    return start, end


def _number(digits: str) -> int:
    """Beyond the end of any file, the exact number does not matter, and Python refuses to compute very long ones."""
    significant = digits.lstrip("0")
    return int(significant or "0") if len(significant) <= 18 else 10**18
