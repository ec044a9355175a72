"""The values of secrets in one exchange, so that they can be hidden wherever else they stand. For `gateway.rules.hide`.

A token that comes in a header may go out in a body, an error message or a URL. So every value that a secret's name
gives away (a header, a cookie, a parameter, a field, a member of JSON) is looked for in all texts, as it is and as it
is written in URLs, JSON and HTML.
"""

import base64
import binascii
import html
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from gateway.rules.json_text import read_json
from gateway.rules.places import Place, Places
from gateway.rules.said import count_of_names, holds_more, said
from gateway.rules.secrecy import HIDDEN, is_secret_name, is_secret_parameter, says_a_name

MIN_LENGTH: Final = 6
"""Characters. Shorter ones stand in any text by chance, and are hidden at their own place alone."""
MAX_VALUES: Final = 200
MAX_NAMES: Final = 2000
"""Secrets' names in one text: of more, nothing is shown."""
MAX_WORK: Final = 16_000_000
"""Characters to look at, times values to look for. Clients choose both."""
MAX_TEXT: Final = 256 * 1024
"""Characters of one text: of more, nothing is shown."""
_COMMON: Final = frozenset({"bearer", "digest", "negotiate", "undefined"})
"""Words that stand where secrets do and are none."""
_LAYERS: Final = 3
"""How often a text may be encoded over and over."""
_MARK: Final = "\ufeff"

_ATTRIBUTES: Final = frozenset(
    {"path", "domain", "expires", "max-age", "secure", "httponly", "samesite", "partitioned", "priority", "version"}
)
_NEXT_COOKIE: Final = re.compile(r",\s*(?=[^;,=\s]+=)")
_ESCAPED: Final = re.compile(r"""\\{1,8}(?:u(?!d[89a-f])([0-9a-f]{4})|x([0-9a-f]{2})|(["'/]))""", re.IGNORECASE)
NOWHERE: Final = Places[bool]((), lambda _, __: False).start
"""Places are those of a whole body: none is named in JSON that stands in a text."""


class SecretValues:
    """Gathers values, then takes them out of texts."""

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._forms: list[str] | None = None

    @property
    def are_too_many(self) -> bool:
        """Whether nothing can be shown, because hiding them all would take too long."""
        return len(self._values) > MAX_VALUES

    def add(self, value: object) -> None:
        """Of a scalar; another's own are added one by one."""
        if value is None or isinstance(value, bool):
            return
        text = utf8(str(value)).strip()
        for each in {text, text.strip("\"'"), unquote_plus(text), _read_as_utf8(text)}:
            if len(each) >= MIN_LENGTH and each.lower() not in _COMMON and not self.are_too_many:
                self._values.add(each)
                self._forms = None

    def add_header(self, name: str, value: str, *, is_secret: bool) -> None:
        """What is secret in a header. A URL in any may have parameters."""
        if name == "cookie":
            for _, each in cookies(value):
                self.add(each)
        elif name == "set-cookie":
            for each in _NEXT_COOKIE.split(value):
                self.add(each.partition(";")[0].partition("=")[2])
        elif is_secret:
            self.add(value)
            scheme, _, rest = value.strip().partition(" ")
            self.add(rest)
            if scheme.lower() == "basic":
                self._add_basic(rest)
        else:
            self.add_pairs(value.partition("?")[2])
            self.add_text(value)

    def _add_basic(self, encoded: str) -> None:
        try:
            pair = base64.b64decode(encoded.strip(), validate=False).decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            return
        self.add(pair)
        self.add(pair.partition(":")[2])

    def add_pairs(self, text: str) -> None:
        """Of a query or a form."""
        for name, value in pairs(text):
            if is_secret_parameter(unquote_plus(name)):
                self.add(value)
            elif "%" in value:
                plain = _unquoted(value)
                self.add_json(json_of(plain), NOWHERE)
                self.add_text(plain)

    def add_json(self, value: Any, place: Place[bool]) -> None:
        """Of members with a secret's name, and of places that are named. place: where the value stands."""
        waiting: list[tuple[Any, Place[bool] | None]] = [(value, place)]  # None: all below is secret
        while waiting:
            inner, where = waiting.pop()
            if where is not None and where.rule:
                where = None
            if isinstance(inner, dict):
                for key, each in inner.items():
                    is_secret = where is None or is_secret_name(key)
                    waiting.append((each, None if is_secret or where is None else where.key(key)))
            elif isinstance(inner, list):
                waiting += [(each, where.index(at) if where is not None else None) for at, each in enumerate(inner)]
            elif where is None:
                self.add(inner)
            elif isinstance(inner, str) and begins_json(inner):
                waiting.append((json_of(inner), NOWHERE))

    def add_text(self, text: str) -> None:
        """What any text says by a secret's name, as it stands there and as it is meant."""
        if len(text) > MAX_TEXT or not says_a_name(text) or says_too_much(text):
            return
        for each in said(text):
            value = text[each.start : each.end].removeprefix("<![CDATA[").strip("\\\"'")
            self.add(value)
            self.add(_unescaped(value))

    def hidden_in(self, text: str) -> str | None:
        """The text without them; None where that would take too long. Where one is encoded in it, all is decoded."""
        if self.are_too_many:
            return None
        forms = self._written()
        if len(text) * len(forms) > MAX_WORK:
            return None
        text = _without(text, forms)
        # In a query a plus sign is a blank, and elsewhere it is none.
        for unquoted in (unquote, unquote_plus) if "%" in text and "+" in text else (unquote,):
            plain = text
            for decoded in (unquoted, _unescaped) * _LAYERS:
                before, plain = plain, decoded(plain)
                if plain != before and any(form in plain for form in forms):
                    text = plain = _without(plain, forms)
        return text

    def _written(self) -> list[str]:
        """All values in all forms, the longest first: none leaves a part of another."""
        if self._forms is None:
            forms = {form for value in self._values for form in _forms(value)}
            self._forms = sorted(forms, key=lambda form: (-len(form), form))
        return self._forms

    @property
    def longest(self) -> int:
        """Characters of the longest form."""
        forms = self._written()
        return len(forms[0]) if forms else 0


