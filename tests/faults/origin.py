"""A backend in a process of its own that keeps a record and can be hurt.

`python -m tests.faults.origin SIDE PORT FILE THINK`; THINK: seconds that each reply takes.

Every request that arrives is written to FILE (id, method, path, user, a line each) as soon as its head is there, so the
record outlives a kill -9. A line of JSON on standard input changes how requests are answered:

    {"mode": "well"}                     signed, with the length and the digest of what was sent
    {"mode": "slow", "seconds": 0.3}     the same, later
    {"mode": "mute"}                     accepted, read, never answered
    {"mode": "garbage"}                  bytes that are no reply, of several kinds, by the request's id
    {"mode": "surplus"}                  a right reply, with it the beginning of one that nobody asked for, and the rest
                                         of that a moment later
    {"mode": "reset"}, {"mode": "cut"}   half a reply, then a reset, or an end
    {"mode": "busy"}                     503
"""

import asyncio
import contextlib
import json
import os
import socket
import struct
import sys
from pathlib import Path

import httptools
import uvloop
import xxhash

BIG_BYTES = 100 * 1024
RESET = struct.pack("ii", 1, 0)
SURPLUS = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nothers"
GARBAGE = (
    b"\x00\xff\x17\x03\x03 not a reply at all \r\n\r\n",
    b"SSH-2.0-OpenSSH_9.6\r\n",
    b"HTTP/1.1 2OO OK\r\ncontent-length: 2\r\n\r\nhi",
    b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 7\r\n\r\nhello!!",
    b"HTTP/1.1 200 OK\r\nno colon here\r\ncontent-length: 2\r\n\r\nhi",
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\nhi\r\n",
)


def big_body(side, load_id):
    """What `/.../big` answers: every part of it names the side and the request."""
    part = f"{side} {load_id} ".encode()
    return (part * (BIG_BYTES // len(part) + 1))[:BIG_BYTES]


class Origin:
    """What all connections share."""

    def __init__(self, side, record, think):
        self.side, self.think = side, think
        self.record = os.open(record, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self.mode = {"mode": "well"}

    def obey(self, line):
        self.mode = json.loads(line)
        print("obeyed", flush=True)


class Connection(asyncio.Protocol):
    def __init__(self, origin):
        self.origin = origin
        self.parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        with contextlib.suppress(httptools.HttpParserUpgrade):
            self.parser.feed_data(data)

    def on_message_begin(self):
        self.url, self.fields, self.length, self.digest = b"", {}, 0, xxhash.xxh64()

    def on_url(self, url):
        self.url += url

    def on_header(self, name, value):
        self.fields[name.lower()] = value

    def on_headers_complete(self):
        self.id = self.fields.get(b"x-load-id", b"-").decode()
        self.user = self.fields.get(b"cookie", b"gateway_id=-").partition(b"=")[2].decode()
        self.method = self.parser.get_method().decode()
        os.write(self.origin.record, f"{self.id} {self.method} {self.url.decode()} {self.user}\n".encode())

    def on_body(self, body):
        self.length += len(body)
        self.digest.update(body)

    def on_message_complete(self):
        mode = self.origin.mode
        seconds = mode.get("seconds", self.origin.think)
        asyncio.get_running_loop().call_later(seconds, self.answer, mode["mode"], *self.reply())

    def reply(self):
        side = self.origin.side
        if self.url.endswith(b"/big"):
            body = big_body(side, self.id)
        else:
            seen = {"side": side, "id": self.id, "user": self.user, "length": self.length}
            body = json.dumps({**seen, "digest": self.digest.hexdigest()}).encode()
        return b"HTTP/1.1 200 OK\r\nx-served-by: %b\r\ncontent-length: %d\r\n\r\n" % (side.encode(), len(body)), body

    def answer(self, mode, head, body):
        if self.transport.is_closing():
            return
        write = self.transport.write
        if mode in {"well", "slow"}:
            write(head + body)
        elif mode == "surplus":
            write(head + body + SURPLUS[:20])
            asyncio.get_running_loop().call_later(0.002, self.add, SURPLUS[20:])
        elif mode == "garbage":
            write(GARBAGE[sum(self.id.encode()) % len(GARBAGE)])
        elif mode == "busy":
            write(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\n\r\nbusy")
        elif mode in {"reset", "cut"}:
            write(head + body[: len(body) // 2])
            if mode == "reset":
                asyncio.get_running_loop().call_later(0.02, self.reset)  # after the half has been read
            else:
                self.transport.close()
        else:
            assert mode == "mute", mode

    def add(self, rest):
        if not self.transport.is_closing():
            self.transport.write(rest)

    def reset(self):
        if not self.transport.is_closing():
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self.transport.abort()


async def main(side, port, record, think):
    origin = Origin(side, Path(record), think)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(origin), "127.0.0.1", port, backlog=512)
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    print("ready", flush=True)
    async with server:
        while line := await commands.readline():
            origin.obey(line)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], float(sys.argv[4])))
