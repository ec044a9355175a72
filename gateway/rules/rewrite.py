"""Path rewriting by side: the prefix on the way in, Location and cookie paths on the way back.

The client must not be able to tell from a path which side answered.
"""

import re
from dataclasses import dataclass

_COOKIE_PATH = re.compile(rb"(;\s*path=)([^;]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PathRewrite:
    """`inside` is the client's prefix, `outside` what the upstream sees in its place; both without a trailing slash."""

    inside: bytes
    outside: bytes

    @classmethod
    def of(cls, from_: str, to: str) -> "PathRewrite":
        """From the two prefixes as they stand in routes.yaml."""
        return cls(from_.rstrip("/").encode(), to.rstrip("/").encode())

    def forward(self, raw_path: bytes, normal_path: bytes) -> bytes:
        """The path for the upstream. The client's bytes are kept where its prefix is spelled plainly; where it is
        spelled otherwise (`/%61pi`), the path that was matched is the one that goes on.
        """
        path = raw_path if _has_prefix(raw_path, self.inside) else normal_path
        if not _has_prefix(path, self.inside):
            return raw_path
        return self.outside + path[len(self.inside) :] or b"/"

    def back(self, path: bytes) -> bytes:
        """A path of the upstream's as the client must see it."""
        if not _has_prefix(path, self.outside):
            return path
        return self.inside + path[len(self.outside) :] or b"/"

    def cookie_back(self, value: bytes) -> bytes:
        """A Set-Cookie value with its Path attribute rewritten back (RFC 6265 section 5.2.4)."""
        return _COOKIE_PATH.sub(lambda found: found[1] + self.back(found[2].strip()), value)


def _has_prefix(path: bytes, prefix: bytes) -> bool:
    return path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in (b"", b"/", b"?", b"#")


def location_back(
    value: bytes, rewrite: PathRewrite | None, *, upstream_origins: frozenset[bytes], client_origin: bytes
) -> bytes:
    """A Location (or Content-Location) for the client: an address of the upstream itself becomes one of the gateway's,
    and its path is rewritten back. Addresses of other sites are left alone.

    upstream_origins: b"http://127.0.0.1:9002" and the like. client_origin: scheme and Host as the client used them.
    """
    origin, path = _split_origin(value)
    if origin and origin.lower() not in upstream_origins and origin.lower() != client_origin.lower():
        return value
    if rewrite is not None:
        path = rewrite.back(path)
    return (client_origin if origin else b"") + path


def _split_origin(value: bytes) -> tuple[bytes, bytes]:
    scheme, separator, rest = value.partition(b"://")
    if not separator or b"/" in scheme:
        return b"", value
    end = min((at for at in (rest.find(b"/"), rest.find(b"?"), rest.find(b"#")) if at >= 0), default=len(rest))
    return scheme + b"://" + rest[:end], rest[end:]
