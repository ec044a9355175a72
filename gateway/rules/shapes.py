"""What a value looks like, where the value itself must differ: `uuid`, `jwt`, `time`, ... or a regular expression.

Used by comparisons, for what each side makes up for itself, and by the expectations of scenarios.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_JWT: Final = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*")
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\d)([T ])(\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)?")
_HTTP_DATE: Final = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d GMT"
)


@dataclass(frozen=True, slots=True)
class Shape:
    """name: as it is written in a rule. noun: for messages, "a UUID"."""

    name: str
    noun: str
    fits: Callable[[Any], bool]

    def alike(self, legacy: Any, new: Any) -> bool:
        """Whether both have it, and where it has forms (times have), the same form."""
        if not (self.fits(legacy) and self.fits(new)):
            return False
        return self.name != "time" or _same_form(legacy, new)


def moment(value: Any) -> float | None:
    """Seconds of a time such as `2026-11-30T12:00:00.5Z`; without a zone it is taken as UTC. None for anything else."""
    if not isinstance(value, str) or (found := _TIME.fullmatch(value)) is None:
        return None
    fraction = (found[4] or ".0")[:7]
    try:
        return datetime.fromisoformat(f"{found[1]}T{found[3]}{fraction:0<7}{found[5] or 'Z'}").timestamp()
    except (ValueError, OverflowError):
        return None


def _same_form(legacy: str, new: str) -> bool:
    """`Z` is not `+00:00`, and three decimals are not six. None are like any: writers leave out a fraction of zero."""
    forms = [_TIME.fullmatch(value) for value in (legacy, new)]
    if forms[0] is None or forms[1] is None:
        return False
    lengths = {len(form[4]) for form in forms if form is not None and form[4]}
    zones = [form[5] if form[5] in (None, "Z") else "offset" for form in (forms[0], forms[1])]
    return len(lengths) <= 1 and forms[0][2] == forms[1][2] and zones[0] == zones[1]


def _text(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return _is_integer(value) or isinstance(value, float)


SHAPES: Final = {
    shape.name: shape
    for shape in (
        Shape("uuid", "a UUID", _text(_UUID)),
        Shape("jwt", "a JWT", _text(_JWT)),
        Shape("time", "a time", lambda value: moment(value) is not None),
        Shape("http-date", "an HTTP date", _text(_HTTP_DATE)),
        Shape("integer", "an integer", _is_integer),
        Shape("number", "a number", _is_number),
        Shape("text", "text", lambda value: isinstance(value, str)),
        Shape("boolean", "a boolean", lambda value: isinstance(value, bool)),
        Shape("list", "a list", lambda value: isinstance(value, list)),
        Shape("object", "an object", lambda value: isinstance(value, dict)),
        Shape("null", "null", lambda value: value is None),
    )
}


def parse_shape(text: str) -> Shape:
    """`uuid`, or a regular expression for a whole text between slashes: `/[0-9]+/`. Raises ValueError."""
    if text in SHAPES:
        return SHAPES[text]
    if len(text) > 2 and text.startswith("/") and text.endswith("/"):
        try:
            return Shape(text, f"text like {text}", _text(re.compile(text[1:-1])))
        except re.error as error:
            raise ValueError(f"{text} is no regular expression: {error}; check its brackets and backslashes") from None
    raise ValueError(f'"{text}" is no shape; write {", ".join(SHAPES)}, or /a regular expression/')
