"""Characters of HTTP's grammar (RFC 9110 section 5): what a field's name and value may be made of."""

import re
from collections.abc import Sequence
from typing import Final

MAX_NAME: Final = 256
"""No field in use has a longer name; what is remembered of names stays small."""

TOKEN: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"

_is_token: Final = re.compile(TOKEN).fullmatch
_SPACE: Final = 0x20
_TEXT: Final = b"\t" + bytes(range(0x20, 0x7F)) + bytes(range(0x80, 0x100))
_SHOWN: Final = bytes(byte if byte in _TEXT else ord("?") for byte in range(256))


class _FieldNames(dict[bytes, bytes | None]):
    """A field's name in lower case, by the name as it came; None where it is no token (RFC 9110 section 5.1) or longer
    than any name is. A space before the colon, a folded line's leading space and an empty name are all no tokens.

    Remembered, for a few dozen names are nearly all that there are; with a bound, so that strangers cannot fill it.
    """

    def __missing__(self, raw: bytes) -> bytes | None:
        if len(raw) > MAX_NAME:
            return None
        if len(self) >= _REMEMBERED:
            self.clear()
        name = self[raw] = raw.lower() if _is_token(raw) else None
        return name


_REMEMBERED: Final = 4096
FIELD_NAMES: Final = _FieldNames()
"""Asked for each field of each head: a look-up in C."""


def field_value(text: bytes) -> bytes:
    """What follows a field line's colon, without the blanks around it (RFC 9112 section 5.1). Where it is the one that
    nearly all write, none other is looked for.
    """
    if len(text) > 1 and text[0] == _SPACE and text[1] > _SPACE and text[-1] > _SPACE:
        return text[1:]
    return text.strip(b" \t")


def is_field_value(value: bytes) -> bool:
    """Whether a value holds neither line ends nor NUL nor other control characters but the tab (section 5.5)."""
    return value.translate(_SHOWN) == value  # deleting what may be there would cost a table for each call


def are_lines(lines: Sequence[bytes]) -> bool:
    """The same for many lines at once, without their ends: a text that was split at CRLF, or is to be joined by it."""
    return is_field_value(b"".join(lines))
