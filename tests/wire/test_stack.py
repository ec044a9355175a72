"""`make run`: the whole sample migration, started, asked, stopped, and what goes wrong with it."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bench.ports import free_port
from tests.support.gateway_process import alive, descendants, get, until

ROOT = Path(__file__).resolve().parents[2]
PORTS = ("--port", "--admin-port", "--redis-port", "--cache-port", "--legacy-port", "--new-port")


class StackProcess:
    def __init__(self, home):
        self.home = home
        self.ports = {option: free_port() for option in PORTS}
        self.output = home.with_suffix(".out")
        self.seen = set()

    def start(self):
        options = [word for option, port in self.ports.items() for word in (option, str(port))]
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("GATEWAY_", "USE_NEW"))
        }
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "stack", "--home", str(self.home), *options],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**environment, "http_proxy": "http://127.0.0.1:1"},
            )
        return self

    @property
    def said(self):
        return self.output.read_text()

    def look(self):
        self.seen.update(descendants(self.process.pid))
        return self.seen

    def until_ready(self):
        def ready():
            self.look()
            assert self.process.poll() is None, self.said
            return "Ctrl-C stops everything." in self.said

        until(ready, seconds=40, what="the stack is ready")
        return self

    def stop(self, number=signal.SIGINT):
        """Everything is gone then, or a moment later."""
        self.look()
        self.process.send_signal(number)
        self.process.wait(10)
        until(lambda: not any(alive(pid) for pid in self.seen), seconds=10, what="the end of every process")

    @property
    def stopped_in(self):
        """Seconds, by its own clock."""
        return float(re.search(r"stopped in ([\d.]+) s", self.said)[1])

    def end(self):
        self.look()
        for pid in [self.process.pid, *self.seen]:
            with contextlib.suppress(ProcessLookupError):
                if alive(pid):
                    os.kill(pid, signal.SIGKILL)
        self.process.wait(10)


@pytest.fixture
def stack(tmp_path):
    stack = StackProcess(tmp_path / "home")
    yield stack
    stack.end()


def test_it_serves_stops_without_a_trace_and_keeps_its_state(stack, figure):
    stack.start().until_ready()
    first = float(re.search(r"ready in ([\d.]+) s", stack.said)[1])
    gateway, admin = stack.ports["--port"], stack.ports["--admin-port"]
    assert f"http://127.0.0.1:{gateway}" in stack.said
    assert stack.said.count(f"--admin http://127.0.0.1:{admin}") == 4
    reply = get(gateway, "/api/v1/auth/config")
    assert reply.status == 200
    assert reply.side == "new"
    said = get(
        admin,
        "/api/flags/auth",
        method="POST",
        body=b'{"action": "percent", "value": 0, "who": "test"}',
        headers={"content-type": "application/json"},
    ).json()
    assert said["workers"]["confirmed"] == ["w0", "w1"]
    stack.stop()
    assert stack.process.returncode == 0
    assert stack.stopped_in < 5
    stack.start().until_ready()
    second = float(re.search(r"ready in ([\d.]+) s", stack.said)[1])
    figure("make run", f"ready in {first} s, again in {second} s")
    assert get(gateway, "/api/v1/auth/config").side == "legacy"
    stack.stop(signal.SIGTERM)
    assert stack.stopped_in < 5


def test_two_stops_at_once_are_one(stack):
    stack.start().until_ready()
    stack.look()
    stack.process.send_signal(signal.SIGTERM)
    stack.process.send_signal(signal.SIGINT)
    stack.process.wait(10)
    until(lambda: not any(alive(pid) for pid in stack.seen), seconds=10, what="the end of every process")
    assert stack.process.returncode == 0
    assert "stopped in" in stack.said
    assert "Traceback" not in stack.said


def test_every_taken_port_is_told_at_once(stack):
    with contextlib.ExitStack() as listeners:
        for option in ("--port", "--new-port"):
            listeners.enter_context(socket.create_server(("127.0.0.1", stack.ports[option])))
        stack.ports["--admin-port"] = stack.ports["--redis-port"]
        stack.start()
        assert stack.process.wait(20) == 1
    lines = stack.said.splitlines()
    assert lines[0].startswith(f"make run: port {stack.ports['--port']} (gateway): Address already in use; ")
    assert "has it too" in stack.said
    assert f"port {stack.ports['--new-port']} (new backend): Address already in use" in stack.said
    assert 'make run ARGS="--port 8080"' in lines[-1]
    assert "Traceback" not in stack.said


def test_a_dead_backend_is_told_with_the_end_of_its_log_and_the_rest_runs_on(stack):
    stack.start().until_ready()
    stack.look()
    dead = next(
        pid for pid in descendants(stack.process.pid) if b"legacy_backend" in Path(f"/proc/{pid}/cmdline").read_bytes()
    )
    os.kill(dead, signal.SIGKILL)
    until(lambda: "legacy DIED (killed by SIGKILL); the end of" in stack.said)
    assert get(stack.ports["--port"], "/api/v1/auth/config").status == 200
    assert get(stack.ports["--port"], "/nothing").status == 502
    stack.stop()
    assert stack.stopped_in < 5


def test_a_stop_during_the_start_leaves_nothing(stack):
    stack.start()
    until(lambda: len(stack.look()) >= 3, seconds=20, what="some processes")
    stack.stop(signal.SIGTERM)
    assert stack.process.returncode == 130
    assert "Traceback" not in stack.said
