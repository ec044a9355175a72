"""An upstream in a process of its own that sends and swallows bodies of any size: `python bulk_upstream.py PORT`.

GET /bulk?bytes=N answers N bytes of a fixed pattern; PUT /bulk answers the length and the digest of what it was sent.
"""

import asyncio
import os
import sys

import httptools
import xxhash

BLOCK = bytes(range(256)) * 256  # 64 KiB


class Upstream(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)
        self.writable = asyncio.Event()
        self.writable.set()

    def pause_writing(self):
        self.writable.clear()

    def resume_writing(self):
        self.writable.set()

    def data_received(self, data):
        self.parser.feed_data(data)

    def on_message_begin(self):
        self.url, self.length, self.digest = b"", 0, xxhash.xxh64()

    def on_url(self, url):
        self.url += url

    def on_body(self, body):
        self.length += len(body)
        self.digest.update(body)

    def on_message_complete(self):
        if self.parser.get_method() == b"GET":
            self.task = asyncio.get_running_loop().create_task(self.send(int(self.url.partition(b"=")[2])))
            return
        body = f"{self.length} {self.digest.hexdigest()} {os.getpid()}".encode()
        self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))

    async def send(self, size):
        self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        while size > 0 and not self.transport.is_closing():
            self.transport.write(BLOCK[:size])
            size -= len(BLOCK)
            await self.writable.wait()


async def main(port):
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", port)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
