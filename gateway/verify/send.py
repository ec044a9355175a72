"""One request of a scenario on the wire, and the whole of its reply. Used by `player`."""

import asyncio
import base64
import errno
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from gateway.rules.replies import Reply
from gateway.verify.schema import Part, Request
from gateway.verify.template import Values, fill, fill_json

MAX_REPLY_BYTES = 64 * 1024 * 1024
BOUNDARY = "gateway-verify-7f3a91c04e"
_FORM = "application/x-www-form-urlencoded"
_SAFE = "/%:@!$&'()*+,;=~?-._[]|"


class NoReplyError(Exception):
    """No whole reply came. The message says why, in words."""


@dataclass(frozen=True, slots=True)
class Message:
    """A request with its names filled in. target: path and query as they go on the wire."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Timed:
    reply: Reply
    seconds: float


def message_of(request: Request, values: Values, folder: Path) -> Message:
    """folder: where names of files are relative to. Raises UnknownNameError, OSError for a file that went away."""
    body, content_type = _body(request, values, folder)
    headers = {"content-type": content_type} if content_type else {}
    headers |= {name.lower(): fill(value, values) for name, value in request.headers.items()}
    target = quote(fill(request.path, values), safe=_SAFE)
    query = [(name, fill(value, values)) for name, each in request.query.items() for value in each]
    if query:
        target += ("&" if "?" in target else "?") + urlencode(query)
    return Message(request.method, target, headers, body)


def _body(request: Request, values: Values, folder: Path) -> tuple[bytes | None, str | None]:
    """With the content type that it has, unless the scenario says another."""
    if "json_" in request.model_fields_set:
        return json.dumps(fill_json(request.json_, values), ensure_ascii=False).encode(), "application/json"
    if request.text is not None:
        return (fill(request.text, values) * request.times).encode(), None
    if request.form is not None:
        return urlencode({name: fill(value, values) for name, value in request.form.items()}).encode(), _FORM
    if request.multipart is not None:
        parts = b"".join(_part(part, values, folder) for part in request.multipart)
        return parts + f"--{BOUNDARY}--\r\n".encode(), f"multipart/form-data; boundary={BOUNDARY}"
    return None, None


def _part(part: Part, values: Values, folder: Path) -> bytes:
    head = f"--{BOUNDARY}\r\nContent-Disposition: form-data"
    for name, value in (("name", part.name), ("filename", part.filename)):
        if value is not None:
            head += f'; {name}="{_quoted(fill(value, values))}"'
    if part.content_type is not None:
        head += f"\r\nContent-Type: {part.content_type}"
    return head.encode() + b"\r\n\r\n" + _content(part, values, folder) * part.times + b"\r\n"


def _quoted(text: str) -> str:
    """As browsers write it in a header (WHATWG HTML, multipart/form-data)."""
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _content(part: Part, values: Values, folder: Path) -> bytes:
    if part.file is not None:
        return (folder / part.file).read_bytes()
    return base64.b64decode(part.base64) if part.base64 is not None else fill(part.text or "", values).encode()


async def send(client: httpx.AsyncClient, base: str, message: Message, *, jar: bool, within_seconds: float) -> Timed:
    """jar: whether the cookies go along that the client has been given before. Raises NoReplyError."""
    target = httpx.URL(base).raw_path.rstrip(b"/") + message.target.encode()
    headers = dict(message.headers)
    own = headers.pop("cookie", "")
    request = client.build_request(
        message.method, base, headers=headers, content=message.body, extensions={"target": target}
    )
    kept = request.headers.pop("cookie", "")
    if cookies := "; ".join(filter(None, (kept if jar else "", own))):
        request.headers["cookie"] = cookies
    began = time.perf_counter()
    try:
        async with asyncio.timeout(within_seconds):
            reply = await client.send(request, stream=True)
            try:
                body = await _read(reply)
            finally:
                await reply.aclose()
    except TimeoutError:
        raise NoReplyError(f"no whole reply within {within_seconds:g} s") from None
    except httpx.HTTPError as error:
        raise NoReplyError(why(error)) from None
    seconds = time.perf_counter() - began
    fields = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in reply.headers.raw]
    return Timed(Reply(reply.status_code, fields, body, head=message.method == "HEAD"), seconds)


async def _read(reply: httpx.Response) -> bytes:
    body = bytearray()
    async for piece in reply.aiter_raw():
        body += piece
        if len(body) > MAX_REPLY_BYTES:
            raise NoReplyError(f"the reply is over {MAX_REPLY_BYTES} bytes")
    return bytes(body)


def why(error: BaseException) -> str:
    """A failure of httpx in words."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno == errno.ECONNREFUSED:
            return "connection refused"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.ConnectError):
        return f"no connection: {_told(error)}"
    if isinstance(error, httpx.TimeoutException):
        return "it takes too long"
    return f"the connection broke off: {_told(error)}"


def _told(error: BaseException) -> str:
    return str(error) or type(error).__name__


def new_client() -> httpx.AsyncClient:
    """For one player: a jar of cookies of its own, no proxy of the environment, nothing followed, nothing packed."""
    headers: dict[str, Any] = {"user-agent": "gateway-verify", "accept-encoding": "identity"}
    return httpx.AsyncClient(headers=headers, timeout=None, trust_env=False, follow_redirects=False)  # noqa: S113 - `send` limits the whole of it
