"""What a request's path means to matching: RFC 3986 normalization, for comparison only.

What is sent upstream is always the untouched raw bytes. Where an upstream could read a path in another way than we do,
`readings` gives every way, and the router refuses a request whose readings lead to different routes:

- `%2F` is a slash to some servers and data to others (`encoded_slash: refuse` asks both ways);
- `/a//../b` is `/a/b` by RFC 3986, 5.2.4, and `/b` to a server that merges slashes first.
"""

import re
from typing import Final

from gateway.config.patterns import canonical
from gateway.config.schema import EncodedSlash

_RUNS: Final = re.compile(rb"/{2,}")
_find_special: Final = re.compile(rb"%|/[./]").search  # one search costs half of three `in`
_ENCODED_SLASH: Final = re.compile(rb"%2[fF]")
_NOT_IN_A_PATH: Final = re.compile(rb"[^A-Za-z0-9._~!$&'()*+,;=:@/%-]")


def is_plain(raw: bytes) -> bool:
    """Whether `raw` is its own and only reading: nothing to decode, to merge or to remove. Runs on every request."""
    return _find_special(raw) is None and raw[:1] == b"/"


def normalize(raw: bytes, *, decode_slash: bool = False) -> bytes:
    """The path that matching sees: escapes decoded once, dot segments removed, runs of slashes merged.

    raw: the path's bytes without the query. `%25` and `%2F` keep their escapes (see config/patterns.py), the latter
    becomes `/` with `decode_slash`. `..` above the root stays at the root. The empty path is `/` (RFC 9110, 4.2.3);
    `*` stays, for `OPTIONS *`. Idempotent.
    """
    if is_plain(raw) or raw == b"*":
        return raw
    return _RUNS.sub(b"/", _without_dots(canonical(raw, decode_slash=decode_slash)))


def readings(raw: bytes, encoded_slash: EncodedSlash) -> tuple[bytes, ...]:
    """Every normalized path that a server may take `raw` for, our own first; nearly always one.

    Empty for a target that is no path at all (neither `*` nor empty nor starting with `/`): it matches no route.
    """
    if is_plain(raw) or raw == b"*":
        return (raw,)
    if raw and raw[:1] != b"/":
        return ()
    as_data = encoded_slash is not EncodedSlash.SEPARATOR
    found = _orders(canonical(raw, decode_slash=not as_data))
    if encoded_slash is EncodedSlash.REFUSE and _ENCODED_SLASH.search(raw):
        found |= _orders(canonical(raw, decode_slash=True))
    return tuple(found)


def encode(normal: bytes) -> bytes:
    """A normalized path with what a request line cannot hold as escapes again: spaces, line ends, `?`, bytes over 127.

    For whoever must send a normalized path (a rewritten prefix): what `normalize` returns is decoded, and a decoded
    `%0D%0A` on the wire would be a second request.
    """
    return _NOT_IN_A_PATH.sub(lambda found: b"%%%02X" % found[0][0], normal)


def _orders(decoded: bytes) -> dict[bytes, None]:
    """Both orders of removing dot segments and merging slashes; a dict for its order and without repeats."""
    by_rfc = _RUNS.sub(b"/", _without_dots(decoded))
    if b"//" not in decoded or b"/.." not in decoded:
        return {by_rfc: None}
    return {by_rfc: None, _without_dots(_RUNS.sub(b"/", decoded)): None}


def _without_dots(path: bytes) -> bytes:
    """RFC 3986, 5.2.4 over whole segments; a path that ends in a dot segment ends in a slash."""
    if b"/." not in path:
        return path or b"/"
    kept: list[bytes] = []
    segments = path.split(b"/")[1:]
    for segment in segments:
        if segment == b"..":
            if kept:
                kept.pop()
        elif segment != b".":
            kept.append(segment)
    if segments[-1] in (b".", b".."):
        kept.append(b"")
    return b"/" + b"/".join(kept)
