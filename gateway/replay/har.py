"""HAR 1.2: what a browser's developer tools save, as requests. Pure.

Browsers differ in what they save: `:authority` and its like for HTTP/2, cookies as a list alone, forms as parameters
alone. What cannot be sent as it was recorded is unreadable, never guessed.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import orjson

from gateway.replay.record import NoRequestError, Recorded, Unreadable, checked, unreadable

_FORM: Final = "application/x-www-form-urlencoded"
_BODYLESS: Final = ("GET", "HEAD")


class NoHarError(ValueError):
    """Says in words what is wrong with a whole file."""


def har_entries(data: bytes) -> list[Any]:
    """Raises NoHarError."""
    try:
        content = orjson.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except ValueError as error:
        raise NoHarError(f"is no JSON: {error}") from None
    log = content.get("log") if isinstance(content, dict) else None
    entries = log.get("entries") if isinstance(log, dict) else None
    if not isinstance(entries, list):
        raise NoHarError("has no log.entries, as HAR has them")
    return entries


def har_requests(entries: list[Any]) -> Iterator[Recorded | Unreadable | None]:
    """One for each entry, in their order. None for what is no request of HTTP: a WebSocket, `data:`, an extension's."""
    for place, entry in enumerate(entries, 1):
        request = entry.get("request") if isinstance(entry, dict) else None
        if not isinstance(request, dict):
            yield unreadable(place, "has no request")
            continue
        try:
            yield _request(place, request)
        except NoRequestError as error:
            shown = f"{request.get('method')} {request.get('url')}"
            yield unreadable(place, str(error), shown.encode("utf-8", "replace"))


def _request(place: int, request: Mapping[str, Any]) -> Recorded | None:
    method, url = _text(request, "method"), _text(request, "url")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise NoRequestError(f"its address is none: {error}") from None
    if parts.scheme not in ("http", "https"):
        return None
    fields = _fields(request)
    body, content_type = _body(request, method)
    if content_type and not any(name.lower() == "content-type" for name, _ in fields):
        fields.append(("content-type", content_type))
    has_query = parts.query or url.partition("#")[0].endswith("?")
    target = (parts.path or "/") + (f"?{parts.query}" if has_query else "")
    return checked(
        place,
        _bytes(method),
        _bytes(target),
        host=_bytes(parts.netloc.rpartition("@")[2]),
        fields=[(_bytes(name), _bytes(value)) for name, value in fields],
        body=body,
    )


def _fields(request: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Without pseudo-headers (RFC 9113 section 8.3); with the cookies that are told in their own list alone."""
    fields = [(name, value) for name, value in _pairs(request, "headers") if not name.startswith(":")]
    if not any(name.lower() == "cookie" for name, _ in fields):
        cookies = "; ".join(f"{name}={value}" for name, value in _pairs(request, "cookies"))
        fields += [("cookie", cookies)] if cookies else []
    return fields


def _body(request: Mapping[str, Any], method: str) -> tuple[bytes | None, str]:
    """With its content type. Raises NoRequestError where there was a body and it was not saved."""
    posted = request.get("postData")
    if not isinstance(posted, dict):
        size = request.get("bodySize")
        if isinstance(size, int) and size > 0 and method not in _BODYLESS:
            raise NoRequestError("its body was not recorded")
        return None, ""
    content_type = posted.get("mimeType")
    content_type = content_type if isinstance(content_type, str) else ""
    text = posted.get("text")
    if isinstance(text, str) and text:
        return _decoded(text, posted), content_type
    params = _pairs(posted, "params")
    if params and not content_type.startswith(_FORM):
        raise NoRequestError("its body was recorded as parameters alone, and it is no form that could be written again")
    return (urlencode(params).encode() if params else None), content_type


def _decoded(text: str, posted: Mapping[str, Any]) -> bytes:
    if posted.get("encoding") != "base64":
        return _bytes(text)
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoRequestError("its body is said to be base64, and is not") from None


def _pairs(where: Mapping[str, Any], key: str) -> list[tuple[str, str]]:
    """Lists of {name, value}; what is none of that is passed over."""
    found = where.get(key)
    if not isinstance(found, list):
        return []
    pairs = [(each.get("name"), each.get("value", "")) for each in found if isinstance(each, dict)]
    return [(name, value) for name, value in pairs if isinstance(name, str) and isinstance(value, str)]


def _text(request: Mapping[str, Any], key: str) -> str:
    value = request.get(key)
    if not isinstance(value, str):
        raise NoRequestError(f"has no {key}")
    return value


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
