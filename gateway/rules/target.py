"""The request target and the Host: one authority and one path, or a refusal (RFC 9112 section 3.2, RFC 9110 7.2)."""

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Final

from gateway.errors import ClientError
from gateway.rules.framing import bad_request

ALLOW: Final = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
"""For a 405: what may be sent instead. Other methods go on to the upstream as well."""

MAX_METHOD: Final = 32

SERVED: Final = frozenset(ALLOW.split(b", "))
_KNOWN: Final = SERVED | {b"CONNECT", b"TRACE", b"PRI"}

MAX_HOST: Final = 255 + len(":65535")

_PLAIN: Final = bytes(byte if byte not in b'#<>"\\' else ord("?") for byte in range(256))
_is_written: Final = re.compile(rb'[^?#<>"\\]*(?:\?[^#]*)?').fullmatch
"""Of what RFC 3986 does not allow in a path, that which no browser sends plainly; the rest goes on as data."""

_HOST: Final = re.compile(rb"((?:[A-Za-z0-9._~!$&'()*+;=-]|%[0-9A-Fa-f]{2})+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{0,5}))?")
_ABSOLUTE: Final = re.compile(rb"https?://([^/?]*)", re.IGNORECASE)


def check_method(method: bytes) -> None:
    """Any token is one, and goes on as it is written (RFC 9110 section 9.1). Raises ClientError: 501 for one that is
    longer than any method, and for `get`: that is not `GET`, and upstreams that fold case must not be able to disagree
    with our routes; 405 for those that a gateway does not serve: CONNECT would be a tunnel, TRACE shows what proxies
    have added.
    """
    if method in (b"CONNECT", b"TRACE"):
        raise ClientError(405, "Method not allowed", "this method is not served")
    if len(method) > MAX_METHOD or method == b"PRI" or is_misspelt(method, _KNOWN):
        raise no_such_method()


def is_misspelt(method: bytes, known: frozenset[bytes]) -> bool:
    """Whether it is one of those but for its case."""
    return method not in known and method.upper() in known


def no_such_method() -> ClientError:
    """501."""
    return ClientError(501, "Not implemented", "there is no such method")


def is_valid_host(host: bytes) -> bool:
    """uri-host and port: a name that is not empty, or an address in brackets; a port that can be connected to."""
    return len(host) <= MAX_HOST and _is_host(host)


@lru_cache(maxsize=1024)
def _is_host(host: bytes) -> bool:
    found = _HOST.fullmatch(host)
    if found is None:
        return False
    name, port = found.groups()
    if port and not 0 < int(port) < 65_536:
        return False
    return len(name) < 256 and (name[:1] != b"[" or _is_ipv6(name[1:-1]))


def _is_ipv6(text: bytes) -> bool:
    try:
        IPv6Address(text.decode("ascii"))
    except ValueError:
        return False
    return True


def resolve_target(method: bytes, target: bytes, hosts: Sequence[bytes], *, minor: int) -> tuple[bytes, bytes | None]:
    """The path with its query as it goes on, and the authority: a Host, or None where an HTTP/1.0 client names none.

    target: visible ASCII without spaces. minor: of the HTTP/1 version. Raises ClientError 400.
    """
    if len(hosts) != 1 and (hosts or minor):
        raise bad_request("there must be exactly one Host")
    host = hosts[0] if hosts else None
    if host is not None and not is_valid_host(host):
        raise bad_request("the Host is not one valid host")
    if target.translate(_PLAIN) != target and _is_written(target) is None:  # nearly all are plain
        raise bad_request("the target holds a fragment, or a character that must be escaped")
    if target[:1] == b"/":
        return target, host
    if target == b"*" and method == b"OPTIONS":
        return target, host
    return _absolute(method, target)


def _absolute(method: bytes, target: bytes) -> tuple[bytes, bytes]:
    """RFC 9112 section 3.2.2: the target's authority counts, whatever the Host says; that one goes no further."""
    found = _ABSOLUTE.match(target)
    if found is None:
        raise bad_request("the target is neither a path nor an http address")
    authority = found[1]
    if not is_valid_host(authority):
        raise bad_request("the target's authority is not one valid host")
    path = target[found.end() :]
    if path[:1] == b"/":
        return path, authority
    if not path and method == b"OPTIONS":
        return b"*", authority  # section 3.2.4
    return b"/" + path, authority
