"""Who may ask the admin port: decided from a request's head alone, before anything else of it is looked at.

Three doors, each for another stranger. The token keeps out whoever reaches the port over the network. The name that the
port was asked by keeps out a page whose own name was made to resolve to us (DNS rebinding): such a page can choose any
name, but no address. And what browsers say of where a request comes from keeps out pages of other sites.
"""

import hmac
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from gateway.errors import ClientError

PROBES = frozenset(("/healthz", "/readyz"))
"""Open to everybody: they say whether requests are served, and nothing else."""
METRICS = "/metrics"

_OWN_PAGES = frozenset((b"same-origin", b"none"))
_BEARER = re.compile(rb"[Bb][Ee][Aa][Rr][Ee][Rr] +([!-~]+)")

Fields = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Access:
    """token: None where nobody needs one. bound: the address that is listened on. names: by which the port may be asked
    beside addresses, in lower case. open_metrics: Prometheus needs no token.
    """

    token: bytes | None
    bound: str
    names: frozenset[str] = frozenset()
    open_metrics: bool = False


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach it."""
    parsed = _address(address)
    return address == "localhost" or (parsed is not None and parsed.is_loopback)


def check_access(access: Access, path: str, fields: Fields) -> None:
    """Raises ClientError: 400, 401, 403 or 421, with what to do about it."""
    if path in PROBES:
        return
    host = b"".join(value for name, value in fields if name == b"host").decode("latin-1").lower()
    _check_name(access, host)
    _check_page(fields, host)
    if access.token is not None and not (access.open_metrics and path == METRICS):
        _check_token(access.token, [value for name, value in fields if name == b"authorization"])


def _check_name(access: Access, host: str) -> None:
    name = _without_port(host)
    if name in ("localhost", *access.names) or _is_ours(_address(name), access.bound):
        return
    raise ClientError(
        421,
        "Not known by this name",
        f"the admin port is not known as {name!r}; ask it by its address, or start the gateway with --admin-name",
    )


def _is_ours(asked: "ipaddress.IPv4Address | ipaddress.IPv6Address | None", bound: str) -> bool:
    """All addresses where all of them are listened on: behind a published port ours is another than the asked one."""
    ours = _address(bound)
    if asked is None or ours is None:
        return False
    return asked.is_loopback or ours.is_unspecified or asked == ours


def _check_page(fields: Fields, host: str) -> None:
    """`same-site` is refused too: that is another port of this machine, and any program may serve pages there."""
    for name, value in fields:
        if name == b"origin" and _authority(value) != host:
            shown = value.decode("latin-1")
            raise ClientError(403, "Another site", f"a page of {shown} may not ask the admin port")
        if name == b"sec-fetch-site" and value not in _OWN_PAGES:
            raise ClientError(403, "Another site", "a page of another site may not ask the admin port")


def _check_token(token: bytes, given: list[bytes]) -> None:
    if not given:
        raise ClientError(401, "No token", "the admin port wants a token: Authorization: Bearer ...")
    found = _BEARER.fullmatch(given[0]) if len(given) == 1 else None
    if found is None:
        raise ClientError(401, "No token", "the admin port wants one header like this: Authorization: Bearer ...")
    if not hmac.compare_digest(found[1], token):
        raise ClientError(401, "Wrong token", "that is not the token of this admin port")


def _authority(origin: bytes) -> str | None:
    """None for `null`, which is what a page in a sandbox or from a file says."""
    try:
        return urlsplit(origin.decode("ascii")).netloc.lower() or None
    except ValueError:
        return None


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _address(text: str) -> "ipaddress.IPv4Address | ipaddress.IPv6Address | None":
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
