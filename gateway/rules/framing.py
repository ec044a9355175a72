"""Where a request's body ends (RFC 9112 section 6), strictly: what two readers could frame in two ways is refused.

One request in is one request out: nothing here is repaired, guessed or preferred.
"""

from collections.abc import Sequence
from typing import Final

from gateway.errors import ClientError

CHUNKED: Final = -1
"""What `body_length` says of a body whose length its chunks tell."""

MAX_LENGTH_DIGITS: Final = 18
"""Under 2**63 whatever the digits are."""


def body_length(lengths: Sequence[bytes], codings: Sequence[bytes], *, minor: int) -> int:
    """The body's length in bytes, or CHUNKED. lengths: every Content-Length; codings: every Transfer-Encoding.

    minor: of the request's HTTP/1 version. Raises ClientError: 400 for a framing that is invalid or ambiguous, 501 for
    a transfer coding that is not served.
    """
    if not codings:
        return _declared(lengths) if lengths else 0
    if lengths:
        raise bad_request("Content-Length and Transfer-Encoding exclude each other")
    if minor == 0:
        raise bad_request("HTTP/1.0 has no Transfer-Encoding")
    _check_codings(codings)
    return CHUNKED


def _declared(lengths: Sequence[bytes]) -> int:
    if len(lengths) > 1:
        raise bad_request("the Content-Length is repeated")
    text = lengths[0]
    if not text.isdigit() or len(text) > MAX_LENGTH_DIGITS or (text[:1] == b"0" and text != b"0"):
        raise bad_request("the Content-Length is not one plain number")
    return int(text)


def _check_codings(codings: Sequence[bytes]) -> None:
    """RFC 9112 sections 6.1 and 6.3: chunked, once and last; nothing else is decoded here."""
    if len(codings) == 1 and codings[0].lower() == b"chunked":
        return
    names = [coding.strip(b" \t").lower() for coding in b",".join(codings).split(b",")]
    if names[-1] != b"chunked" or names.count(b"chunked") > 1 or b"" in names:
        raise bad_request("the Transfer-Encoding does not end in one chunked")
    raise ClientError(501, "Not implemented", "the only transfer coding that is served is chunked")


def bad_request(detail: str) -> ClientError:
    """400: what came is not valid HTTP, and says why."""
    return ClientError(400, "Bad request", detail)
