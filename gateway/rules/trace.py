"""Request ids and W3C trace context: passed on when they are well-formed, made when they are not."""

import re
from binascii import hexlify
from typing import Final

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._~+/=:@-]{1,128}")
_NO_TRACE: Final = b"0" * 32
_NO_SPAN: Final = b"0" * 16
_ONE: Final = b"0" * 31 + b"1"
_TRACEPARENT: Final = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")


def request_id(given: bytes | None, fresh: bytes) -> bytes:
    """The client's X-Request-Id if it is one a log can hold, else `fresh` (16 random bytes) in hexadecimal."""
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given
    return hexlify(fresh)


def is_traceparent(given: bytes) -> bool:
    """Whether a traceparent may be passed on (W3C Trace Context level 1)."""
    return bool(_TRACEPARENT.fullmatch(given)) and (not given.startswith(b"00-") or len(given) == 55)


def new_traceparent(fresh: bytes) -> bytes:
    """An unsampled one from `fresh` (24 random bytes). Neither of its ids may be all zeros."""
    digits = hexlify(fresh)
    trace, span = digits[:32], digits[32:]
    return b"00-%b-%b-00" % (trace if trace != _NO_TRACE else _ONE, span if span != _NO_SPAN else _ONE[16:])
