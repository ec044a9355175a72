"""What a client of the drills asks and what it gets: one request at a time on a connection, nothing tried again."""

import asyncio
from dataclasses import dataclass, field

import httptools

LATE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. `feature` is None where its route names legacy."""

    id: str
    user: str
    feature: str | None
    method: str
    path: str
    body: bytes = b""

    @property
    def big(self):
        return self.path.endswith("/big")

    def on_the_wire(self):
        lines = [
            f"{self.method} {self.path} HTTP/1.1",
            *("host: app.test", f"x-load-id: {self.id}", f"cookie: gateway_id={self.user}"),
        ]
        if self.body or self.method in {"POST", "PUT"}:
            lines.append(f"content-length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode() + self.body


@dataclass(slots=True)
class Answer:
    """What came. failure: None, `refused`, `closed`, `cut`, `late`, `not http`; a whole reply has none, whatever its
    status. port: the client's, which tells whose connection it was. Times are of the loop's clock.
    """

    sent_at: float
    ended_at: float = 0.0
    port: int = 0
    status: int = 0
    fields: dict = field(default_factory=dict)
    body: bytes = b""
    failure: str | None = None


class Link(asyncio.Protocol):
    """One connection to the gateway."""

    def __init__(self, loop):
        self.loop = loop
        self.closed = False
        self.port = 0
        self._waiter = None

    def connection_made(self, transport):
        self.transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def connection_lost(self, exc):
        self.closed = True
        self._end("cut" if self._has_head else "closed")

    def data_received(self, data):
        if self._waiter is None or self._waiter.done():
            self.surplus = not self.gone
            self.transport.abort()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._end("not http")
            self.transport.abort()

    _has_head = False
    surplus = False
    gone = False
    """It has left without waiting for its answer."""

    def on_header(self, name, value):
        self._answer.fields[name.decode().lower()] = value.decode("latin-1")

    def on_headers_complete(self):
        self._has_head = True
        self._answer.status = self._parser.get_status_code()

    def on_body(self, body):
        self._answer.body += body

    def on_message_complete(self):
        self._end(None)

    def _end(self, failure):
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(failure)

    async def ask(self, ask):
        """Sends it and returns the answer; never raises for what the other side does."""
        answer = self._answer = Answer(sent_at=self.loop.time(), port=self.port)
        self._has_head = False
        self._parser = httptools.HttpResponseParser(self)
        self._waiter = self.loop.create_future()
        late = self.loop.call_later(LATE_SECONDS, self._end, "late")
        if self.closed:
            self._end("closed")
        else:
            self.transport.write(ask.on_the_wire())
        answer.failure = await self._waiter
        late.cancel()
        answer.ended_at = self.loop.time()
        if answer.failure is not None or answer.fields.get("connection") == "close":
            self.close()
        return answer

    def close(self):
        self.closed = True
        self.transport.abort()


async def connect(port):
    """A link, or None where nobody accepts."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(LATE_SECONDS):
            _, link = await loop.create_connection(lambda: Link(loop), "127.0.0.1", port)
    except OSError:
        return None
    return link
