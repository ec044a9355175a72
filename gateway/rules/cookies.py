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
    """Whether a shared cache may keep a reply because its origin says so, or hints at it (RFC 9111 sections 3 and
    4.2.2, RFC 9213). A cookie set on such a reply would give every later visitor one user's side. In doubt: yes.

    False also where the origin says nothing at all: then `Cache-Control: private` goes with the cookie.
    """
    if method not in (b"GET", b"HEAD"):
        return False
    if status == 304 or any(_is_for_a_cdn(name) for name, _ in fields):  # a 304 updates what a cache has kept
        return True
    directives = _directives(fields)
    if directives & {b"private", b"no-store"}:
        return False
    if directives & {b"public", b"s-maxage", b"max-age", b"must-revalidate", b"proxy-revalidate", b"immutable"}:
        return True
    return any(name in (b"expires", b"last-modified") for name, _ in fields)


def is_private(fields: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether a reply says itself that no shared cache may keep it."""
    return bool(_directives(fields) & {b"private", b"no-store"})


def _is_for_a_cdn(name: bytes) -> bool:
    return name == b"surrogate-control" or name.endswith(b"cdn-cache-control")


def _directives(fields: Sequence[tuple[bytes, bytes]]) -> set[bytes]:
    """Names in lower case. `private="x"` keeps only the field x from caches, so it counts for nothing here."""
    found = set()
    for name, value in fields:
        if name == b"cache-control":
            for part in value.split(b","):
                directive, equals, _ = part.strip().lower().partition(b"=")
                if not (equals and directive in (b"private", b"no-cache")):
                    found.add(directive)
    return found
