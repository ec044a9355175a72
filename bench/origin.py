"""A light upstream, whose CPU is nobody's: `python -m bench.origin SIDE PORT`.

A GET that arrives whole is answered from bytes that are ready; whatever else comes goes through a parser. To a line on
standard input it says when traffic began after a silence, and it ends with its standard input.
"""

import asyncio
import contextlib
import json
import sys
import time
from email.utils import formatdate
from typing import cast

import httptools
import uvloop

from bench.wire import BODIES, MIB, SIDE_HEADER, WORKS, Side

PIECE = bytes(MIB)
SILENCE_SECONDS = 0.02
EXPECTED = {0, *(len(work.payload()) for work in WORKS.values())}
"""Lengths of bodies; a request with another one was damaged on its way, and is told so."""


def reply_head(side: Side, length: int) -> bytes:
    lines = (
        "HTTP/1.1 200 OK",
        f"Date: {formatdate(usegmt=True)}",
        "Content-Type: application/json",
        f"Content-Length: {length}",
        f"{SIDE_HEADER}: {side}",
    )
    return "\r\n".join([*lines, "", ""]).encode()


class Replies:
    """What one side answers, made once. Called by each connection."""

    def __init__(self, side: Side) -> None:
        self.small = reply_head(side, len(BODIES[side])) + BODIES[side]
        self._bulk = [
            (f"{work.prefix}/".encode(), reply_head(side, work.reply_bytes), work.reply_bytes)
            for work in WORKS.values()
            if work.reply_bytes is not None
        ]

    def bulk(self, target: bytes) -> tuple[bytes, int] | None:
        """Head and length of a large reply; None where the small document is the answer."""
        for prefix, head, length in self._bulk:
            if target.startswith(prefix):
                return head, length
        return None


class Silences:
    """When requests came again after there had been none for a while; of the monotonic clock."""

    def __init__(self) -> None:
        self.ends: list[float] = []
        self._last = 0.0

    def note(self) -> None:
        now = time.monotonic()
        if now - self._last > SILENCE_SECONDS:
            self.ends.append(now)
        self._last = now

    def take(self) -> list[float]:
        """Each is told once."""
        ends, self.ends = self.ends, []
        return ends


class Connection(asyncio.Protocol):
    """One connection from a proxy. It takes one request after the other, never two at once."""

    def __init__(self, replies: Replies, silences: Silences) -> None:
        self._replies = replies
        self._silences = silences
        self._transport: asyncio.Transport = None  # type: ignore[assignment]  # connection_made sets it
        self._parser: httptools.HttpRequestParser | None = None
        self._target = b""
        self._received = 0
        self._owed = 0
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are none of asyncio's classes

    def data_received(self, data: bytes) -> None:
        self._silences.note()
        if self._parser is None and data.startswith(b"GET /items") and data.endswith(b"\r\n\r\n"):
            self._transport.write(self._replies.small)
            return
        if self._parser is None:
            self._parser = httptools.HttpRequestParser(self)
        self._parser.feed_data(data)

    # -- by the parser

    def on_message_begin(self) -> None:
        self._target, self._received = b"", 0

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_body(self, body: bytes) -> None:
        self._received += len(body)

    def on_message_complete(self) -> None:
        if self._received not in EXPECTED:
            self._transport.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            return
        bulk = self._replies.bulk(self._target)
        if bulk is None:
            self._transport.write(self._replies.small)
            return
        head, self._owed = bulk
        self._transport.write(head)
        self._send()

    # -- by the transport

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._send()

    def _send(self) -> None:
        """Of a large reply, as much as the proxy takes."""
        while self._owed and not self._paused:
            self._transport.write(PIECE)
            self._owed -= len(PIECE)


async def serve(side: Side, port: int) -> None:
    """Until standard input ends: whoever started this one is gone, or wants it to end."""
    loop = asyncio.get_running_loop()
    replies, silences = Replies(side), Silences()
    server = await loop.create_server(lambda: Connection(replies, silences), "127.0.0.1", port, backlog=4096)
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    print("ready", flush=True)
    while await lines.readline():
        print(json.dumps({"silences": silences.take()}), flush=True)
    server.close()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(serve(Side(sys.argv[1]), int(sys.argv[2])))
