"""HTTP/1.1 as a client speaks it: requests to bytes, and one connection on which replies are read by httptools.

A client library that does everything costs more CPU than the gateway that is looked at; this one does what it must.
"""

import asyncio
import contextlib
from dataclasses import dataclass, field

import httptools

from traffic.failures import NoAnswerError

READ_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """method, path and header values are the program's own: nothing is escaped."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def encode(self, more: tuple[tuple[str, str], ...]) -> bytes:
        """All bytes of it. more: headers that belong to the connection and the browser."""
        lines = [f"{self.method} {self.path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in (*more, *self.headers)]
        if self.body or self.method != "GET":
            lines.append(f"content-length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode() + self.body


@dataclass(slots=True)
class Reply:
    """A reply as far as it has come; httptools calls its methods. pieces: body that nobody has taken yet."""

    status: int = 0
    fields: list[tuple[str, str]] = field(default_factory=list)
    pieces: list[bytes] = field(default_factory=list)
    headed: bool = False
    whole: bool = False
    begun: bool = False
    surplus: bool = False
    keeps: bool = False
    parser: httptools.HttpResponseParser = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)

    def get(self, name: str) -> str:
        """A header's value, the last of several; empty without one."""
        return next((value for key, value in reversed(self.fields) if key == name), "")

    def take(self) -> bytes:
        """The body that has come since the last call."""
        body = b"".join(self.pieces)
        self.pieces.clear()
        return body

    @property
    def ends_with_the_connection(self) -> bool:
        return self.headed and not self.get("content-length") and not self.get("transfer-encoding")

    # -- by the parser

    def on_message_begin(self) -> None:
        self.begun, self.surplus = True, self.whole

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        status = self.parser.get_status_code()
        if status >= 200:
            self.status, self.headed = status, True
        else:
            self.fields.clear()  # 100, 103: the reply proper is still to come

    def on_body(self, body: bytes) -> None:
        self.pieces.append(body)

    def on_message_complete(self) -> None:
        self.whole = self.headed
        self.keeps = self.parser.should_keep_alive()  # the parser knows it no longer once it has returned from here


class Connection:
    """One connection, for one request after the other. Raises NoAnswerError where an answer does not come whole.

    fresh: nothing has been asked on it yet.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._reply: Reply | None = None
        self.fresh = True

    @property
    def usable(self) -> bool:
        """Whether another request may be sent on it."""
        reply = self._reply
        if self._writer.is_closing() or self._reader.at_eof():
            return False
        return reply is None or (reply.whole and reply.keeps and not reply.surplus)

    async def ask(self, data: bytes) -> Reply:
        """Sends a request and returns its reply as soon as the head is there."""
        self._reply = reply = Reply()
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError:
            pass  # an early answer may be there all the same
        while not reply.headed:
            await self._read(reply)
        self.fresh = False
        return reply

    async def more(self, reply: Reply) -> bytes:
        """The next part of the body, empty at its end."""
        while not reply.pieces and not reply.whole:
            await self._read(reply)
        return reply.take()

    async def _read(self, reply: Reply) -> None:
        try:
            data = await self._reader.read(READ_BYTES)
            if data:
                reply.parser.feed_data(data)
        except OSError as error:
            raise NoAnswerError(_cut(reply, "was reset")) from error
        except httptools.HttpParserError as error:
            raise NoAnswerError("the answer is no HTTP") from error
        if not data:
            if not reply.ends_with_the_connection:
                raise NoAnswerError(_cut(reply, "ended"))
            reply.whole = True

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


def _cut(reply: Reply, how: str) -> str:
    return f"the connection {how} {'inside' if reply.begun else 'before'} the answer"
