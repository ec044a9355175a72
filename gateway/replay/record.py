"""One recorded request, whatever it was recorded in: checked as the gateway checks what comes on the wire. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from gateway.errors import ClientError
from gateway.rules.conditional import OF_A_COPY
from gateway.rules.headers import by_name, forwardable_request
from gateway.rules.target import check_method, resolve_target
from gateway.rules.tokens import FIELD_NAMES, TOKEN, is_field_value

_IS_TOKEN: Final = re.compile(TOKEN).fullmatch
_NOT_VISIBLE: Final = re.compile(rb"[^\x21-\x7e]")
SAFE: Final = frozenset((b"GET", b"HEAD"))
MAX_SHOWN: Final = 120


@dataclass(frozen=True, slots=True)
class Recorded:
    """place: the line of a log, or the number of an entry, from 1. target: path and query as they go on the wire. host:
    empty where the record does not tell. fields: in lower case, without what belongs to one hop.
    """

    place: int
    method: bytes
    target: bytes
    host: bytes = b""
    fields: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes | None = None

    @property
    def path(self) -> bytes:
        return self.target.partition(b"?")[0]

    @property
    def is_safe(self) -> bool:
        """Whether it may be sent twice without a second thought."""
        return self.method in SAFE


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A line or an entry that is no request that could be sent. text: how it begins."""

    place: int
    why: str
    text: str = ""


class NoRequestError(ValueError):
    """Says in words why what was recorded cannot be sent."""


def checked(
    place: int,
    method: bytes,
    target: bytes,
    *,
    host: bytes = b"",
    fields: Iterable[tuple[bytes, bytes]] = (),
    body: bytes | None = None,
) -> Recorded:
    """target: a path with its query, or a whole http address. fields: as recorded. Raises NoRequestError."""
    if _IS_TOKEN(method) is None:
        raise NoRequestError("its method is none")
    try:
        check_method(method)
        path, authority = resolve_target(method, _escaped(target), [host] if host else [], minor=0)
    except ClientError as error:
        raise NoRequestError(error.detail) from None
    kept = [(_name(name), _value(value)) for name, value in fields]
    kept = forwardable_request(kept, by_name(kept), trusted=False)
    if method in SAFE:
        kept = [field for field in kept if field[0] not in OF_A_COPY]
    return Recorded(place, method, path, authority or b"", tuple(kept), body)


def _escaped(target: bytes) -> bytes:
    """What no request line can hold is written as an escape: logs show bytes that clients sent as they are."""
    return _NOT_VISIBLE.sub(lambda found: b"%%%02X" % found[0][0], target)


def _name(name: bytes) -> bytes:
    known = FIELD_NAMES[name]
    if known is None:
        raise NoRequestError("one of its headers has no valid name")
    return known


def _value(value: bytes) -> bytes:
    value = value.strip(b" \t")
    if not is_field_value(value):
        raise NoRequestError("one of its headers holds a line end or a control character")
    return value


def unreadable(place: int, why: str, text: bytes = b"") -> Unreadable:
    """With the beginning of what it was, for people."""
    shown = text[:MAX_SHOWN].decode("utf-8", "replace").rstrip("\r\n")
    return Unreadable(place, why, f"{shown}..." if len(text) > MAX_SHOWN else shown)
