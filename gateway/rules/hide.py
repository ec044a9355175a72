"""What is kept of a comparison, without secrets: the only way by which anything of it leaves the process.

Hidden are headers, parameters, fields and members of JSON by their names (`gateway.rules.secrecy`; of cookies only the
values), the places that the feature names, and whatever has a secret's shape; then every value that was so found,
wherever else it stands. A body that is no text is kept as its size and digest. What is too much to be looked through is
left out whole. Bodies are cut last, so that no half of a secret stays. Pure; for the ledger.
"""

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, Final

import orjson

from gateway.rules.compare import ABSENT, Difference
from gateway.rules.compared import Asked, Compared
from gateway.rules.content import Content, Headers
from gateway.rules.fingerprint import fingerprint, kind_of, place_of
from gateway.rules.json_path import Path, Pattern, Wild, parse_path, show_path
from gateway.rules.place_names import MAX_PLACE
from gateway.rules.places import Place, Places
from gateway.rules.replies import Reply
from gateway.rules.secrecy import HIDDEN, is_secret_name, is_secret_parameter, without_shapes
from gateway.rules.secret_values import (
    MAX_TEXT,
    NOWHERE,
    SecretValues,
    begins_json,
    hidden_cookies,
    hidden_pairs,
    hidden_said,
    hidden_set_cookies,
    json_of,
    parts,
    says_across_lines,
    says_more,
    says_too_much,
    utf8,
)

MAX_BODY: Final = 16 * 1024
"""Characters of a body that are kept."""
MAX_VALUE: Final = 2000
"""Characters of a header, a path, and either value of a difference."""
MARGIN: Final = 2048
"""Characters behind what is kept that are looked through at least: what shows as a secret only by its end."""
MAX_DIFFERENCES: Final = 50
MAX_DEPTH: Final = 100
"""Of JSON; what is nested deeper is hidden whole."""


def hidden(
    compared: Compared, redact: Sequence[Pattern] = (), redact_headers: Collection[str] = frozenset()
) -> dict[str, Any]:
    """A comparison as a value for JSON. redact: places in bodies; redact_headers: names in lower case.

    `asked` has method, target, headers and body; `legacy` and `new` have status, headers, body and seconds. A body has
    size (bytes), text (None where it is not kept, and then its sha256) and cut (whether text is not all of it). Each of
    differences has fingerprint, kind, difference, place, path, legacy and new (JSON as text, None where it is missing)
    and expected; `more_differences` counts those that are left out.
    """
    return _Hiding(compared, redact, redact_headers).sample()


def _is_there(value: Any) -> bool:
    return value is not ABSENT


