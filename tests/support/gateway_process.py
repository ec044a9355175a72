"""A real `gateway serve` on free ports with a small state directory, and trivial upstreams to put behind it.

    with gateway_process(tmp_path, routes=ROUTES.format(legacy=..., new=...)) as gateway:
        assert get(gateway.port, "/x").status == 200

Nothing sleeps for a result: `until` polls a condition with a deadline. What a test leaves running is killed by pid.
"""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bench.ports import free_port
from tests.support.processes import alive, descendants, rss_mib

__all__ = ["alive", "descendants", "rss_mib"]

READY_SECONDS = 20.0
LOOK_SECONDS = 0.01

ROUTES = """\
version: 1
expose_decision: true
drain_delay_seconds: {delay}
drain_timeout_seconds: {timeout}
upstreams:
  legacy: {{url: "http://127.0.0.1:{legacy}"}}
  new: {{url: "http://127.0.0.1:{new}"}}
features:
  auth: {{legacy: legacy, new: new, percent: {percent}, key: ["header:x-user"], no_key: new}}
routes:
  - {{path: "/auth/*", feature: auth}}
  - {{path: "/*", upstream: legacy}}
"""


def until(condition, *, seconds=10.0, what=""):
    """The first true value of the condition; fails at the deadline."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what or condition}"
        time.sleep(LOOK_SECONDS)  # a poll of a condition, with a deadline
    return value


@dataclass
class Reply:
    status: int
    headers: dict
    body: bytes

    @property
    def side(self):
        return self.headers.get("x-gateway-side")

    def json(self):
        return json.loads(self.body)


class Client:
    """One keep-alive connection; nothing is tried again."""

    def __init__(self, port, *, timeout=15.0):
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._connection.close()

    def send(self, path, *, method="GET", body=None, headers=None):
        self._connection.request(method, path, body=body, headers=headers or {})

    def answer(self):
        reply = self._connection.getresponse()
        fields = {name.lower(): value for name, value in reply.getheaders()}
        return Reply(reply.status, fields, reply.read())

    def ask(self, path, **more):
        self.send(path, **more)
        return self.answer()


def get(port, path, *, timeout=15.0, **more):
    """One request on a connection of its own."""
    with Client(port, timeout=timeout) as client:
        return client.ask(path, **more)


class Upstream:
    """Answers every request with its name. `/slow` waits for `release`; `/stream` sends a line, waits, sends another.

    `connections` counts those accepted, `waiting` the requests that wait.
    """

    def __init__(self, name):
        self.name = name
        self.release = threading.Event()
        self.connections = 0
        self.waiting = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open = set()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                link, _ = self._listener.accept()
                self.connections += 1
                self._open.add(link)
                threading.Thread(target=self._serve, args=(link,), daemon=True).start()

    def _serve(self, link):
        with contextlib.suppress(OSError, ValueError), link, link.makefile("rb") as lines:
            while line := lines.readline():
                path = line.split()[1].decode()
                while lines.readline() not in (b"\r\n", b""):
                    pass
                self._answer(link, path)
        self._open.discard(link)

    def _answer(self, link, path):
        body = self.name.encode()
        if path.endswith("/slow"):
            self.waiting += 1
            self.release.wait(30)
            self.waiting -= 1
        if path.endswith("/stream"):
            link.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nfirst\n\r\n")
            self.waiting += 1
            self.release.wait(30)
            self.waiting -= 1
            link.sendall(b"5\r\nlast\n\r\n0\r\n\r\n")
            return
        link.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX-Served-By: %s\r\n\r\n%s" % (len(body), body, body))

    def close(self):
        self.release.set()
        self._listener.close()
        for link in list(self._open):
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)


@dataclass
class GatewayProcess:
    """A running gateway. `log` is a file with one JSON object a line."""

    process: subprocess.Popen
    state_dir: Path
    routes_file: Path
    log: Path
    argv: list
    port: int = 0
    admin_port: int = 0
    redis_port: int = 0
    seen: set = field(default_factory=set)
    run_dirs: set = field(default_factory=set)

    @property
    def pid(self):
        return self.process.pid

    @property
    def admin_url(self):
        return f"http://127.0.0.1:{self.admin_port}"

    def lines(self, event=None):
        """What was logged, as dicts; only those whose event has these words."""
        found = []
        for line in self.log.read_text().splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                entry = {"event": line, "level": "not JSON"}
            if event is None or event in entry["event"]:
                found.append(entry)
        return found

    def until_logged(self, event, *, count=1, seconds=10.0):
        return until(
            lambda: (found := self.lines(event)) and len(found) >= count and found,
            seconds=seconds,
            what=f"{count} log lines with {event!r}; the log is\n{self.log.read_text()}",
        )

    def admin(self, path, *, timeout=15.0, **more):
        return get(self.admin_port, path, timeout=timeout, **more)

    def status(self):
        return self.admin("/api/status").json()

    def pids(self):
        """By slot: w0, w1, ..., control and redis, as the operating system sees them now."""
        found = {}
        for pid in descendants(self.pid):
            with contextlib.suppress(OSError):
                if not alive(pid):
                    continue
                environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
                slot = next((e[13:].decode() for e in environment if e.startswith(b"GATEWAY_SLOT=")), None)
                command = Path(f"/proc/{pid}/cmdline").read_bytes()
                if slot is None and b"valkey-server" in command:
                    slot = "redis"
                run_dir = next((e for e in environment if e.startswith(b"GATEWAY_PROCESS=")), None)
                if run_dir is not None:
                    self.run_dirs.add(json.loads(run_dir.partition(b"=")[2])["run_dir"])
                if slot is not None:
                    found[slot] = pid
                    self.seen.add(pid)
        return found

    def until_ready(self, *, seconds=READY_SECONDS):
        def ready():
            assert self.process.poll() is None, f"it ended with {self.process.returncode}:\n{self.log.read_text()}"
            try:
                return self.admin("/readyz?workers=all").status == 200
            except OSError:
                return False

        until(ready, seconds=seconds, what=f"ready; the log is\n{self.log.read_text()}")
        self.pids()

    def replaced(self, slot, old):
        """Waits until another process has a slot; returns its pid."""
        return until(lambda: (pid := self.pids().get(slot)) not in (None, old) and pid, what=f"another {slot}")

    def flag(self, feature, action, **more):
        """A change as the command line makes it."""
        return self.admin(
            f"/api/flags/{feature}",
            method="POST",
            body=json.dumps({"action": action, "who": "test", **more}),
            headers={"content-type": "application/json"},
        )

    def command(self, *words, env=None, timeout=30):
        """`gateway ...` against this gateway: exit status, output, errors."""
        return subprocess.run(
            [sys.executable, "-m", "gateway", *words],
            env={**os.environ, "GATEWAY_ADMIN": self.admin_url, **(env or {})},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def kill(self, slot, number=signal.SIGKILL):
        pid = self.pids()[slot]
        os.kill(pid, number)
        return pid

    def end(self):
        """By force, whatever is left of it."""
        self.pids()
        for pid in [self.pid, *self.seen]:
            if alive(pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.process.wait(10)
        until(lambda: not any(map(alive, self.seen)), what="the end of everything")
        for run_dir in self.run_dirs:
            shutil.rmtree(run_dir, ignore_errors=True)

    def stop(self, number=signal.SIGINT, *, seconds=10.0):
        """In good order; returns the exit status."""
        self.pids()
        self.process.send_signal(number)
        return self.process.wait(seconds)

    def left(self):
        """Processes of this gateway that still run."""
        return [pid for pid in {self.pid, *self.seen} if alive(pid)]


def serve_argv(routes_file, state_dir, *options):
    return [
        *(sys.executable, "-m", "gateway", "serve", "--routes", str(routes_file), "--state-dir", str(state_dir)),
        *("--port", "0", "--admin-port", "0", *map(str, options)),
    ]


def start_gateway(directory, routes, *options, redis=None, workers=2, env=None, wait=True, prefix=()):
    """Starts one; `redis` is a URL or `embedded`, `prefix` a command that becomes it. The caller stops it."""
    directory.mkdir(parents=True, exist_ok=True)
    routes_file, log = directory / "routes.yaml", directory / "gateway.log"
    if routes is not None:
        routes_file.write_text(routes)
    more, redis_port = [*options, "--workers", workers], 0
    if redis is not None:
        more += ["--redis", redis]
    if redis == "embedded":
        redis_port = free_port()
        more += ["--redis-port", redis_port]
    argv = [*prefix, *serve_argv(routes_file, directory / "state", *more)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GATEWAY_", "USE_NEW"))}
    with log.open("ab") as output:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**environment, "GATEWAY_LOG": "json", "PYTHONWARNINGS": "error", **(env or {})},
        )
    gateway = GatewayProcess(process, directory / "state", routes_file, log, argv, redis_port=redis_port)
    try:

        def started():
            assert process.poll() is None, f"it ended with {process.returncode}:\n{log.read_text()}"
            return [entry for entry in gateway.lines("started") if entry.get("pid") == process.pid]

        line = until(started, seconds=READY_SECONDS, what="a start")[-1]
        gateway.port, gateway.admin_port = (int(line[name].rpartition(":")[2]) for name in ("clients", "admin"))
        if wait:
            gateway.until_ready()
    except BaseException:
        gateway.end()
        raise
    return gateway


@contextlib.contextmanager
def gateway_process(directory, routes, *options, **more):
    """One gateway that ends with the block, whatever became of it."""
    gateway = start_gateway(directory, routes, *options, **more)
    try:
        yield gateway
    finally:
        gateway.end()


@pytest.fixture
def upstreams():
    """A legacy and a new upstream."""
    pair = {"legacy": Upstream("legacy"), "new": Upstream("new")}
    yield pair
    for upstream in pair.values():
        upstream.close()


@pytest.fixture
def make_routes(upstreams):
    """The text of a routes.yaml before both upstreams."""

    def make(*, percent=100, delay=0, timeout=5):
        return ROUTES.format(
            legacy=upstreams["legacy"].port,
            new=upstreams["new"].port,
            percent=percent,
            delay=delay,
            timeout=timeout,
        )

    return make


@pytest.fixture
def launch(tmp_path, make_routes):
    """Starts gateways that end with the test: `launch(redis="embedded")`."""
    with contextlib.ExitStack() as stack:

        def start(*options, routes=None, name="gateway", **more):
            text = make_routes() if routes is None else routes
            return stack.enter_context(gateway_process(tmp_path / name, text, *options, **more))

        yield start
