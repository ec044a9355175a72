"""Requests about a copy that the client has (RFC 9110 section 13): what may be compared of them."""

from collections.abc import Iterable
from typing import Final

OF_A_COPY: Final = frozenset((b"if-none-match", b"if-modified-since"))
"""Of a GET or HEAD: whether the client's copy is still good. Without them the answer is the whole of it."""
_NEEDS_A_COPY: Final = frozenset((b"if-match", b"if-unmodified-since", b"if-range"))
_SAFE: Final = frozenset((b"GET", b"HEAD"))


def is_about_a_copy(method: bytes, fields: Iterable[tuple[bytes, bytes]], status: int) -> bool:
    """Whether the reply of that status says something of the client's copy, which one side alone has given it: each
    side has entity tags and times of its own. fields: of the request, in lower case.
    """
    if status == 304:
        return True
    asked = _NEEDS_A_COPY if method in _SAFE else _NEEDS_A_COPY | OF_A_COPY
    return any(name in asked for name, _ in fields)
