"""Which requests get a line in the log."""

from typing import Final

from xxhash import xxh64_intdigest

from gateway.config.schema import Log, RequestLog
from gateway.model import ALL

_EVERY: Final = RequestLog.ALL
_ERRORS: Final = RequestLog.ERRORS


def is_logged(status: int, request_id: bytes, policy: Log, *, cut: bool = False) -> bool:
    """Whether a request gets a line. Errors (500 and above, clients that left, replies that were cut) always do.

    The sample is drawn by the request id, so that gateways which pass one on to each other log the same requests.
    """
    if status >= 499 or cut or policy.requests is _EVERY:
        return True
    if policy.requests is _ERRORS:
        return False
    return xxh64_intdigest(request_id) % ALL < policy.sample
