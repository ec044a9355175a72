"""Mutated requests against the edge's own protocol class, held against h11's reading of the same bytes.

    python -m tests.fuzz.edge_fuzzer --cases 1000000 --seed 1

Each case: valid requests, damaged by a few seeded mutations, fed in random pieces to an `EdgeProtocol` on a transport
in memory. It must neither raise nor go on waiting once the client has closed its side; and no more requests may come
out of it than h11 sees in the same bytes, and the same ones. Where we may see more, `is_explained` says.
"""

import argparse
import asyncio
import random
import re
import time

import h11

from gateway.config.schema import Limits
from gateway.edge.protocol import MAX_EMPTY_LINES, EdgeProtocol
from gateway.edge.server import edge_config
from gateway.edge.state import EdgeState
from gateway.rules.request_head import HeadLimits

SEEDS = [
    b"GET /a?b=c HTTP/1.1\r\nHost: test\r\nX-A: b\r\n\r\n",
    b"POST /a HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello",
    (
        b"POST /a HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5;a=b\r\nhello\r\n3\r\nabc\r\n0\r\nX-T: y\r\n\r\n"
    ),
    b"GET http://test/a HTTP/1.1\r\nHost: test\r\nConnection: keep-alive, x\r\n\r\n",
    b"PUT /a HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi",
    b"POST /a HTTP/1.1\r\nHost: [::1]:80\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
]
WORDS = [
    b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b";", b",", b"\x0b", b"\x7f", b"\xff", b"0", b"-1", b"+5", b"0x5",
    b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: x\r\n",
    b"Transfer-Encoding : chunked\r\n", b"Host: a\r\n", b"chunked", b"HTTP/1.0", b"HTTP/1.1", b"GET / HTTP/1.1\r\n",
    b"\r\n\r\n", b"0\r\n\r\n", b"Connection: close\r\n", b" chunked", b"5\r\n", b"ffffffffffffffff", b'"',
]  # fmt: skip


_BAD_SPACE = re.compile(rb"\r\n[0-9a-fA-F]+[ \t]+;")
_FUTURE = re.compile(rb"HTTP/1\.[2-9]")
_FRAMING_TRAILER = re.compile(
    rb"\r\n0+(?:[ \t]*;[^\r\n]*)?\r\n(?:[^\r\n]+\r\n)*(?:transfer-encoding|content-length|host):", re.IGNORECASE
)


class Transport(asyncio.Transport):
    """Keeps what is written; a socket that always takes everything."""

    def __init__(self):
        super().__init__()
        self.written = bytearray()
        self.closing = self.ended = False

    def get_extra_info(self, name, default=None):
        return ("127.0.0.1", 1) if name in {"peername", "sockname"} else default

    def write(self, data):
        self.written += data

    def is_closing(self):
        return self.closing

    def close(self):
        self.closing = True

    abort = close

    def can_write_eof(self):
        return True

    def write_eof(self):
        self.ended = True

    def get_write_buffer_size(self):
        return 0

    def pause_reading(self):
        pass

    resume_reading = pause_reading


class Front:
    limits = Limits()
    head_limits = HeadLimits(32_768, 128, 8192)

    def trusts(self, address):
        return False

    def refused(self, error, **_):
        assert 400 <= error.status < 600


class App:
    """Reads every request to its end, as the proxy does, and answers it. `whole`: (method, body) of each."""

    def __init__(self):
        self.whole = []

    async def __call__(self, scope, receive, send):
        body, more = b"", True
        try:
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return
                body += message["body"]
                more = message["more_body"]
        except Exception as error:  # noqa: BLE001 - what the edge raises to the app is its refusal
            document = str(error).encode()
            await send(
                {"type": "http.response.start", "status": 400, "headers": [(b"content-length", b"%d" % len(document))]}
            )
            await send({"type": "http.response.body", "body": document})
            return
        self.whole.append((scope["method"].encode(), body))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


def mutated(rng):
    """One case's bytes: one to three requests and one to four mutations."""
    data = bytearray(b"".join(rng.choices(SEEDS, k=rng.randint(1, 3))))
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(6)
        if kind == 0:
            data[at:at] = rng.choice(WORDS)
        elif kind == 1:
            del data[at : at + rng.randint(1, 8)]
        elif kind == 2 and at < len(data):
            data[at] = rng.randrange(256)
        elif kind == 3:
            data[at:at] = data[at : at + rng.randint(1, 40)]
        elif kind == 4 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        else:
            line = data.find(b"\r\n", at)
            data[line + 2 : line + 2] = rng.choice(WORDS)
    return bytes(data)


