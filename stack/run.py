"""Starts the stack in order, waits until all of it is ready, tells how to try it, and stops it without a trace."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from math import inf
from pathlib import Path

from gateway import embedded
from gateway.serve.child import Child
from stack.layout import Layout
from stack.stops import Stops

READY_SECONDS = 30.0
LOOK_SECONDS = 0.05
WATCH_SECONDS = 0.2
HURRY_AFTER_SECONDS = 2.0
KILL_AFTER_SECONDS = 4.0


class StackError(Exception):
    """It cannot start. The message says what is wrong and what to do."""


class Stack:
    """The processes of the sample migration. stops: how it is told to end, at any moment from its making on."""

    def __init__(self, layout: Layout, stops: Stops) -> None:
        self.layout = layout
        self.stops = stops
        self.children: list[Child] = []

    def start(self) -> None:
        """Returns when clients can be served. Raises StackError; then nothing is left running."""
        try:
            self._check_ports()
            self.layout.logs.mkdir(parents=True, exist_ok=True)
            self._migrate()
            self._launch_cache()
            self._launch("legacy", "-m", "legacy_backend", "--port", str(self.layout.legacy_port))
            self._launch(
                *("new", "-m", "new_backend", "--port", str(self.layout.new_port)),
                environment=self.layout.environment_of_new(),
            )
            self._launch_gateway()
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def _check_ports(self) -> None:
        taken, seen = [], dict[int, str]()
        for name, (port, option) in self.layout.ports.items():
            if port in seen:
                taken.append(
                    f"port {port} ({name}): the {seen[port]} has it too; move one of them, this one with {option}"
                )
                continue
            seen[port] = name
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError as error:
                    taken.append(f"port {port} ({name}): {error.strerror}; free it, or move it with {option}")
        if taken:
            raise StackError("\n".join([*taken, 'options go to make as ARGS, e.g. make run ARGS="--port 8080"']))

    def _migrate(self) -> None:
        ran = subprocess.run(
            [sys.executable, "-m", "migrations"],
            env=self.layout.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode != 0:
            raise StackError(f"the database could not be migrated:\n{ran.stderr.strip()}")

    def _launch(
        self,
        name: str,
        *arguments: str,
        program: str = sys.executable,
        environment: dict[str, str] | None = None,
    ) -> None:
        child = Child(
            name,
            (program, *arguments),
            environment or self.layout.environment(),
            mortal=True,
            log=self.layout.logs / f"{name}.log",
        )
        self.children.append(child)
        with self.stops.held():
            child.start()

    def _launch_cache(self) -> None:
        """A Valkey that may lose everything at any time: it is the application's cache."""
        layout = self.layout
        options = {"bind": "127.0.0.1", "port": str(layout.cache_port), "save": "", "appendonly": "no"}
        options |= {"maxmemory": "64mb", "maxmemory-policy": "allkeys-lru", "dir": str(layout.home)}
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        self._launch("cache", *words, program=str(embedded.binary()))

    def _launch_gateway(self) -> None:
        layout = self.layout
        self._launch(
            "gateway",
            *("-m", "gateway", "serve", "--routes", str(layout.routes_file()), "--port", str(layout.port)),
            *("--admin-port", str(layout.admin_port), "--workers", str(layout.workers), "--redis", "embedded"),
            *("--redis-port", str(layout.redis_port), "--state-dir", str(layout.home / "gateway")),
            environment=dict(os.environ),
        )

    def _wait_until_ready(self) -> None:
        layout = self.layout
        waiting = {
            "legacy": f"http://127.0.0.1:{layout.legacy_port}/healthz",
            "gateway": f"http://127.0.0.1:{layout.admin_port}/readyz?workers=all",
        }
        if "down" not in os.environ.get("FAULTS", "").split(","):
            waiting["new"] = f"http://127.0.0.1:{layout.new_port}/healthz"
        deadline = time.monotonic() + READY_SECONDS
        while waiting:
            self._fail_if_one_died()
            waiting = {name: url for name, url in waiting.items() if not _answers(url)}
            if waiting and time.monotonic() > deadline:
                ends = "\n".join(self._end_of_log(name) for name in waiting)
                raise StackError(f"not ready after {READY_SECONDS:.0f} s: {', '.join(waiting)}\n{ends}")
            if waiting:
                time.sleep(LOOK_SECONDS)  # a poll of a condition, with a deadline

    def _fail_if_one_died(self) -> None:
        for child in self.children:
            if child.reap() is not None:
                raise StackError(f"{child.name} DIED ({child.last_end}); {self._end_of_log(child.name)}")

    def _end_of_log(self, name: str) -> str:
        log = self.layout.logs / f"{name}.log"
        return f"the end of {log}:\n{_tail(log)}"

    def run(self) -> int:
        """Until Ctrl-C or SIGTERM. A service that dies is said, and the rest runs on; without the gateway all ends."""
        while True:
            for child in self.children:
                if child.reap() is not None:
                    print(f"\n{child.name} DIED ({child.last_end}); {self._end_of_log(child.name)}", flush=True)
                    if child.name == "gateway":
                        return 1
            try:
                time.sleep(WATCH_SECONDS)  # between two looks at the children
            except KeyboardInterrupt:
                return 0

    def stop(self) -> None:
        """Everything, within five seconds. The gateway first, so that what it still serves finds its services."""
        self.stops.ignore()
        began = time.monotonic()
        gateway = [child for child in self.children if child.name == "gateway"]
        others = [child for child in self.children if child.name != "gateway"]
        for child in gateway:
            child.signal(signal.SIGINT)
        self._until_ended(gateway, began + HURRY_AFTER_SECONDS)
        for child in gateway:
            child.signal(signal.SIGTERM)  # the second signal: it cuts what still runs
        for child in others:
            child.signal(signal.SIGTERM)
        self._until_ended(self.children, began + KILL_AFTER_SECONDS)
        for child in self.children:
            child.signal(signal.SIGKILL)
        self._until_ended(self.children, inf)

    def _until_ended(self, children: list[Child], deadline: float) -> None:
        while time.monotonic() < deadline:
            for child in children:
                child.reap()
            if all(child.process is None for child in children):
                return
            time.sleep(LOOK_SECONDS)  # a poll of a condition, with a deadline


_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Whatever proxy the environment names: these are loopback addresses of ours."""


def _answers(url: str) -> bool:
    try:
        with _DIRECT.open(url, timeout=2) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _tail(path: Path, lines: int = 15) -> str:
    try:
        return "\n".join("  " + line for line in path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return "  (no log)"
