"""The cookie that the gateway issues, so that a user without a key sticks too."""

from collections.abc import Sequence

MAX_AGE_SECONDS = 400 * 86_400
"""What browsers allow at most; a migration is over before."""


def issued_cookie(name: str, value: bytes, *, secure: bool) -> bytes:
    """A Set-Cookie value: HttpOnly and SameSite=Lax always, Secure on https (RFC 6265)."""
    parts = [
        name.encode("latin-1") + b"=" + value,
        b"Path=/",
        b"Max-Age=%d" % MAX_AGE_SECONDS,
        b"HttpOnly",
        b"SameSite=Lax",
    ]
    if secure:
        parts.append(b"Secure")
    return b"; ".join(parts)


def may_be_stored_by_shared_caches(method: bytes, status: int, fields: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether a shared cache may keep a reply, explicitly or by heuristics (RFC 9111 sections 3 and 4.2.2).

    A cookie set on such a reply would give every later visitor one user's side. When in doubt: yes.
    """
    if method not in (b"GET", b"HEAD") or status >= 500:
        return False
    directives = _directives(fields)
    if directives & {b"private", b"no-store"}:
        return False
    if directives & {b"public", b"s-maxage", b"max-age", b"must-revalidate", b"immutable"}:
        return True
    # No word from the origin: caches go by Expires, or guess from Last-Modified.
    return any(name in (b"expires", b"last-modified") for name, _ in fields)


def _directives(fields: Sequence[tuple[bytes, bytes]]) -> set[bytes]:
    return {
        part.partition(b"=")[0].strip().lower()
        for name, value in fields
        if name == b"cache-control"
        for part in value.split(b",")
    }
