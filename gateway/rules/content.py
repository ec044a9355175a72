"""What a body is, for whoever hides secrets in it: JSON, events, a form, text, or none of these. Pure."""

from collections.abc import Sequence
from typing import Any

from gateway.rules.compare import ABSENT
from gateway.rules.events import read_events
from gateway.rules.json_text import read_json
from gateway.rules.secret_values import begins_json

Headers = Sequence[tuple[str, str]]
"""In lower case, as they came."""


class Content:
    """A body by what it is. value: JSON, or ABSENT. text: None where it is no text. is_json: whether it is, or was
    meant to be, JSON or a list of events, and so has places. is_withheld: whether nothing of it is shown. hides_lines,
    hides_parts: whether no line of it is, or none that is not all of it.
    """

    def __init__(self, body: bytes, headers: Headers, *, has_places: bool) -> None:
        self.body = body
        self.type = next((value for name, value in headers if name == "content-type"), "")
        kind = self.type.partition(";")[0].strip().lower()
        self.is_form = kind == "application/x-www-form-urlencoded"
        self.is_multipart = kind.startswith("multipart/")
        self.is_json = has_places or kind == "application/json" or kind.endswith("+json")
        self.is_html = kind in ("text/html", "application/xhtml+xml")
        self.is_withheld = True
        self.hides_lines = False
        self.hides_parts = False
        self.value: Any = ABSENT
        self.text = _text(body)
        if self.text is None or self.is_form or self.is_multipart:
            return
        if kind == "text/event-stream":
            self.value = read_events(self.text)
        elif begins_json(self.text) or self.text.lstrip()[:1] == '"':
            self.is_json = True
            try:
                self.value = read_json(body.removeprefix(b"\xef\xbb\xbf"))
            except ValueError:
                return


def _text(body: bytes) -> str | None:
    if b"\0" in body:
        return None
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None
