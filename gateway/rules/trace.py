"""Request ids and W3C trace context: passed on when they are well-formed, made when they are not."""

import re

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._~+/=:@-]{1,128}")
_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")


def request_id(given: bytes | None, fresh: int) -> bytes:
    """The client's X-Request-Id if it is one a log can hold, else 32 hex digits of `fresh` (128 random bits)."""
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given
    return b"%032x" % fresh


def is_traceparent(given: bytes) -> bool:
    """Whether a traceparent may be passed on (W3C Trace Context level 1)."""
    return bool(_TRACEPARENT.fullmatch(given)) and (not given.startswith(b"00-") or len(given) == 55)


def new_traceparent(fresh: int) -> bytes:
    """An unsampled one from `fresh` (192 random bits)."""
    trace, span = fresh >> 64, fresh & 0xFFFF_FFFF_FFFF_FFFF
    return b"00-%032x-%016x-00" % (trace or 1, span or 1)