def begun(data):
    """h11 with all that the client will ever send."""
    connection = h11.Connection(h11.SERVER)
    for _ in range(MAX_EMPTY_LINES):  # RFC 9112 section 2.2; h11 takes none
        data = data.removeprefix(b"\r\n")
    connection.receive_data(data)
    connection.receive_data(b"")
    return connection


def as_h11_reads_it(data):
    """The whole requests that h11 finds, up to where it refuses or the connection would end."""
    connection = begun(data)
    found, method, body, stays = [], b"", b"", False
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                method, body = event.method, b""
                options = b",".join(value for name, value in event.headers if name == b"connection").lower()
                tokens = {option.strip() for option in options.split(b",")}
                stays = event.http_version < b"1.1" and b"keep-alive" in tokens and b"close" not in tokens
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                found.append((bytes(method), body))
                connection.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
                connection.send(h11.EndOfMessage())
                if not (connection.our_state is h11.DONE or stays):  # h11 keeps no connection of HTTP/1.0 open
                    return found
                connection = begun(connection.trailing_data[0])
            elif isinstance(event, h11.ConnectionClosed) or event in (h11.NEED_DATA, h11.PAUSED):
                return found
    except h11.RemoteProtocolError:
        return found


def is_explained(data, ours, theirs):
    """Whether we see more than h11 for a reason that is known: it refuses an HTTP/1.x above 1.1 (which RFC 9110 section
    2.5 wants to be read) and space before a chunk's extension (which RFC 9112 section 7.1.1 wants to be passed over),
    and reads the framing fields of trailers (which we drop, as RFC 9110 section 6.5.1 allows).
    """
    known = any(pattern.search(data) for pattern in (_FUTURE, _FRAMING_TRAILER, _BAD_SPACE))
    return known and ours[: len(theirs)] == theirs


async def edge_reads(data, cuts):
    """What came out of the edge, and whether it has answered or closed in the end."""
    app = App()
    config = edge_config(app)
    config.load()
    state = EdgeState(Front(), asyncio.get_running_loop())
    edge, transport = EdgeProtocol(config, state), Transport()
    edge.connection_made(transport)
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        if end > start and not transport.closing:
            edge.data_received(data[start:end])
            if start % 3 == 0:
                await asyncio.sleep(0)
    for _ in range(40):
        if not state.tasks:
            break
        await asyncio.sleep(0)
    if not transport.closing and not edge.eof_received():
        transport.close()
    for _ in range(40):
        if not state.tasks:
            break
        await asyncio.sleep(0)
    assert transport.closing, "it goes on waiting for a client that has closed its side"
    edge.connection_lost(None)
    for _ in range(5):
        await asyncio.sleep(0)
    assert not state.tasks, "a request is left behind"
    assert not state.swept
    assert not state.connections
    return app.whole, bytes(transport.written)


async def one_case(rng):
    """Raises AssertionError with the bytes where something is wrong. Returns whether the reading differs from h11's."""
    data = mutated(rng)
    cuts = (
        sorted(rng.sample(range(1, len(data)), k=min(len(data) - 1, rng.choice([0, 0, 1, 3, 8]))))
        if len(data) > 1
        else []
    )
    ours, written = await edge_reads(data, cuts)
    theirs = as_h11_reads_it(data)
    if ours != theirs[: len(ours)] and not is_explained(data, ours, theirs):
        raise AssertionError(f"more than h11 reads: {data!r} {cuts} {ours} {theirs}")
    statuses = written.count(b"HTTP/1.1 ") - written.count(b"HTTP/1.1 100 ")
    assert statuses >= len(ours), (data, written)
    return ours != theirs


async def run(cases, seed):
    """How many cases were read otherwise than by h11: by us, refused more strictly."""
    rng = random.Random(seed)
    return sum([await one_case(rng) for _ in range(cases)])


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--cases", type=int, default=1_000_000)
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()
    began = time.perf_counter()
    stricter = asyncio.run(run(given.cases, given.seed))
    print(f"{given.cases} cases, {stricter} read otherwise than by h11, {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
