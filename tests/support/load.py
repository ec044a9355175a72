"""A load generator for tests: keep-alive connections over raw sockets, each reply checked for framing.

Nothing is retried: a connection that closes, a reply that is cut, or one that is late is a failure and is counted.
"""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httptools

REPLY_SECONDS = 15.0


@dataclass(slots=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes
    sent_at: float
    received_at: float

    @property
    def side(self):
        """Who the gateway says answered."""
        return self.headers.get("x-gateway-side")

    @property
    def server(self):
        """Who really answered: the services of the sample migration sign their replies."""
        return self.headers.get("x-served-by")


class Connection(asyncio.Protocol):
    """One keep-alive connection to the gateway; one request at a time."""

    def __init__(self):
        self.transport = None
        self.closed = None
        self._parser = None
        self._waiter = None

    @classmethod
    async def open(cls, port, host="127.0.0.1"):
        _, connection = await asyncio.get_running_loop().create_connection(cls, host, port)
        return connection

    def connection_made(self, transport):
        self.transport = transport

    def connection_lost(self, exc):
        self.closed = exc or EOFError("the server closed the connection")
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(ConnectionError(f"closed before the reply was complete: {self.closed!r}"))

    def data_received(self, data):
        self._parser.feed_data(data)

    def on_header(self, name, value):
        self._headers[name.decode().lower()] = value.decode("latin-1")

    def on_body(self, body):
        self._body += body

    def on_message_complete(self):
        if not self._waiter.done():
            self._waiter.set_result(None)

    async def request(self, target, *, method="GET", headers=(), body=b""):
        self._parser = httptools.HttpResponseParser(self)
        self._headers, self._body = {}, b""
        self._waiter = asyncio.get_running_loop().create_future()
        lines = [f"{method} {target} HTTP/1.1", "host: app.test"]
        lines += [f"{name}: {value}" for name, value in headers]
        if body:
            lines.append(f"content-length: {len(body)}")
        sent_at = time.perf_counter()
        if self.closed is not None:
            raise ConnectionError(f"closed: {self.closed!r}")
        self.transport.write("\r\n".join([*lines, "", ""]).encode() + body)
        async with asyncio.timeout(REPLY_SECONDS):
            await self._waiter
        return Reply(self._parser.get_status_code(), self._headers, self._body, sent_at, time.perf_counter())

    @property
    def local_port(self):
        return self.transport.get_extra_info("sockname")[1]

    def close(self):
        self.transport.close()


@dataclass
class Load:
    """Connections that ask as fast as they are answered, until stopped; every reply goes to `on_reply`."""

    port: int
    target: str = "/api/v1/auth/config"
    connections: int = 8
    headers: tuple = ()
    sides: Counter = field(default_factory=Counter)
    failures: list = field(default_factory=list)
    on_reply: object = None
    expect_status: int = 200

    async def __aenter__(self):
        self._stop = False
        self._open = [await Connection.open(self.port) for _ in range(self.connections)]
        # owned here and awaited in __aexit__
        self._tasks = [asyncio.create_task(self._run(number, link)) for number, link in enumerate(self._open)]
        return self

    async def __aexit__(self, *_):
        self._stop = True
        await asyncio.gather(*self._tasks)
        for link in self._open:
            if link.closed is not None:
                self.failures.append(f"a connection was closed: {link.closed!r}")
            link.close()

    @property
    def total(self):
        return sum(self.sides.values())

    @property
    def links(self):
        return self._open

    async def _run(self, number, link):
        while not self._stop:
            headers = self.headers or (("cookie", f"gateway_id=load-{number}"),)
            try:
                reply = await link.request(self.target, headers=headers)
            except (OSError, TimeoutError, httptools.HttpParserError) as error:
                self.failures.append(f"{type(error).__name__}: {error}")
                return
            if reply.status != self.expect_status:
                self.failures.append(f"status {reply.status}: {reply.body[:200]!r}")
            self.sides[reply.side] += 1
            if self.on_reply is not None:
                self.on_reply(number, reply)


async def ask_all(port, targets_and_headers, *, connections=16):
    """Every (target, headers) once, over some keep-alive connections; the replies in the order of the questions."""
    questions = list(targets_and_headers)
    replies = [None] * len(questions)
    left = iter(range(len(questions)))

    async def run():
        link = await Connection.open(port)
        for index in left:
            target, headers = questions[index]
            replies[index] = await link.request(target, headers=headers)
        link.close()

    await asyncio.gather(*(run() for _ in range(connections)))
    return replies


async def until(condition, *, seconds=10.0, what="the condition"):
    """Polls with a deadline; returns what the condition returned."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        assert time.monotonic() < deadline, f"{what} was not met within {seconds} s"
        await asyncio.sleep(0.002)


def owner_of(local_port, pids):
    """Which of these processes holds the server's end of a loopback connection from this port (Linux)."""
    inode = None
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[2].split(":")[1], 16) == local_port and fields[9] != "0":
            inode = fields[9]
    for pid in pids:
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            try:
                if str(entry.readlink()) == f"socket:[{inode}]":
                    return pid
            except OSError:
                continue
    return None
