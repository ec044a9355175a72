"""One user's browser: a connection that is kept, cookies of her own, and a name. Nothing is shared between users."""

import asyncio
import contextlib
import ipaddress
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

from traffic.failures import NoAnswerError
from traffic.wire import Connection, Reply, Request

SIDES = ("legacy", "new")


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go: an origin without a path."""

    scheme: str
    host: str
    port: int

    @classmethod
    def parse(cls, url: str) -> "Target":
        """Raises ValueError, in words."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            raise ValueError(f"{url!r} is no address like http://127.0.0.1:8000")
        if parts.path not in ("", "/") or parts.query or parts.fragment:
            raise ValueError(f"{url!r} has a path; the address of a server is wanted")
        return cls(parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80))

    @property
    def is_loopback(self) -> bool:
        """By what is written, without asking a resolver."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    async def connect(self) -> Connection:
        tls = ssl.create_default_context() if self.scheme == "https" else None
        try:
            return Connection(*await asyncio.open_connection(self.host, self.port, ssl=tls))
        except OSError as error:
            raise NoAnswerError(f"no connection: {type(error).__name__}") from error


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. seconds: from the request to the answer's end, or to its head where it is a stream."""

    status: int
    fields: tuple[tuple[str, str], ...]
    body: bytes
    seconds: float

    def header(self, name: str) -> str:
        return next((value for key, value in reversed(self.fields) if key == name), "")

    @property
    def side(self) -> str:
        """Who answered, as the gateway tells with `expose_decision: true`; empty where it chose none, or is none."""
        found = self.header("x-gateway-side")
        return found if found in SIDES else ""

    @property
    def feature(self) -> str:
        return self.header("x-gateway-feature")

    def json(self) -> Any:
        """The body; None where it is no JSON."""
        try:
            return orjson.loads(self.body)
        except ValueError:
            return None


class Browser:
    """patience: seconds that an answer, or the next part of a stream, may take. repeated: GETs that were sent again.

    A kept connection may be closed by the server at the very moment that a request is sent. As any browser does, a GET
    to which not one byte was answered on such a connection is asked again, once, on a new one; nothing else ever is.
    """

    def __init__(self, target: Target, agent: str, *, patience: float) -> None:
        self._target = target
        self._agent = agent
        self._patience = patience
        self._connection: Connection | None = None
        self._cookies: dict[str, str] = {}
        self.repeated = 0

    async def ask(self, request: Request) -> Answer:
        """Raises NoAnswerError."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._patience):
                connection, reply = await self._begin(request)
                body = b""
                while piece := await connection.more(reply):
                    body += piece
        except TimeoutError:
            await self.close()
            raise NoAnswerError(f"no whole answer within {self._patience:g} s") from None
        except NoAnswerError:
            await self.close()
            raise
        if reply.surplus:
            raise NoAnswerError("more came than one answer")
        return Answer(reply.status, tuple(reply.fields), body, time.monotonic() - began)

    @contextlib.asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[tuple[Answer, AsyncIterator[bytes]]]:
        """The head at once, and the body as it comes; both raise NoAnswerError."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._patience):
                connection, reply = await self._begin(request)
            answer = Answer(reply.status, tuple(reply.fields), b"", time.monotonic() - began)
            yield answer, self._pieces(connection, reply)
        except TimeoutError:
            raise NoAnswerError(f"no answer within {self._patience:g} s") from None
        finally:
            if self._connection is not None and not self._connection.usable:
                await self.close()

    async def _pieces(self, connection: Connection, reply: Reply) -> AsyncIterator[bytes]:
        while True:
            try:
                async with asyncio.timeout(self._patience):
                    piece = await connection.more(reply)
            except TimeoutError:
                raise NoAnswerError(f"nothing more within {self._patience:g} s") from None
            if not piece:
                return
            yield piece

    async def _begin(self, request: Request) -> tuple[Connection, Reply]:
        connection = await self._connected()
        again = request.method == "GET" and not connection.fresh
        try:
            reply = await connection.ask(request.encode(self._own_headers()))
        except NoAnswerError as error:
            if not again or not error.args[0].endswith("before the answer"):
                raise
            self.repeated += 1
            await self.close()
            connection = await self._connected()
            reply = await connection.ask(request.encode(self._own_headers()))
        self._keep_cookies(reply)
        return connection, reply

    async def _connected(self) -> Connection:
        if self._connection is not None and not self._connection.usable:
            await self.close()
        if self._connection is None:
            self._connection = await self._target.connect()
        return self._connection

    def _own_headers(self) -> tuple[tuple[str, str], ...]:
        own = (("host", self._target.authority), ("user-agent", self._agent), ("accept", "*/*"))
        if not self._cookies:
            return own
        return (*own, ("cookie", "; ".join(f"{name}={value}" for name, value in self._cookies.items())))

    def _keep_cookies(self, reply: Reply) -> None:
        for name, value in reply.fields:
            if name == "set-cookie":
                pair = value.partition(";")[0]
                cookie, _, content = pair.partition("=")
                self._cookies[cookie.strip()] = content.strip()

    async def close(self) -> None:
        """Closes the connection; cookies stay, as in a browser."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()