def _without(text: str, forms: Sequence[str]) -> str:
    for form in forms:
        if form in text:
            text = text.replace(form, HIDDEN)
    return text


def _unescaped(text: str) -> str:
    """As JSON, JavaScript and HTML have it."""
    if "\\" in text:
        text = _ESCAPED.sub(_character, text)
    return html.unescape(text) if "&" in text else text


def _character(found: re.Match[str]) -> str:
    digits = found[1] or found[2]
    return chr(int(digits, 16)) if digits else found[3]


def _unquoted(text: str) -> str:
    """A value of a query, however often it was encoded."""
    for _ in range(_LAYERS):
        if "%" not in text:
            break
        text = unquote_plus(text)
    return text


def _read_as_utf8(text: str) -> str:
    """Headers are read as Latin-1, whatever they are."""
    return text if text.isascii() else text.encode("latin-1", "replace").decode("utf-8", "replace")


def _forms(value: str) -> Iterator[str]:
    yield value
    if value.isalnum() and value.isascii():
        return
    yield quote(value, safe="", errors="replace")
    yield quote_plus(value, errors="replace")
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield json.dumps(json.dumps(value, ensure_ascii=False)[1:-1], ensure_ascii=False)[1:-1]  # JSON in a text of JSON
    yield value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    if not value.isascii():
        yield value.encode("utf-8", "replace").decode("latin-1")


def utf8(text: str) -> str:
    """Without what cannot be written so."""
    return text.encode("utf-8", "backslashreplace").decode()


def pairs(text: str) -> Iterator[tuple[str, str]]:
    """Of a query or a form, as they are written."""
    for each in text.split("&"):
        name, _, value = each.partition("=")
        yield name, value


def cookies(value: str) -> Iterator[tuple[str, str]]:
    """Name and value; without a name where there is none."""
    for each in value.split(";"):
        name, sign, rest = each.strip().partition("=")
        yield (name, rest) if sign else ("", name)


def hidden_cookies(value: str) -> str:
    """A `cookie` header with its names."""
    return "; ".join(f"{name}={HIDDEN}" if name else HIDDEN for name, _ in cookies(value))


def hidden_set_cookies(value: str) -> str:
    """One or more `set-cookie` as one, with names and attributes."""
    return ", ".join(_hidden_set_cookie(each) for each in _NEXT_COOKIE.split(value))


def _hidden_set_cookie(value: str) -> str:
    first, *rest = value.split(";")
    kept = [each for each in rest if each.partition("=")[0].strip().lower() in _ATTRIBUTES]
    name, sign, _ = first.partition("=")
    return ";".join([f"{name}={HIDDEN}" if sign else HIDDEN, *kept])


def hidden_pairs(text: str) -> str:
    """A query or a form with the values of secret names hidden, and those that say something by one."""
    return "&".join(map(_hidden_pair, text.split("&")))


def _hidden_pair(pair: str) -> str:
    name, _, value = pair.partition("=")
    if is_secret_parameter(unquote_plus(name)):
        return f"{name}={HIDDEN}"
    if "%" in value:
        plain = _unquoted(value)
        if says_more(plain) or hidden_said(plain) != plain:
            return f"{name}={HIDDEN}"
    return pair


def hidden_said(text: str) -> str:
    """A text without what it says by a secret's name, closed or not."""
    if not says_a_name(text):
        return text
    pieces, read = [], 0
    for each in said(text):
        pieces += [text[read : each.start], HIDDEN]
        read = each.end
    return "".join([*pieces, text[read:]])


def says_more(text: str, *, is_html: bool = False) -> bool:
    """Whether something of a secret's name is a whole list or object, in what was not read as JSON."""
    return says_a_name(text) and holds_more(text, is_html=is_html)


def says_too_much(text: str) -> bool:
    """Whether names stand in it so often that it would take too long to look at each."""
    return says_a_name(text) and count_of_names(text) > MAX_NAMES


def says_across_lines(text: str) -> bool:
    """Whether a value does not stand in the line of its name, or in more than one."""
    if not says_a_name(text):
        return False
    return any("\n" in part or "\r" in part for part in (text[each.begin : each.until] for each in said(text)))


def begins_json(text: str) -> bool:
    """Whether it looks like a list or an object."""
    return text.lstrip(f"{_MARK} \t\r\n")[:1] in ("{", "[")


def json_of(text: str) -> Any:
    """A list or an object that a text is; None where it is none. A byte order mark before it is not minded: it is
    nothing that could be hidden.
    """
    if not begins_json(text):
        return None
    try:
        return read_json(text.removeprefix(_MARK).encode("utf-8", "replace"))
    except ValueError:
        return None


def parts(body: bytes, content_type: str) -> Iterable[tuple[str, str]]:
    """Of a multipart/form-data body (RFC 7578), the names of its parts and what they hold, as text."""
    found = re.search(r'(?i)boundary=(?:"([^"]{1,200})"|([^\s;,]{1,200}))', content_type)
    if found is None:
        return
    for each in body.split(b"--" + (found[1] or found[2]).encode("utf-8", "replace")):
        head, _, content = each.partition(b"\r\n\r\n")
        named = re.search(rb'(?i)[;\s]name="([^"\r\n]{0,200})"', head[:2000])
        if named is not None:
            yield named[1].decode("utf-8", "replace"), content.removesuffix(b"\r\n").decode("utf-8", "replace")
