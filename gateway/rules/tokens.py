"""Characters of HTTP's grammar (RFC 9110 section 5): what a field's name and value may be made of."""

import re
from typing import Final

MAX_NAME: Final = 256
"""No field in use has a longer name; what is remembered of names stays small."""

TOKEN: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"

_is_token: Final = re.compile(TOKEN).fullmatch
_TEXT: Final = b"\t" + bytes(range(0x20, 0x7F)) + bytes(range(0x80, 0x100))


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


def is_field_value(value: bytes) -> bool:
    """Whether a value holds neither line ends nor NUL nor other control characters but the tab (section 5.5)."""
    return not value.translate(None, _TEXT)


def are_lines(text: bytes, breaks: int) -> bool:
    """The same for many lines at once: nothing but their ends is a control character. breaks: how many CRLF there are,
    by splitting the text at them or joining it with them; no other CR and no other LF may be left.
    """
    return text.translate(None, _TEXT) == b"\r\n" * breaks
