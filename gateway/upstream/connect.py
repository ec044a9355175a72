"""Targets, and how a connection to one is opened: every failure as an `UpstreamError` that says `sent=False`."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import TypeVar
from urllib.parse import urlsplit

from gateway.descriptors import RESERVE
from gateway.errors import UpstreamErrorKind
from gateway.upstream.failures import is_exhausted, upstream_error
from gateway.upstream.resolver import Names
from gateway.upstream.tls import Tls, tls_of
from gateway.upstream.tls_words import in_words

P = TypeVar("P", bound=asyncio.Protocol)


@dataclass(frozen=True, slots=True)
class Target:
    """One base URL of an upstream, taken apart once. server_name: asked for and verified through TLS."""

    url: str
    host: str
    port: int
    tls: bool
    server_name: str


def parse_target(url: str, *, server_name: str | None = None) -> Target:
    """Takes `http://host[:port]` or `https://...`; server_name: if it is not the host. Raises ValueError for anything
    else.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None:
        raise ValueError(f"not a base URL of an upstream: {url!r}")
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError(f"a base URL has no path: {url!r}")
    tls = parts.scheme == "https"
    return Target(url, parts.hostname, parts.port or (443 if tls else 80), tls, server_name or parts.hostname)


def tls_for(targets: Sequence[Target], tls: Tls | None) -> Tls | None:
    """What a client of these targets uses: what it was given, or else the system's authorities where it needs any."""
    if not any(target.tls for target in targets):
        return None
    return tls or tls_of()


async def open_connection(
    target: Target,
    names: Names,
    make: Callable[[], P],
    *,
    tls: Tls | None,
    limit: float | None,
    total_deadline: float,
) -> P:
    """Resolves the name, connects to one of its addresses, shakes hands. `limit`: seconds for all of it. Leaves nothing
    open when it fails.
    """
    loop = asyncio.get_running_loop()
    context = tls.context if tls is not None and target.tls else None
    if tls is not None and tls.problem is not None and target.tls:
        raise upstream_error(UpstreamErrorKind.TLS, sent=False, detail=tls.problem)
    deadline = inf if limit is None else loop.time() + limit
    when = min(deadline, total_deadline)
    try:
        async with asyncio.timeout_at(None if when == inf else when):
            protocol = await _to_one_of(await names.addresses(), target, make, context, when)
    except TimeoutError as error:
        kind = UpstreamErrorKind.TOTAL_TIMEOUT if when == total_deadline < inf else UpstreamErrorKind.CONNECT_TIMEOUT
        raise upstream_error(kind, sent=False) from error
    except OSError as error:
        raise upstream_error(_kind(error, tls=target.tls), sent=False, detail=in_words(error)) from error
    return protocol


async def _to_one_of(
    addresses: Sequence[str], target: Target, make: Callable[[], P], context: ssl.SSLContext | None, until: float
) -> P:
    """To the first that lets us in; each gets its part of the time, so that a dead one does not use it up."""
    loop = asyncio.get_running_loop()
    for left in range(len(addresses), 1, -1):
        now = loop.time()
        limit = None if until == inf else now + (until - now) / left
        try:
            async with asyncio.timeout_at(limit):
                return await _to(addresses[len(addresses) - left], target, make, context)
        except OSError:  # a TimeoutError is one too
            continue
    return await _to(addresses[-1], target, make, context)


async def _to(address: str, target: Target, make: Callable[[], P], context: ssl.SSLContext | None) -> P:
    """With one of the descriptors that are held back, where no other is left."""
    loop = asyncio.get_running_loop()
    server_name = target.server_name if context else None
    while True:
        try:
            _, protocol = await loop.create_connection(
                make, address, target.port, ssl=context, server_hostname=server_name
            )
        except OSError as error:
            if not (is_exhausted(error) and RESERVE.spend()):
                raise
        else:
            return protocol


def _kind(error: OSError, *, tls: bool) -> UpstreamErrorKind:
    if isinstance(error, socket.gaierror):
        return UpstreamErrorKind.NAME
    if is_exhausted(error):
        return UpstreamErrorKind.EXHAUSTED
    if isinstance(error, ssl.SSLError) or (tls and isinstance(error, ConnectionResetError | ConnectionAbortedError)):
        return UpstreamErrorKind.TLS
    return UpstreamErrorKind.REFUSED
