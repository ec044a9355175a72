"""What the schemas of several features ask of a text or an id, in the words that clients rely on."""

import re

from pydantic_core import PydanticCustomError

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_CONTROL_IN_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def is_id(text: str) -> bool:
    """A UUID in lower case, as we make them. Nothing else may reach a query: PostgreSQL refuses a NUL with an error."""
    return _ID.fullmatch(text) is not None


def one_line(text: str) -> str:
    """A validator: no control characters."""
    return _without(_CONTROL, text)


def lines(text: str) -> str:
    """A validator: no control characters but line breaks and tabs."""
    return _without(_CONTROL_IN_LINES, text)


def strip_controls(text: str) -> str:
    return _CONTROL.sub("", text)


def _without(refused: re.Pattern[str], text: str) -> str:
    if refused.search(text):
        raise PydanticCustomError("value_error", "control characters are not allowed")
    return text
