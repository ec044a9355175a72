"""1 GiB down and up through the gateway: the same bytes, and flat memory."""

import asyncio
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import xxhash

from bench.ports import free_port
from tests.support.bulk_upstream import BLOCK
from tests.support.running_stack import ROOT

GIB = 1 << 30
ALLOWED_GROWTH_KIB = 24 * 1024


def resident_kib(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1])


class MemoryWatch:
    """The largest resident size of some processes while the body runs."""

    def __init__(self, pids):
        self.pids = pids
        self.before = {pid: resident_kib(pid) for pid in pids}
        self.peak = dict(self.before)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        while not self._stop.wait(0.02):
            for pid in self.pids:
                self.peak[pid] = max(self.peak[pid], resident_kib(pid))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    @property
    def growth(self):
        return max(self.peak[pid] - self.before[pid] for pid in self.pids)


@pytest.fixture
def bulk_port():
    port = free_port()
    program = subprocess.Popen(
        [sys.executable, "-m", "tests.support.bulk_upstream", str(port)], stdout=subprocess.PIPE, cwd=ROOT
    )
    assert program.stdout.readline() == b"ready\n"
    yield port
    program.terminate()
    program.wait()
    program.stdout.close()


@pytest.fixture
async def _bulk(stack, bulk_port):
    """A route to it, for as long as the test runs (the routes are put back after each)."""
    text = stack.good_routes.replace("\nfeatures:", f'\n  bulk: {{url: "http://127.0.0.1:{bulk_port}"}}\nfeatures:', 1)
    text = text.replace("\nroutes:\n", '\nroutes:\n  - {path: "/bulk", upstream: bulk}\n', 1)
    await stack.in_force(text)


def head_of(link):
    received = b""
    while b"\r\n\r\n" not in received:
        received += link.recv(65536)
    head, _, rest = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    return head, rest


def download(port, size):
    digest, length = xxhash.xxh64(), 0
    with socket.create_connection(("127.0.0.1", port), timeout=60) as link:
        link.sendall(f"GET /bulk?bytes={size} HTTP/1.1\r\nhost: app.test\r\n\r\n".encode())
        _, piece = head_of(link)
        while True:
            digest.update(piece)
            length += len(piece)
            if length >= size:
                return length, digest.hexdigest()
            piece = link.recv(1 << 20)
            assert piece, f"the reply ended after {length} bytes"


def upload(port, size):
    with socket.create_connection(("127.0.0.1", port), timeout=60) as link:
        link.sendall(f"PUT /bulk HTTP/1.1\r\nhost: app.test\r\ncontent-length: {size}\r\n\r\n".encode())
        for _ in range(size // len(BLOCK)):
            link.sendall(BLOCK)
        head, rest = head_of(link)
        length = int(re.search(rb"content-length: (\d+)", head)[1])
        while len(rest) < length:
            rest += link.recv(65536)
        received, digest, _ = rest.decode().split()
        return int(received), digest


@pytest.fixture(scope="module")
def expected_digest():
    digest = xxhash.xxh64()
    for _ in range(GIB // len(BLOCK)):
        digest.update(BLOCK)
    return digest.hexdigest()


@pytest.mark.usefixtures("_bulk")
@pytest.mark.parametrize("move", [download, upload])
async def test_a_gibibyte_passes_whole_and_memory_stays_flat(stack, move, expected_digest, figure):
    await asyncio.to_thread(move, stack.port, 64 * len(BLOCK))  # every buffer that is needed has been used once
    with MemoryWatch(stack.worker_pids()) as memory:
        length, digest = await asyncio.to_thread(move, stack.port, GIB)
    assert (length, digest) == (GIB, expected_digest)
    figure("resident memory grew by at most", memory.growth, "KiB")
    assert memory.growth < ALLOWED_GROWTH_KIB
