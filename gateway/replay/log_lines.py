"""Lines of logs as requests: the common and the combined format of nginx and Apache, and our own JSON lines. Pure.

Neither holds headers (but for Referer and User-Agent in the combined format) nor bodies. Any bytes may come in.
"""

import re
from typing import Final

import orjson

from gateway.replay.record import NoRequestError, Recorded, Unreadable, checked, unreadable
from gateway.rules.secrecy import HIDDEN
from gateway.telemetry.logs import MAX_PATH

_QUOTED: Final = rb'"((?:[^"\\]++|\\.)*+)"'
_ACCESS: Final = re.compile(
    rb"[^\[]*+\[[^\]]*+\] " + _QUOTED + rb" [0-9]{3} (?:[0-9]++|-)(?: " + _QUOTED + rb" " + _QUOTED + rb")?", re.DOTALL
)
"""Up to the agent; a virtual host before the address, and whatever comes behind, are passed over."""
_REQUEST: Final = re.compile(rb"([^ ]++) ([^ ]++) HTTP/[0-9](?:\.[0-9])?")
_ESCAPE: Final = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_LETTERS: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"v": b"\v", b"f": b"\f"}
_NONE: Final = (None, b"", b"-")


def is_access_line(line: bytes) -> bool:
    return _ACCESS.match(line) is not None


def access_line(place: int, line: bytes) -> Recorded | Unreadable:
    """`ADDRESS - USER [TIME] "GET /path HTTP/1.1" 200 5 "REFERER" "AGENT"`, the last two where they are there."""
    found = _ACCESS.match(line)
    if found is None:
        return unreadable(place, "is no line of the common or the combined format", line)
    request = _REQUEST.fullmatch(_unescaped(found[1]))
    if request is None:
        return unreadable(place, "holds no request", line)
    given = ((b"referer", found[2]), (b"user-agent", found[3]))
    fields = [(name, _unescaped(value)) for name, value in given if value not in _NONE]
    try:
        return checked(place, request[1], request[2], fields=fields)
    except NoRequestError as error:
        return unreadable(place, str(error), line)


def _unescaped(text: bytes) -> bytes:
    r"""As `\x22`, which nginx writes, or as `\"` and `\n`, which Apache writes as well."""
    return _ESCAPE.sub(_byte, text) if b"\\" in text else text


def _byte(found: re.Match[bytes]) -> bytes:
    if found[1] is not None:
        return bytes((int(found[1], 16),))
    letter: bytes = found[2]
    return _LETTERS.get(letter, letter)


def gateway_line(place: int, line: bytes) -> Recorded | Unreadable | None:
    """One of `gateway serve`, perhaps behind what a container's log puts before it. None for another event."""
    start = line.find(b"{")
    try:
        said = orjson.loads(line[start:]) if start >= 0 else None
    except ValueError:
        said = None
    if not isinstance(said, dict):
        return unreadable(place, "is no JSON object", line)
    if said.get("event") != "request":
        return None
    method, path = said.get("method"), said.get("path")
    if not isinstance(method, str) or not isinstance(path, str):
        return unreadable(place, "names no method or no path", line)
    if HIDDEN in path:
        return unreadable(place, "the log has hidden a part of its path", line)
    if len(path) >= MAX_PATH:
        return unreadable(place, f"the log has cut its path at {MAX_PATH} characters", line)
    try:
        return checked(place, _bytes(method), _bytes(path))
    except NoRequestError as error:
        return unreadable(place, str(error), line)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
