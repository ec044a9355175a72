"""The side that is shadowed, well or ill: `python -m bench.shadow.shadowed MODE PORT`.

    healthy   answers every request as legacy does
    hung      takes requests and never says a word
    garbage   answers with bytes that are no HTTP
    huge      answers with 1 GiB, as fast as it is taken

A mode without a process is `refusing`: nothing listens. It ends with its standard input.
"""

import asyncio
import contextlib
import sys

import uvloop

from bench.origin import reply_head
from bench.wire import BODIES, MIB, Side

HEAD_END = b"\r\n\r\n"
GIB = 1024 * MIB
PIECE = bytes(MIB)


class Shadowed:
    """Answers in one mode. One request at a time on a connection; none has a body."""

    def __init__(self, mode: str) -> None:
        self._answer = {"healthy": self._healthy, "hung": self._hung, "garbage": self._garbage, "huge": self._huge}[
            mode
        ]

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while await reader.readuntil(HEAD_END):
                await self._answer(reader, writer)
                await writer.drain()
        writer.close()

    async def _healthy(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(reply_head(Side.LEGACY, len(BODIES[Side.LEGACY])) + BODIES[Side.LEGACY])

    async def _hung(self, reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async def _garbage(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(bytes(range(256)) * 8)

    async def _huge(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(reply_head(Side.LEGACY, GIB))
        for _number in range(GIB // MIB):
            writer.write(PIECE)
            await writer.drain()


async def serve(mode: str, port: int) -> None:
    """Until standard input ends."""
    server = await asyncio.start_server(Shadowed(mode), "127.0.0.1", port, backlog=4096)
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    print("ready", flush=True)
    await lines.read()
    server.close()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(serve(sys.argv[1], int(sys.argv[2])))