def _written(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # integers beyond 64 bits
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _hidden_query(text: str) -> str:
    """What may be a URL, or begin with one."""
    path, sign, query = text.partition("?")
    return path + sign + hidden_pairs(query) if sign else path


def _whole_steps(place: str) -> str:
    """Of one that was too long to be told whole: a part of a key cannot be known as a secret."""
    return place if len(place) < MAX_PLACE else place[: max(place.rfind("."), place.rfind("["))]


class _Hiding:
    """Of one comparison: first all of it is read for secrets, then it is written without them."""

    def __init__(self, compared: Compared, redact: Sequence[Pattern], redact_headers: Collection[str]) -> None:
        self._compared = compared
        self._redact_headers = redact_headers
        self._root: Place[bool] = Places(redact, lambda matched, _: bool(matched)).start
        self._redacts = bool(redact)
        self._left = 0
        self._values = SecretValues()
        asked, legacy, new = compared.asked, compared.legacy, compared.new
        has_places = any(each.path.startswith("$") for each in compared.differences)
        self._bodies = [
            Content(each.body, each.headers, has_places=has_places and each is not asked)
            for each in (asked, legacy, new)
        ]
        for content in self._bodies:
            content.is_withheld = self._withholds(content)
        if any(each.path.startswith("line ") for each in compared.differences):
            for content in self._bodies[1:]:
                text = content.text or ""
                content.hides_lines = content.is_withheld or says_too_much(text) or says_across_lines(text)
                content.hides_parts = not content.hides_lines and (self._redacts or says_more(text))
        for each in (asked, legacy, new):
            for name, value in each.headers:
                self._values.add_header(name, value, is_secret=self._is_secret_header(name))
        self._values.add_pairs(asked.target.partition("?")[2])
        self._values.add_text(asked.target)
        for content in self._bodies:
            self._read(content)
        for difference in compared.differences:
            self._read_difference(difference)

    def _is_secret_header(self, name: str) -> bool:
        return is_secret_name(name) or name in self._redact_headers

    def _read(self, content: Content) -> None:
        if content.is_multipart:
            for name, value in parts(content.body, content.type):
                if is_secret_parameter(name):
                    self._values.add(value)
        elif content.is_form:
            self._values.add_pairs(content.body.decode("utf-8", "replace"))
        elif content.value is not ABSENT:
            self._values.add_json(content.value, self._root)
        elif content.text is not None:
            self._values.add_text(content.text)
            for value in filter(None, map(json_of, content.text.split("\n") if self._redacts else ())):
                self._values.add_json(value, self._root)

    def _read_difference(self, difference: Difference) -> None:
        if difference.path.startswith("header:"):
            name = difference.path.removeprefix("header:")
            for value in (difference.legacy, difference.new):
                if isinstance(value, str):
                    self._values.add_header(name, value, is_secret=self._is_secret_header(name))
        elif difference.path.startswith("$"):
            place = self._place(difference.path)
            for value in filter(_is_there, (difference.legacy, difference.new)):
                self._values.add_json({"secret": value} if place is None else value, place or self._root)

    def _place(self, path: str) -> Place[bool] | None:
        """Where a path leads; None where it is secret, or lies in something that is."""
        return self._walked(path)[0]

    def _walked(self, path: str) -> tuple[Place[bool] | None, Path]:
        """The same, and the steps as far as they may be told: not what lies in something secret."""
        place = self._root
        if len(path) > MAX_VALUE:
            return None, ()
        try:
            steps = tuple(step for step in parse_path(path).steps if not isinstance(step, Wild))
        except ValueError:
            return None, ()
        for number, step in enumerate(steps):
            if place.rule:
                return None, steps[:number]
            if isinstance(step, str) and is_secret_name(step):
                return None, steps[: number + 1]
            place = place.key(step) if isinstance(step, str) else place.index(step)
        return (None if place.rule else place), steps

    def _shown_path(self, path: str) -> str:
        return show_path(self._walked(path)[1]) if path.startswith("$") else path

    def sample(self) -> dict[str, Any]:
        compared = self._compared
        differences = compared.differences[:MAX_DIFFERENCES]
        return {
            "feature": compared.feature,
            "route": compared.route,
            "outcome": compared.outcome.value,
            "answered": compared.answered.value,
            "request_id": self._line(compared.request_id),
            "when": compared.when,
            "asked": self._asked(compared.asked),
            "legacy": self._reply(compared.legacy, self._bodies[1], compared.legacy_seconds),
            "new": self._reply(compared.new, self._bodies[2], compared.new_seconds),
            "differences": [self._difference(each) for each in differences],
            "more_differences": len(compared.differences) - len(differences),
        }

    def _asked(self, asked: Asked) -> dict[str, Any]:
        return {
            "method": asked.method,
            "target": self._line(_hidden_query(asked.target)),
            "headers": self._headers(asked.headers),
            "body": self._body(self._bodies[0]),
        }

    def _reply(self, reply: Reply, content: Content, seconds: float) -> dict[str, Any]:
        return {
            "status": reply.status,
            "headers": self._headers(reply.headers),
            "body": self._body(content),
            "seconds": seconds,
        }

    def _headers(self, headers: Headers) -> list[list[str]]:
        return [[self._line(name), self._header(name, value)] for name, value in headers]

    def _header(self, name: str, value: str) -> str:
        if name in self._redact_headers:
            return HIDDEN
        if name == "cookie":
            return self._line(hidden_cookies(value))
        if name == "set-cookie":
            return self._line(hidden_set_cookies(value))
        return HIDDEN if is_secret_name(name) else self._line(_hidden_query(value))

    def _line(self, text: str) -> str:
        """A short text. Cut after hiding."""
        if len(text) > MAX_TEXT:
            return HIDDEN
        text, is_all = self._plain(utf8(text), MAX_VALUE)
        plain, is_cut = self._kept(text, MAX_VALUE, is_all=is_all)
        return HIDDEN if plain is None else plain + "..." * is_cut

    def _body(self, content: Content) -> dict[str, Any]:
        shown, is_all = self._text_of(content)
        text, is_cut = self._kept(shown, MAX_BODY, is_all=is_all)
        body = {"size": len(content.body), "text": text, "cut": is_cut}
        return body if text is not None else {**body, "sha256": hashlib.sha256(content.body).hexdigest()}

    def _withholds(self, content: Content) -> bool:
        """Whether it cannot be told what of a body is secret: some of it has a secret's name, or a named place, and is
        not JSON that can be read.
        """
        text = content.text
        if text is None or content.is_multipart or len(text) > MAX_TEXT:
            return True
        if content.value is not ABSENT:
            return False
        if says_too_much(text) or says_more(text, is_html=content.is_html):
            return True
        lines = text.split("\n") if self._redacts and content.is_json else ()
        return any(json_of(line) is None for line in lines if line.strip())

    def _text_of(self, content: Content) -> tuple[str | None, bool]:
        """What is shown of a body, and whether that is all of it."""
        if content.text is None or content.is_withheld:
            return None, False
        if content.value is not ABSENT:
            shown, is_all = self._shown(content.value, self._root, MAX_BODY)
            return _written(shown), is_all
        if content.is_form:
            return self._plain(hidden_pairs(content.text), MAX_BODY)
        wanted, lines = self._wanted(MAX_BODY), content.text.split("\n")
        for at, line in enumerate(lines):
            if wanted <= 0:
                text, _ = self._plain("\n".join(lines[:at]), MAX_BODY)
                return text, False
            lines[at] = self._json_line(line, wanted)
            wanted -= len(lines[at]) + 1
        return self._plain("\n".join(lines), MAX_BODY)

    def _json_line(self, line: str, most: int) -> str:
        """One of many values of JSON, one in each line, or any other line."""
        value = json_of(line)
        if value is not None:
            return _written(self._shown(value, self._root, most)[0])
        return HIDDEN if self._redacts and begins_json(line) else line

    def _compared_line(self, line: str, content: Content) -> tuple[str, bool]:
        """Of a body that was compared by its lines: no more than is shown of that body, for what a line is a part of
        may have begun before it.
        """
        text = content.text
        if text is None or content.hides_lines or len(line) > MAX_TEXT:
            return HIDDEN, True
        is_one_line = "\n" not in text.strip() and "\r" not in text.strip()
        if content.value is not ABSENT and not (is_one_line and begins_json(line)):
            if content.hides_parts:
                return HIDDEN, True
        elif content.is_form:
            line = hidden_pairs(line)
        elif (value := json_of(line)) is not None:
            shown, is_all = self._shown(value, self._root, MAX_VALUE)
            return _written(shown), is_all
        elif says_more(line, is_html=content.is_html) or (self._redacts and begins_json(line)):
            return HIDDEN, True
        return self._plain(line, MAX_VALUE)

    @property
    def _margin(self) -> int:
        return 3 * self._values.longest + MARGIN

    def _wanted(self, most: int) -> int:
        """Characters that are looked through where so many are kept."""
        return most + 2 * self._margin

    def _plain(self, text: str, most: int) -> tuple[str, bool]:
        """As much of a text as is wanted, without what is secret by its name or its shape."""
        wanted = self._wanted(most)
        return without_shapes(hidden_said(text[:wanted])), len(text) <= wanted

    def _shown(self, value: Any, place: Place[bool], most: int) -> tuple[Any, bool]:
        """The same of JSON."""
        self._left = self._wanted(most)
        return self._json(value, place, 0), self._left > 0

    def _kept(self, text: str | None, most: int, *, is_all: bool) -> tuple[str | None, bool]:
        """What is kept of a text, and whether that is not all of it. is_all: whether the text is. Where it is not, a
        part of a secret may stand at its end, so that goes.
        """
        if text is None:
            return None, True
        wanted = self._wanted(most)
        plain = self._values.hidden_in(text[:wanted])
        if plain is None:
            return None, True
        if not is_all or len(text) > wanted:
            return plain[: max(0, min(most, len(plain) - self._margin))], True
        return plain[:most], len(plain) > most

    def _json(self, value: Any, place: Place[bool], depth: int) -> Any:
        """As much of it as is wanted."""
        if place.rule or depth > MAX_DEPTH:
            return HIDDEN
        if isinstance(value, dict):
            shown = {}
            for key, inner in value.items():
                if self._left <= 0:
                    break
                self._left -= len(key) + 4
                is_secret = is_secret_name(key)
                shown[without_shapes(key)] = HIDDEN if is_secret else self._json(inner, place.key(key), depth + 1)
            return shown
        if isinstance(value, list):
            items = []
            for at, inner in enumerate(value):
                if self._left <= 0:
                    break
                self._left -= 1
                items.append(self._json(inner, place.index(at), depth + 1))
            return items
        if isinstance(value, str):
            return self._string(value, depth)
        self._left -= 1
        return value

    def _string(self, text: str, depth: int) -> str:
        """It may be JSON itself, of which no place is named."""
        value = json_of(text)
        if value is not None:
            left = self._left
            shown = self._json(value, NOWHERE, depth + 1)
            if shown != value or says_more(text):
                return _written(shown)
            self._left = left
        elif says_more(text):
            return HIDDEN
        head = text[: max(0, self._left)]
        self._left -= len(text)
        return without_shapes(hidden_said(head))

    def _difference(self, difference: Difference) -> dict[str, Any]:
        compared, path = self._compared, self._shown_path(difference.path)
        return {
            "fingerprint": fingerprint(compared.feature, compared.route, difference),
            "kind": kind_of(difference),
            "difference": difference.kind.value,
            "place": self._line(_whole_steps(place_of(replace(difference, path=path)))),
            "path": self._line(path),
            "legacy": self._value(difference, difference.legacy, self._bodies[1]),
            "new": self._value(difference, difference.new, self._bodies[2]),
            "expected": self._line(difference.expected),
        }

    def _value(self, difference: Difference, value: Any, content: Content) -> str | None:
        """As JSON, but cut. content: of the side that it is the value of."""
        if value is ABSENT:
            return None
        shown, is_all = value, True
        if difference.path.startswith("header:"):
            shown = self._header(difference.path.removeprefix("header:"), str(value))
        elif difference.path.startswith("$"):
            place = self._place(difference.path)
            shown, is_all = (HIDDEN, True) if place is None else self._shown(value, place, MAX_VALUE)
        elif difference.path.startswith("line "):
            shown, is_all = self._compared_line(str(value), content)
        elif isinstance(value, str):
            shown, is_all = self._plain(value, MAX_VALUE)
        written = utf8(json.dumps(shown, ensure_ascii=False, default=str))
        text, is_cut = self._kept(written, MAX_VALUE, is_all=is_all)
        return HIDDEN if text is None else text + "..." * is_cut
