"""A real Valkey server for tests, which can be killed, frozen, emptied and given other data."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from redis import Redis

from bench.ports import free_port
from gateway import embedded


class ValkeyServer:
    """A server on a port of its own, which it keeps when it is started again."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.directory = directory
        self.port = free_port()
        self.options = options
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return embedded.url(port=self.port)

    def start(self) -> None:
        argv = [*embedded.command(port=self.port, data_dir=self.directory), *self.options]
        process = self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
        embedded.wait_ready(
            port=self.port, data_dir=self.directory, pid=process.pid, alive=lambda: process.poll() is None
        )

    def kill(self, sig: int = signal.SIGKILL) -> None:
        if self.process is not None:
            self.process.send_signal(sig)
            if sig != signal.SIGKILL:
                self.process.send_signal(signal.SIGCONT)
            self.process.wait(10)
            self.process = None

    def freeze(self) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGCONT)

    def save_data(self, to: Path) -> None:
        """Copies the data of the stopped server."""
        assert self.process is None
        shutil.copytree(self.directory, to)

    def replace_data(self, by: Path | None) -> None:
        """Gives the stopped server other data, or none."""
        assert self.process is None
        shutil.rmtree(self.directory)
        if by is not None:
            shutil.copytree(by, self.directory)

    def client(self, **more: object) -> "Redis":
        """A plain client, as an operator's redis-cli is; to be closed by its user."""
        return Redis(host=embedded.HOST, port=self.port, decode_responses=True, **more)


@pytest.fixture(scope="session")
def shared_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    """One server for tests that do not hurt it; each test uses a namespace of its own."""
    server = ValkeyServer(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def valkey_factory(tmp_path: Path) -> Iterator[Callable[..., ValkeyServer]]:
    """Makes servers (not started) that end with the test."""
    with ExitStack() as stack:
        made = 0

        def make(*options: str) -> ValkeyServer:
            nonlocal made
            made += 1
            server = ValkeyServer(tmp_path / f"valkey-{made}", *options)
            stack.callback(server.kill)
            return server

        yield make


@pytest.fixture
def own_valkey(valkey_factory: Callable[..., ValkeyServer]) -> ValkeyServer:
    """A started server that the test may hurt."""
    server = valkey_factory()
    server.start()
    return server


@pytest.fixture
def plain(own_valkey: ValkeyServer) -> Iterator["Redis"]:
    """A plain client of `own_valkey`."""
    client = own_valkey.client()
    yield client
    client.close()
