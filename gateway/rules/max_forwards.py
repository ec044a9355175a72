"""Max-Forwards (RFC 9110 section 7.6.2): how many more hops an OPTIONS or a TRACE may take."""

from collections.abc import Sequence

from gateway.errors import ClientError
from gateway.rules.framing import MAX_LENGTH_DIGITS, bad_request
from gateway.rules.headers import Fields

LIMITED = frozenset((b"OPTIONS", b"TRACE"))
"""The methods whose Max-Forwards counts; that of others is a field like any."""


def ends_here(method: bytes, fields: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether the request, one of `LIMITED`, is for us. Raises ClientError: 400 for a number that is none, 405 for a
    TRACE that ends here.
    """
    values = [value for name, value in fields if name == b"max-forwards"]
    if not values:
        return False
    if len(values) > 1 or not values[0].isdigit():
        raise bad_request("the Max-Forwards is not one plain number")
    if values[0].strip(b"0"):
        return False
    if method == b"TRACE":
        raise ClientError(405, "Method not allowed", "this method is not served")
    return True


def one_less(fields: Fields) -> Fields:
    """For the next hop; `ends_here` has looked at it. A number of more hops than there can be becomes the highest."""
    return [(name, _less(value)) if name == b"max-forwards" else (name, value) for name, value in fields]


def _less(value: bytes) -> bytes:
    digits = value.lstrip(b"0")
    return b"%d" % (int(digits) - 1) if len(digits) <= MAX_LENGTH_DIGITS else b"9" * MAX_LENGTH_DIGITS
