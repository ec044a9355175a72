"""What an ASGI app is told of a connection and of a request on it."""

import asyncio
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from gateway.rules.request_head import RequestHead

Scope = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ends:
    """Both ends of a client's connection to the balancer before us, which has told them."""

    client: tuple[str, int]
    server: tuple[str, int] | None


def connection_scope(transport: asyncio.Transport, edge: object, ends: Ends | None = None) -> Scope:
    """What all requests of a connection share. edge: what the app finds as `gateway.edge`. ends: where they are not the
    transport's own.
    """
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "scheme": "https" if transport.get_extra_info("sslcontext") else "http",
        "server": ends.server if ends else _address(transport.get_extra_info("sockname")),
        "client": ends.client if ends else _address(transport.get_extra_info("peername")),
        "root_path": "",
        "extensions": {"gateway.edge": edge},
    }


def client_address(scope: Scope) -> str:
    """The client's IP address, empty where there is none."""
    return str(scope["client"][0]) if scope["client"] else ""


def request_scope(connection: Scope, head: RequestHead) -> Scope:
    """A request's. Its raw path ends in a question mark where its query is empty, so that the app knows of one."""
    raw_path, mark, query = head.target.partition(b"?")
    path = unquote_to_bytes(raw_path).decode("utf-8", "replace") if b"%" in raw_path else raw_path.decode("ascii")
    return {
        **connection,
        "http_version": "1.1" if head.minor else "1.0",
        "method": head.method.decode("ascii"),
        "path": path,
        "raw_path": raw_path + b"?" if mark and not query else raw_path,
        "query_string": query,
        "headers": head.fields,
    }


def _address(name: object) -> tuple[str, int] | None:
    return (str(name[0]), int(name[1])) if isinstance(name, tuple) else None
