"""The load generator, a process of its own: `python -m bench.loader`. It obeys commands, one JSON object a line.

    {"do": "open", "port": 8000, "connections": 32, "work": "get"}   connects, and answers when all are connected
    {"do": "closed", "seconds": 3}                                   asks as fast as it is answered
    {"do": "open_loop", "rate": 5000, "seconds": 3}                  asks at a constant rate
    {"do": "once"}                                                   one request on each connection, one after the other
    {"do": "watch", "seconds": 3}                                    as closed, and says when replies changed sides
    {"do": "close"}

Each is answered by one line. Nothing is tried again; whatever is not the reply that was due is in `errors`. It ends
with its standard input.
"""

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import uvloop

from bench.link import Link
from bench.load import Run, ask_again, ask_when_due, let_the_next_ask
from bench.pacing import Schedule, Ticker
from bench.wire import WORKS, Side

REPLY_SECONDS = 30.0
CONNECT_AT_ONCE = 64
ONCE_SECONDS = 60.0
SOURCES = tuple(f"127.0.0.{number}" for number in range(2, 10))
"""Addresses that connections come from, in turn: no client has thousands, and no address runs out of ports."""


class Loader:
    """What the commands do. The links belong to it; the run that gets their replies changes with each command."""

    def __init__(self) -> None:
        self._links: list[Link] = []
        self._run: Run | None = None
        self._heads: list[bytes] = []
        self._heads_of: dict[str, list[bytes]] = {}
        self._body = b""
        self._lost: list[str] = []
        self._began = 0.0

    async def obey(self, command: dict[str, Any]) -> dict[str, Any]:
        words = {name: value for name, value in command.items() if name != "do"}
        said: dict[str, Any] = await getattr(self, f"do_{command['do']}")(**words)
        return said

    async def do_open(self, port: int, connections: int, work: str) -> dict[str, Any]:
        kind = WORKS[work]
        if work not in self._heads_of:
            self._heads_of[work] = kind.heads()
        self._heads, self._body, self._lost = self._heads_of[work], kind.payload(), []
        loop = asyncio.get_running_loop()
        at_once = asyncio.Semaphore(CONNECT_AT_ONCE)

        async def connect(number: int) -> Link:
            async with at_once, asyncio.timeout(REPLY_SECONDS):
                _, link = await loop.create_connection(
                    lambda: Link(expected=kind.reply_bytes, answered=self._answered, failed=self._failed),
                    *("127.0.0.1", port),
                    local_addr=(SOURCES[number % len(SOURCES)], 0),
                )
            return link

        opened = await asyncio.gather(*(connect(number) for number in range(connections)), return_exceptions=True)
        self._links = [link for link in opened if isinstance(link, Link)]
        refused = [each for each in opened if isinstance(each, BaseException)]
        if refused:
            await self.do_close()
            raise refused[0]
        return {"connections": len(self._links)}

    async def do_close(self) -> dict[str, Any]:
        for link in self._links:
            link.close()
        self._links, self._run = [], None
        return {}

    async def do_closed(self, seconds: float, *, watches: bool = False) -> dict[str, Any]:
        run = self._begin(ask_again)
        run.changes = [] if watches else None
        for link in self._links:
            run.ask(link)
        asyncio.get_running_loop().call_later(seconds, run.stop)
        return await self._finish(run, seconds)

    async def do_watch(self, seconds: float) -> dict[str, Any]:
        return await self.do_closed(seconds, watches=True)

    async def do_open_loop(self, rate: float, seconds: float) -> dict[str, Any]:
        run = self._begin(ask_when_due)
        run.idle.extend(self._links)
        schedule, ticker = Schedule(time.monotonic(), rate, seconds), Ticker(1 / rate)
        loop = asyncio.get_running_loop()

        def tick() -> None:
            ticker.clear()
            for due in schedule.due(time.monotonic()):
                run.at(due)
            if schedule.ended:
                loop.remove_reader(ticker.fd)
                run.stop()

        loop.add_reader(ticker.fd, tick)
        try:
            return await self._finish(run, seconds)
        finally:
            loop.remove_reader(ticker.fd)
            ticker.close()

    async def do_once(self) -> dict[str, Any]:
        run = self._begin(let_the_next_ask)
        run.idle.extend(self._links)
        run.ask(run.idle.popleft())
        run.running = False
        return await self._finish(run, ONCE_SECONDS)

    def _begin(self, then: Callable[[Run, Link], None]) -> Run:
        self._run = run = Run(self._heads, self._body, then)
        for what in self._lost:
            run.on_failure(f"before it began, {what}")
        self._began = time.monotonic()
        return run

    async def _finish(self, run: Run, seconds: float) -> dict[str, Any]:
        try:
            async with asyncio.timeout(seconds + REPLY_SECONDS):
                await run.ended
        except TimeoutError:
            run.errors.append(f"{run.asked - run.answered} replies did not come within {REPLY_SECONDS:g} s")
        return {
            "seconds": time.monotonic() - self._began,
            "replies": run.answered,
            "sides": run.tally,
            "users": len(run.side_of),
            "moved": run.moved,
            "errors": run.errors,
            "latencies": [round(each * 1e6) for each in run.latencies],
            "lateness": [round(each * 1e6) for each in run.lateness],
            "changes": run.changes,
        }

    def _answered(self, link: Link, side: Side) -> None:
        assert self._run is not None
        self._run.on_reply(link, side)

    def _failed(self, link: Link, what: str) -> None:
        self._lost.append(what)
        if self._run is not None:
            self._run.on_failure(what)


async def main() -> None:
    loop = asyncio.get_running_loop()
    loader = Loader()
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    print(json.dumps({"ready": True}), flush=True)
    while line := await commands.readline():
        try:
            said = await loader.obey(json.loads(line))
        except (OSError, TimeoutError) as error:
            said = {"errors": [f"{type(error).__name__}: {error}"]}
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(main())
