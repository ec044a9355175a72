"""Path rewriting by side: the prefix on the way in, Location and cookie paths on the way back.

The client must not be able to tell from a path which side answered.
"""

import re
from dataclasses import dataclass
from typing import Final

from gateway.config.patterns import canonical
from gateway.rules.paths import encode, is_plain, normalize

_COOKIE_PATH: Final = re.compile(rb"(;\s*path=)([^;]*)", re.IGNORECASE)
_ORIGIN: Final = re.compile(rb"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//[^/?#]*")


@dataclass(frozen=True, slots=True)
class PathRewrite:
    """`inside` is the client's prefix, `outside` what the upstream sees in its place; both without a trailing slash."""

    inside: bytes
    outside: bytes

    @classmethod
    def of(cls, from_: str, to: str) -> "PathRewrite":
        """From the two prefixes as they stand in routes.yaml."""
        return cls(from_.rstrip("/").encode(), to.rstrip("/").encode())

    def forward(self, raw_path: bytes, *, decode_slash: bool = False) -> bytes:
        """The path for the upstream. The client's bytes are kept where its prefix is spelled plainly and nothing in the
        path can climb out of the new prefix; otherwise (`/%61pi`, `..`, `//`) the path that was matched goes on, with
        its escapes written anew. decode_slash: as it was matched, under `encoded_slash: separator`.
        """
        path = raw_path
        if not is_plain(raw_path):
            normal = normalize(raw_path, decode_slash=decode_slash)
            if normal != canonical(raw_path, decode_slash=decode_slash) or not _has_prefix(raw_path, self.inside):
                path = encode(normal)
        if not _has_prefix(path, self.inside):
            return raw_path
        return self.outside + path[len(self.inside) :] or b"/"

    def back(self, path: bytes) -> bytes:
        """A path of the upstream's as the client must see it. What is no path from the root (`next`, `?page=2`) is
        relative to the client's own and stays.
        """
        if path[:1] != b"/" or not _has_prefix(path, self.outside):
            return path
        return self.inside + path[len(self.outside) :] or b"/"

    def cookie_back(self, value: bytes) -> bytes:
        """A Set-Cookie value with its Path attribute rewritten back (RFC 6265 section 5.2.4)."""
        return _COOKIE_PATH.sub(lambda found: found[1] + self._cookie_path_back(found[2].strip()), value)

    def _cookie_path_back(self, path: bytes) -> bytes:
        """`/` of an upstream that has the prefix removed is the prefix itself: `/api/` would not take in `/api`."""
        return self.inside or b"/" if path == b"/" and not self.outside else self.back(path)


def _has_prefix(path: bytes, prefix: bytes) -> bool:
    return path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in (b"", b"/", b"?", b"#")


def location_back(
    value: bytes, rewrite: PathRewrite | None, *, upstream_origins: frozenset[bytes], scheme: bytes, host: bytes
) -> bytes:
    """A Location (or Content-Location) for the client: an address of the upstream itself becomes one of the gateway's,
    and its path is rewritten back. Addresses of other sites are left alone.

    upstream_origins: b"http://127.0.0.1:9002" and the like. scheme, host: as the client used them.
    """
    origin, path = _split_origin(value)
    if origin:
        own_scheme, _, authority = origin.lower().rpartition(b"//")
        if origin.lower() in upstream_origins or (not own_scheme and b"http://" + authority in upstream_origins):
            origin = scheme + b"://" + host
        elif authority != host.lower():
            return value
    if rewrite is not None:
        path = rewrite.back(path or b"/") if origin else rewrite.back(path)
    return origin + path


def _split_origin(value: bytes) -> tuple[bytes, bytes]:
    """`http://host:port` or `//host:port`, and the rest. No origin: the reference is relative to the client's URL."""
    found = _ORIGIN.match(value)
    return (found[0], value[found.end() :]) if found else (b"", value)
