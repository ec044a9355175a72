"""Two replies compared: status, headers, and the body by what it is. Pure; used by `gateway verify`.

JSON is compared by structure, server-sent events as a list of them, text by lines, anything else by its digest.
"""

import difflib
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from gateway.rules.compare import ABSENT, Difference, Kind, Naming, Rules, as_it_is, compare
from gateway.rules.shapes import Shape

VARYING: Final = frozenset(
    {
        "age", "connection", "content-length", "date", "keep-alive", "proxy-authenticate", "proxy-authorization",
        "server", "server-timing", "set-cookie2", "te", "trailer", "traceparent", "tracestate", "transfer-encoding",
        "upgrade", "via", "x-request-id", "x-served-by",
    }
)  # fmt: skip
"""Headers of one hop, or of one reply: they differ between two replies of one service, too. The length goes with the
body; a reply to HEAD, which has none, is compared with its length.
"""
OURS: Final = "x-gateway-"
MAX_LINES: Final = 20
"""Lines of text that are told as differences; what follows is the same story."""


@dataclass(frozen=True, slots=True)
class ReplyRules:
    """headers: those to compare, in lower case; None for all but VARYING. as_: json, events, text or digest; None to go
    by the content type; ignore for none of it. mask: what it matches in text and headers is like anything it matches.
    """

    body: Rules = field(default_factory=Rules)
    headers: frozenset[str] | None = None
    ignore_headers: frozenset[str] = frozenset()
    same_headers: Mapping[str, Shape] = field(default_factory=dict)
    as_: str | None = None
    mask: tuple[re.Pattern[str], ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """headers: in lower case, as they came. naming: how this side's own ids are written. head: of a HEAD request."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes
    naming: Naming = as_it_is
    head: bool = False

    def header(self, name: str) -> str | None:
        """All fields of the name as one value (RFC 9110 section 5.3), None without any."""
        values = [value for field_name, value in self.headers if field_name == name]
        return ", ".join(values) if values else None

    @property
    def media_type(self) -> str:
        """Without parameters, in lower case."""
        return (self.header("content-type") or "").partition(";")[0].strip().lower()

    def text(self) -> str:
        """As UTF-8; what is none becomes U+FFFD."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """Raises ValueError where it is no JSON."""
        return orjson.loads(self.body)


def compare_replies(legacy: Reply, new: Reply, rules: ReplyRules) -> tuple[Difference, ...]:
    """Status first, then headers, then the body: of two statuses the bodies differ as they must, and are not told."""
    found: list[Difference] = []
    if legacy.status != new.status:
        return (Difference(Kind.VALUE, "status", legacy.status, new.status),)
    found += _headers(legacy, new, rules)
    found += _bodies(legacy, new, rules)
    return tuple(found)


def _headers(legacy: Reply, new: Reply, rules: ReplyRules) -> list[Difference]:
    found = []
    for name in dict.fromkeys([*_names(legacy), *_names(new)]):
        if not _is_compared(name, legacy, rules):
            continue
        old_value, new_value = legacy.header(name), new.header(name)
        if old_value is None or new_value is None:
            kind = Kind.MISSING if new_value is None else Kind.EXTRA
            found.append(Difference(kind, f"header:{name}", _or_absent(old_value), _or_absent(new_value)))
            continue
        named = legacy.naming(old_value), new.naming(new_value)
        if _masked(named[0], rules) == _masked(named[1], rules):
            continue
        shape = rules.same_headers.get(name)
        if shape is None:
            found.append(Difference(Kind.VALUE, f"header:{name}", old_value, new_value))
        elif not shape.alike(old_value, new_value) or named != (old_value, new_value):
            found.append(Difference(Kind.SHAPE, f"header:{name}", old_value, new_value, shape.noun))
    return found


def _names(reply: Reply) -> list[str]:
    return [name for name, _ in reply.headers]


def _is_compared(name: str, legacy: Reply, rules: ReplyRules) -> bool:
    if name in rules.ignore_headers:
        return False
    if rules.headers is not None:
        return name in rules.headers
    if name == "content-length":
        return legacy.head
    return name not in VARYING and not name.startswith(OURS)


def _or_absent(value: str | None) -> Any:
    return ABSENT if value is None else value


def _masked(text: str, rules: ReplyRules) -> str:
    for pattern in rules.mask:
        text = pattern.sub("*", text)
    return text


def _bodies(legacy: Reply, new: Reply, rules: ReplyRules) -> Sequence[Difference]:
    how = rules.as_ or _by_type(legacy)
    if how == "ignore":
        return ()
    naming = (legacy.naming, new.naming)
    if how == "events":
        return compare(read_events(legacy.text()), read_events(new.text()), rules.body, naming=naming)
    if how == "json":
        try:
            return compare(legacy.json(), new.json(), rules.body, naming=naming)
        except ValueError:
            how = "text"  # one of them says that it is JSON and is not: what they are is told by their lines
    if how == "text":
        return _texts(legacy, new, rules)
    return [Difference(Kind.VALUE, "body", *map(_digest, (legacy.body, new.body)))] if legacy.body != new.body else ()


def _by_type(reply: Reply) -> str:
    kind = reply.media_type
    if kind == "application/json" or kind.endswith("+json"):
        return "json"
    if kind == "text/event-stream":
        return "events"
    return "text" if kind.startswith("text/") or kind in ("application/xml", "application/javascript") else "digest"


def _digest(body: bytes) -> str:
    return f"{len(body)} bytes, SHA-256 {hashlib.sha256(body).hexdigest()[:16]}..."


def _texts(legacy: Reply, new: Reply, rules: ReplyRules) -> list[Difference]:
    """By lines, as `diff` tells them; a line that is another is one difference."""
    old_text, new_text = (_masked(reply.naming(reply.text()), rules) for reply in (legacy, new))
    old_lines, new_lines = old_text.split("\n"), new_text.split("\n")
    matcher = difflib.SequenceMatcher(None, old_lines, new_lines, autojunk=False)
    found: list[Difference] = []
    for tag, start, end, new_start, new_end in matcher.get_opcodes():
        if tag == "equal":
            continue
        for offset in range(max(end - start, new_end - new_start)):
            old_line = old_lines[start + offset] if start + offset < end else ABSENT
            new_line = new_lines[new_start + offset] if new_start + offset < new_end else ABSENT
            kind = Kind.MISSING if new_line is ABSENT else Kind.EXTRA if old_line is ABSENT else Kind.VALUE
            found.append(Difference(kind, f"line {start + offset + 1}", old_line, new_line))
            if len(found) == MAX_LINES:
                return found
    return found


def read_events(text: str) -> list[dict[str, Any]]:
    """Server-sent events (WHATWG HTML, 9.2.6) with the fields that they have; data is JSON where it can be read so.

    Comments are no events: keep-alives come as time passes. What comes after the last empty line is none either, but is
    told as `cut`, for a stream that breaks off is not one that ends.
    """
    *lines, rest = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    events: list[dict[str, Any]] = []
    fields: dict[str, Any] = {}
    data: list[str] = []
    for line in lines:
        if not line:
            _add_event(events, fields, data)
            fields, data = {}, []
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data.append(value)
        elif name in ("id", "event", "retry"):
            fields[name] = value
    if rest or fields or data:
        events.append({"cut": rest or fields or data})
    return events


def _add_event(events: list[dict[str, Any]], fields: dict[str, Any], data: list[str]) -> None:
    if data:
        text = "\n".join(data)
        try:
            fields["data"] = orjson.loads(text)
        except ValueError:
            fields["data"] = text
    if fields:
        events.append(fields)
