"""One connection of the load generator: requests from ready bytes, and a scanner that checks every reply."""

import asyncio
from collections.abc import Callable
from typing import cast

import httptools

from bench.wire import BODIES, SIDE_HEADER, Side

SMALL = {body: side for side, body in BODIES.items()}
OK = b"HTTP/1.1 200"
END_OF_HEAD = b"\r\n\r\n"


class Link(asyncio.Protocol):
    """Asks for one thing at a time. `answered` and `failed` are called by the loop, the former with what was replied.

    expected: the length of a bulky reply; None for the small document, which is compared whole.
    """

    def __init__(
        self, *, expected: int | None, answered: "Callable[[Link, Side], None]", failed: "Callable[[Link, str], None]"
    ) -> None:
        self.user = -1
        self.due = 0.0
        self.waits = False
        self._expected = expected
        self._answered = answered
        self._failed = failed
        self._transport: asyncio.Transport = None  # type: ignore[assignment]  # connection_made sets it
        self._parser: httptools.HttpResponseParser | None = None
        self._side: Side | None = None
        self._body = b""
        self._length = 0

    def ask(self, user: int, head: bytes, body: bytes) -> None:
        """Sends a user's request; the link must not wait for another reply."""
        self.user = user
        self.waits = True
        self._transport.write(head)
        if body:
            self._transport.write(body)

    def close(self) -> None:
        """What it was about to send, or to get, is dropped."""
        self.waits = False
        self._failed = _nothing
        self._transport.abort()

    # -- by the loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are none of asyncio's classes

    def connection_lost(self, exc: Exception | None) -> None:
        self._failed(self, f"the connection was closed: {exc or 'without a word'}")

    def data_received(self, data: bytes) -> None:
        if self._parser is None and self.waits:
            side = SMALL.get(data[data.find(END_OF_HEAD) + 4 :])
            if side is not None and data.startswith(OK) and self._expected is None:
                self.waits = False
                self._answered(self, side)
                return
        self._scan(data)

    def _scan(self, data: bytes) -> None:
        """A reply that comes in pieces, is large, or is not what it should be."""
        if not self.waits:
            self._failed(self, f"bytes that nobody asked for: {data[:80]!r}")
            return
        if self._parser is None:
            self._parser = httptools.HttpResponseParser(self)
            self._side, self._body, self._length = None, b"", 0
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._failed(self, f"no HTTP: {error}")

    # -- by the parser

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == SIDE_HEADER.lower().encode():
            self._side = Side(value.decode())

    def on_body(self, body: bytes) -> None:
        self._length += len(body)
        if self._expected is None:
            self._body += body

    def on_message_complete(self) -> None:
        assert self._parser is not None
        status, self._parser = self._parser.get_status_code(), None
        fault = self._fault(status)
        if fault is not None:
            self._failed(self, fault)
            return
        assert self._side is not None
        self.waits = False
        self._answered(self, self._side)

    def _fault(self, status: int) -> str | None:
        if status != 200:
            return f"status {status}: {self._body[:200]!r}"
        if self._side is None:
            return f"a reply without {SIDE_HEADER}"
        if self._expected is None:
            return None if self._body == BODIES[self._side] else f"another body: {self._body[:200]!r}"
        return None if self._length == self._expected else f"{self._length} bytes instead of {self._expected}"


def _nothing(_link: Link, _what: str) -> None:
    """What an end means to a link that was closed on purpose."""
