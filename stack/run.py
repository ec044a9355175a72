"""Starts the stack in order, waits until all of it is ready, tells how to try it, and stops it without a trace."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from gateway.serve.child import Child
from stack.layout import Layout

READY_SECONDS = 30.0
LOOK_SECONDS = 0.05
WATCH_SECONDS = 0.2
HURRY_AFTER_SECONDS = 3.0
KILL_AFTER_SECONDS = 4.0


class StackError(Exception):
    """It cannot start. The message says what is wrong and what to do."""


class Stack:
    """The processes of the sample migration. Use as a context manager, or `run` in the foreground."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.children: list[Child] = []

    def start(self) -> None:
        """Returns when clients can be served. Raises StackError; then nothing is left running."""
        try:
            self._check_ports()
            self.layout.logs.mkdir(parents=True, exist_ok=True)
            self._migrate()
            self._launch("legacy", "-m", "legacy_backend", "--port", str(self.layout.legacy_port))
            self._launch("new", "-m", "new_backend", "--port", str(self.layout.new_port))
            self._launch_gateway()
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def _check_ports(self) -> None:
        taken = []
        for name, (port, option) in self.layout.ports.items():
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

    def _launch(self, name: str, *arguments: str, environment: dict[str, str] | None = None) -> None:
        child = Child(
            name,
            (sys.executable, *arguments),
            environment or self.layout.environment(),
            mortal=True,
            log=self.layout.logs / f"{name}.log",
        )
        child.start()
        self.children.append(child)

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
            "new": f"http://127.0.0.1:{layout.new_port}/healthz",
            "gateway": f"http://127.0.0.1:{layout.admin_port}/readyz?workers=all",
        }
        deadline = time.monotonic() + READY_SECONDS
        while waiting:
            self._fail_if_one_died()
            waiting = {name: url for name, url in waiting.items() if not _answers(url)}
            if waiting and time.monotonic() > deadline:
                raise StackError(f"not ready after {READY_SECONDS:.0f} s: {', '.join(waiting)}; see {layout.logs}")
            time.sleep(LOOK_SECONDS if waiting else 0)

    def _fail_if_one_died(self) -> None:
        for child in self.children:
            status = child.reap()
            if status is not None:
                log = self.layout.logs / f"{child.name}.log"
                raise StackError(f"{child.name} ended with status {status}; the end of {log}:\n{_tail(log)}")

    def run(self) -> int:
        """Until Ctrl-C or SIGTERM. A service that dies is said, and the rest runs on; without the gateway all ends."""
        stop = _Stop()
        while not stop.asked:
            for child in self.children:
                status = child.reap()
                if status is not None:
                    log = self.layout.logs / f"{child.name}.log"
                    print(f"\n{child.name} DIED with status {status}; the end of {log}:\n{_tail(log)}", flush=True)
                    if child.name == "gateway":
                        return 1
            stop.wait(WATCH_SECONDS)
        return 0

    def stop(self) -> None:
        """Everything, within five seconds."""
        began = time.monotonic()
        for child in self.children:
            child.signal(signal.SIGINT)
        hurried = False
        while any(child.process is not None for child in self.children):
            for child in self.children:
                child.reap()
            elapsed = time.monotonic() - began
            if elapsed > HURRY_AFTER_SECONDS and not hurried:
                hurried = True
                for child in self.children:
                    child.signal(signal.SIGTERM)
            if elapsed > KILL_AFTER_SECONDS:
                for child in self.children:
                    child.signal(signal.SIGKILL)
            time.sleep(LOOK_SECONDS)


class _Stop:
    """Notes SIGINT, SIGTERM and SIGHUP instead of being ended by them."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: setattr(self, "asked", True))

    def wait(self, seconds: float) -> None:
        """A signal interrupts nothing here; it is seen at the next look."""
        time.sleep(seconds)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:  # noqa: S310 - a loopback address of ours
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _tail(path: Path, lines: int = 15) -> str:
    try:
        return "\n".join("  " + line for line in path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return "  (no log)"
