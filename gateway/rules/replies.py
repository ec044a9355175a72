"""Two replies compared: status, headers, and the body by what it is. Pure; for `gateway verify` and for shadows.

JSON is compared by structure, server-sent events as a list of them, text (HTML, too) by lines, anything else by its
digest. Nothing here raises, whatever the bodies are: what cannot be compared is a difference.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.rules.compare import ABSENT, MAX_DIFFERENCES, Difference, Kind, Naming, Rules, as_it_is, compare
from gateway.rules.events import read_events
from gateway.rules.json_text import read_json
from gateway.rules.lines import compare_lines
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
MAX_NAMES: Final = 500
"""Of headers, of which it is remembered whether they are compared."""


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
    _known: dict[str, bool] = field(default_factory=dict, init=False, repr=False, compare=False)

    def compares(self, name: str, *, head: bool) -> bool:
        """Whether a header is compared. head: of replies to HEAD."""
        if name == "content-length":
            return name not in self.ignore_headers and (head if self.headers is None else name in self.headers)
        known = self._known.get(name)
        if known is None:
            known = name not in self.ignore_headers and (
                name in self.headers if self.headers is not None else name not in VARYING and not name.startswith(OURS)
            )
            if len(self._known) < MAX_NAMES:
                self._known[name] = known
        return known


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
        """As UTF-8. Bytes that are none are written out, so that texts of other bytes are other texts."""
        return self.body.decode("utf-8", "backslashreplace")

    def json(self) -> Any:
        """Raises ValueError where it is no JSON. Integers are exact, however long."""
        return read_json(self.body)


def compare_replies(
    legacy: Reply, new: Reply, rules: ReplyRules, *, most: int = MAX_DIFFERENCES
) -> tuple[Difference, ...]:
    """Status first, then headers, then the body: of two statuses the bodies differ as they must, and are not told.
    most: differences of a body.
    """
    if legacy.status != new.status:
        return (Difference(Kind.VALUE, "status", legacy.status, new.status),)
    plain = legacy.naming is as_it_is and new.naming is as_it_is
    if plain and legacy.body == new.body and legacy.headers == new.headers:
        return ()
    try:
        found = _headers(legacy, new, rules)
        if not (plain and legacy.body == new.body):
            found += _bodies(legacy, new, rules, most)
    except Exception as error:  # noqa: BLE001 - a fault of ours must not cost more than this comparison
        how = f"could not be compared: {type(error).__name__}"
        return (Difference(Kind.VALUE, "body", _digest(legacy.body), _digest(new.body), how),)
    return tuple(found)


def _headers(legacy: Reply, new: Reply, rules: ReplyRules) -> list[Difference]:
    plain = legacy.naming is as_it_is and new.naming is as_it_is
    if plain and legacy.headers == new.headers:
        return []
    old_fields, new_fields = (
        [each for each in reply.headers if rules.compares(each[0], head=legacy.head)] for reply in (legacy, new)
    )
    if plain and old_fields == new_fields:
        return []
    found = []
    old_values, new_values = _by_name(old_fields), _by_name(new_fields)
    for name in old_values | new_values:
        old_value, new_value = old_values.get(name), new_values.get(name)
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


def _by_name(fields: Sequence[tuple[str, str]]) -> dict[str, str]:
    """All fields of a name as one value, as `Reply.header` gives it."""
    values: dict[str, list[str]] = {}
    for name, value in fields:
        values.setdefault(name, []).append(value)
    return {name: ", ".join(each) for name, each in values.items()}


def _or_absent(value: str | None) -> Any:
    return ABSENT if value is None else value


def _masked(text: str, rules: ReplyRules) -> str:
    for pattern in rules.mask:
        text = pattern.sub("*", text)
    return text


def how_compared(reply: Reply, rules: ReplyRules) -> str:
    """What the body of a reply is compared as: `json`, `events`, `text`, `digest` or `ignore`."""
    return rules.as_ or _by_type(reply)


def _bodies(legacy: Reply, new: Reply, rules: ReplyRules, most: int) -> Sequence[Difference]:
    how = how_compared(legacy, rules)
    if how == "ignore":
        return ()
    naming = (legacy.naming, new.naming)
    if how == "events":
        return compare(read_events(legacy.text()), read_events(new.text()), rules.body, naming=naming, most=most)
    if how == "json":
        try:
            return compare(legacy.json(), new.json(), rules.body, naming=naming, most=most)
        except ValueError:
            how = "text"  # one of them says that it is JSON and is not: what they are is told by their lines
    if how == "text":
        return compare_lines(*(_masked(reply.naming(reply.text()), rules) for reply in (legacy, new)))
    return [Difference(Kind.VALUE, "body", *map(_digest, (legacy.body, new.body)))] if legacy.body != new.body else ()


def _by_type(reply: Reply) -> str:
    kind = reply.media_type
    if kind == "application/json" or kind.endswith("+json"):
        return "json"
    if kind == "text/event-stream":
        return "events"
    return "text" if kind.startswith("text/") or kind in _TEXTS or kind.endswith("+xml") else "digest"


_TEXTS: Final = ("application/xml", "application/javascript", "application/xhtml+xml")


def _digest(body: bytes) -> str:
    return f"{len(body)} bytes, SHA-256 {hashlib.sha256(body).hexdigest()[:16]}..."
