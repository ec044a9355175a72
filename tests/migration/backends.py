"""Starts what the tests of this folder talk to: migrations, either backend, PostgreSQL. Real processes and sockets."""

import asyncio
import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import httpx

from bench.ports import free_port

ROOT = Path(__file__).parents[2]
SIDES = ("legacy", "new")
SECRET = "a-signing-key-for-tests-only-0123456789"
START_SECONDS = 20
_databases = itertools.count()


def environment(database_url, **more):
    """Of any program of the sample application: cheap hashing, quick agents, and its files beside a SQLite database."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH", "LANG") if name in os.environ}
    cheap = {"ARGON2_TIME_COST": "1", "ARGON2_MEMORY_KIB": "64", "AI_STEP_SECONDS": "0"}
    if database_url.startswith("sqlite:///"):
        cheap["STORAGE_DIR"] = str(Path(database_url.removeprefix("sqlite:///")).parent / "files")
    kept["PYTHONHASHSEED"] = "3"  # one of those in which the set of GET and HEAD comes out in the wrong order
    return {**kept, "DATABASE_URL": database_url, "JWT_SECRET": SECRET, "ENVIRONMENT": "test", **cheap, **more}


def run_module(module, *arguments, env):
    command = [sys.executable, "-W", "error", "-m", module, *arguments]
    return subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)


def migrate(database_url):
    done = run_module("migrations", env=environment(database_url))
    assert done.returncode == 0, done.stderr
    return database_url


@dataclass
class Backend:
    """A running service. `client` reuses its connections and keeps no cookies, for none are set."""

    side: str
    process: subprocess.Popen
    url: str
    log: Path
    client: httpx.Client = field(init=False)

    def __post_init__(self):
        self.client = httpx.Client(base_url=self.url, timeout=20)

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(timeout=10)


@contextlib.contextmanager
def running(side, database_url, log, **env) -> Iterator[Backend]:
    port = free_port()
    command = [sys.executable, "-W", "error", "-m", f"{side}_backend", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=environment(database_url, **env), cwd=ROOT, stdout=output, stderr=subprocess.STDOUT
        )
    backend = Backend(side, process, f"http://127.0.0.1:{port}", log)
    try:
        wait_for_health(backend)
        yield backend
    finally:
        backend.client.close()
        if process.poll() is None:
            process.kill()
        process.wait()


def wait_for_health(backend):
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert backend.process.poll() is None, backend.log.read_text()
        with contextlib.suppress(httpx.TransportError):
            if backend.client.get("/healthz").status_code == 200:
                return
        time.sleep(0.02)  # a poll of a condition, with a deadline
    raise AssertionError(f"{backend.side} does not answer: {backend.log.read_text()}")


def postgres_programs():
    """The folder of initdb and postgres, or None. Debian keeps them out of PATH."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which("initdb")
    return next((place for place in [*places, *([Path(found).parent] if found else [])] if usable(place)), None)


def usable(place):
    return (place / "initdb").exists() and (place / "postgres").exists()


@contextlib.contextmanager
def running_postgres(programs) -> Iterator[str]:
    """A server of our own, in a folder of its own; it refuses to run as root, so root runs it as `postgres`."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    user = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    if user:
        shutil.chown(folder, "postgres", "postgres")
    port, data = free_port(), folder / "data"
    try:
        initdb = [programs / "initdb", "-D", data, "-U", "app", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C"]
        subprocess.run(initdb, cwd=folder, check=True, capture_output=True, timeout=60, **user)
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": folder, "fsync": "off"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (folder.parent / f"{folder.name}.log").open("wb") as log:
            command = [programs / "postgres", "-D", data, "-p", str(port), *options]
            server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, **user)
        try:
            wait_for_postgres(programs, port, server, folder)
            yield f"postgresql://app@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)  # "fast": does not wait for clients
            server.wait(timeout=20)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        (folder.parent / f"{folder.name}.log").unlink(missing_ok=True)


def new_database(server_url):
    """The URL of one more database, empty, on the server of `running_postgres`."""
    name = f"app{next(_databases)}"

    async def create():
        connection = await asyncpg.connect(server_url)
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()

    asyncio.run(create())
    return f"{server_url.rpartition('/')[0]}/{name}"


def wait_for_postgres(programs, port, server, folder):
    ready = [programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
    deadline = time.monotonic() + START_SECONDS
    while subprocess.run(ready, timeout=10, check=False).returncode != 0:
        assert server.poll() is None, (folder.parent / f"{folder.name}.log").read_text()
        assert time.monotonic() < deadline, "PostgreSQL does not answer"
        time.sleep(0.05)  # a poll of a condition, with a deadline
