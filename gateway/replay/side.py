"""One side, asked from outside: legacy or new, at its own address."""

import asyncio
import time
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from gateway.errors import UpstreamError, UpstreamErrorKind
from gateway.model import Side
from gateway.rules.encodings import EncodingError, TooLargeError, decoded
from gateway.rules.headers import forwardable_response
from gateway.rules.replies import Reply
from gateway.rules.retry import may_retry
from gateway.upstream.api import Headers, OutboundRequest, PoolLimits, Timeouts, UpstreamResponse
from gateway.upstream.failures import CONNECTING
from gateway.upstream.http1 import Http1Client

CONNECT_SECONDS: Final = 5.0
SPARE_CONNECTIONS: Final = 4


class NoReplyError(Exception):
    """No whole reply came. refused: not even a connection."""

    def __init__(self, words: str, *, refused: bool = False) -> None:
        super().__init__(words)
        self.refused = refused


class ReplyTooLargeError(Exception):
    """The reply is larger than it may be, as it came or undone."""


@dataclass(frozen=True, slots=True)
class Answer:
    """seconds: to the last byte."""

    reply: Reply
    seconds: float


class AskedSide:
    """To be closed by its user. url: http or https, perhaps with a path that goes before each target. Raises ValueError
    for what is no address.
    """

    def __init__(self, side: Side, url: str, *, concurrency: int, timeout_seconds: float, max_body_bytes: int) -> None:
        parts = urlsplit(url)
        self.side = side
        self.url = url
        self.authority = parts.netloc.lower().encode()
        self.origins = own_origins(parts)
        self._prefix = parts.path.rstrip("/").encode()
        self._timeout = timeout_seconds
        self._max_body = max_body_bytes
        self._client = Http1Client(
            [f"{parts.scheme}://{parts.netloc}"],
            name=side.value,
            timeouts=Timeouts(
                connect=min(CONNECT_SECONDS, timeout_seconds), first_byte=None, idle=None, total=timeout_seconds
            ),
            limits=PoolLimits(max_connections=concurrency + SPARE_CONNECTIONS, max_idle=concurrency),
        )

    async def aclose(self) -> None:
        await self._client.aclose()

    async def probe(self) -> None:
        """Whether anybody takes connections there. Raises NoReplyError."""
        deadline = asyncio.get_running_loop().time() + self._timeout
        try:
            line = await self._client.lines.connect(deadline)
        except UpstreamError as error:
            raise NoReplyError(_words(error), refused=True) from None
        if line.connection is not None:
            line.connection.abort()
        line.end()

    async def ask(self, method: bytes, target: bytes, fields: Headers, body: bytes | None) -> Answer:
        """Raises NoReplyError and ReplyTooLargeError."""
        request = OutboundRequest(method, self._prefix + target, fields, body)
        began = time.perf_counter()
        attempts = 1
        while True:
            try:
                response = await self._client.send(request)
                reply = await self._whole(response, head=method == b"HEAD")
            except UpstreamError as error:
                if may_retry(error, method=method, replayable=True, attempts=attempts):
                    attempts += 1
                    continue
                raise NoReplyError(_words(error), refused=error.kind in CONNECTING) from None
            except ValueError as error:
                raise NoReplyError(f"it cannot be sent: {error}") from None
            return Answer(reply, time.perf_counter() - began)

    async def _whole(self, response: UpstreamResponse, *, head: bool) -> Reply:
        pieces: list[bytes] = []
        size = 0
        try:
            while piece := await response.read():
                size += len(piece)
                if size > self._max_body:
                    raise ReplyTooLargeError
                pieces.append(piece)
        finally:
            await response.aclose()
        fields = forwardable_response(response.headers)
        if head and response.content_length is not None:
            fields.append((b"content-length", b"%d" % response.content_length))
        named = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in fields]
        return _undone(Reply(response.status, named, b"".join(pieces), head=head), self._max_body)


def own_origins(parts: SplitResult) -> frozenset[bytes]:
    """What a Location may name that means this address: the scheme's own port may be written or not."""
    usual = 443 if parts.scheme == "https" else 80
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    written = {parts.netloc.lower(), *((f"{host}", f"{host}:{usual}") if parts.port in (None, usual) else ())}
    return frozenset(f"{parts.scheme}://{each}".encode() for each in written)


def _undone(reply: Reply, limit: int) -> Reply:
    """With its body as it was before its encoding, and without what tells of that; as it came where it cannot be
    undone. Raises ReplyTooLargeError.
    """
    encoding = reply.header("content-encoding")
    if encoding is None:
        return reply
    try:
        body = decoded(reply.body, encoding, limit)
    except TooLargeError:
        raise ReplyTooLargeError from None
    except EncodingError:
        return reply
    told = {"content-encoding", "content-length"}
    return Reply(reply.status, [field for field in reply.headers if field[0] not in told], body, head=reply.head)


_WORDS: Final = {
    UpstreamErrorKind.NAME: "its name does not resolve",
    UpstreamErrorKind.REFUSED: "connection refused",
    UpstreamErrorKind.CONNECT_TIMEOUT: "it takes no connection in time",
    UpstreamErrorKind.TOTAL_TIMEOUT: "no whole reply in time",
    UpstreamErrorKind.CLOSED: "it closed the connection before it replied",
    UpstreamErrorKind.MALFORMED: "its reply is not valid HTTP",
    UpstreamErrorKind.TRUNCATED: "its reply broke off",
}


def _words(error: UpstreamError) -> str:
    return _WORDS.get(error.kind, error.detail)
