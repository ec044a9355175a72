"""JSON read for comparisons: fast, and with every integer as it is written."""

import json
from typing import Any, Final

import orjson

_DIGITS: Final = bytes(48 if 48 <= byte <= 57 else 32 for byte in range(256))
_LONG: Final = b"0" * 19
"""From here on an integer may be beyond 64 bits."""


def read_json(body: bytes) -> Any:
    """Raises ValueError where it is no JSON (RFC 8259).

    orjson reads integers beyond 64 bits as floats, and two of them that are not the same might become so. Where a body
    has as many digits in a row, it is read by the slower reader of the standard library, which keeps them (orjson has
    refused what is no JSON before that, and numbers beyond the range of a float with it). Nested too deep for that
    reader, it stays as orjson has read it. Other numbers are floats of 64 bits, as JavaScript reads them.
    """
    value = orjson.loads(body)
    if _LONG in body.translate(_DIGITS):
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            return value
    return value
