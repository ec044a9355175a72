"""What runs during a round: the two upstreams, the load generator, and the contestants, all ended with it."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bench.contestants.base import Contestant, Place
from bench.ports import free_port
from bench.processes import Account, alive, tree
from bench.program import Program
from bench.wire import HOST, Side

START_SECONDS = 60.0
STOP_SECONDS = 10.0
LOOK_SECONDS = 0.001
QUIET_SECONDS, QUIET_SHARE, QUIET_LOOKS = 0.2, 0.1, 50
"""It is quiet when it uses less than a tenth of a core for so long; so often it is looked at."""

QUESTION = f"GET /items/0000/stock HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode()


class StartError(Exception):
    """A contestant did not start; the text has the end of what it said."""


@dataclass(slots=True)
class Running:
    """A contestant that answers. start_seconds: from its command to its first answer."""

    contestant: Contestant
    place: Place
    process: "subprocess.Popen[bytes]"
    start_seconds: float = 0.0

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self) -> None:
        """In good order, and by force where that takes too long; nothing of its tree is left."""
        family = tree(self.pid)
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_SECONDS)
        for pid in family:
            if alive(pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.process.wait()


class Stage:
    """The upstreams and the load generators, for as long as the block lasts; contestants come and go."""

    def __init__(self, directory: Path, *, loaders: int = 1) -> None:
        self._directory = directory
        self._count = loaders
        self._stack = contextlib.ExitStack()
        self._started = 0
        self.ports: dict[Side, int] = {}
        self.loaders: list[Program] = []
        self.origins: list[Program] = []

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            for side in Side:
                self.ports[side] = free_port()
                self.origins.append(stack.enter_context(Program("bench.origin", side, str(self.ports[side]))))
            self.loaders += [stack.enter_context(Program("bench.loader")) for _ in range(self._count)]
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def helpers(self) -> list[int]:
        """The processes whose work is nobody's."""
        return [program.pid for program in (*self.loaders, *self.origins)]

    @contextlib.contextmanager
    def running(self, contestant: Contestant) -> Iterator[Running]:
        """A contestant that answers, until the block ends. Raises StartError."""
        one = self._start(contestant)
        try:
            one.start_seconds = _first_answer(one)
            contestant.settle(one.place)
            _until_quiet(one)
            yield one
        finally:
            one.stop()

    def _start(self, contestant: Contestant) -> Running:
        self._started += 1
        directory = self._directory / f"{self._started:03}-{contestant.name.replace('/', '-').replace(' ', '-')}"
        directory.mkdir(mode=0o755)
        place = Place(directory, free_port(), self.ports[Side.LEGACY], self.ports[Side.NEW], (free_port(), free_port()))
        launch = contestant.launch(place)
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("GATEWAY_", "USE_"))}
        environment.pop("PYTHONPATH", None)
        with (directory / "output").open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - what the contestant's own module says
                launch.argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=directory,
                env={**environment, **launch.environment},
            )
        return Running(contestant, place, process)


def _first_answer(one: Running) -> float:
    """Seconds from now, which is right after its start, to its first good answer."""
    began = time.monotonic()
    while not _answers(one.place.port):
        if one.process.poll() is not None or time.monotonic() - began > START_SECONDS:
            said = (one.place.directory / "output").read_text(encoding="utf-8", errors="replace")
            raise StartError(f"{one.contestant.name} did not start: {said[-600:].strip() or 'without a word'}")
        time.sleep(LOOK_SECONDS)  # a poll of a condition, with a deadline
    return time.monotonic() - began


def _until_quiet(one: Running) -> None:
    """What is still done after the first answer belongs to the start. Who is never quiet is measured as it is."""
    for _ in range(QUIET_LOOKS):
        account = Account(one.pid)
        time.sleep(QUIET_SECONDS)  # the span that is looked at
        if sum(account.close().values()) < QUIET_SHARE * QUIET_SECONDS:
            return


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as link:
            link.sendall(QUESTION)
            return link.recv(65_536).startswith(b"HTTP/1.1 200")
    except OSError:
        return False
