"""How one gateway is started: what `gateway serve` was told, and what its supervisor passes to each process.

Children get it as JSON in one environment variable: a Redis password never stands in a process list.
"""

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, ConfigDict
from xxhash import xxh32_hexdigest

from gateway.admin_token import ADMIN_TOKEN

OVERRIDE_KEY = "GATEWAY_OVERRIDE_KEY"
OVERRIDE_KEY_FILE = "GATEWAY_OVERRIDE_KEY_FILE"
MIN_OVERRIDE_KEY_BYTES = 16

PROCESS_VARIABLE = "GATEWAY_PROCESS"


class ListenAddress(NamedTuple):
    """Where clients connect. tls: whether TLS is spoken there."""

    host: str
    port: int
    tls: bool


def listen_address(text: str) -> ListenAddress:
    """`http://127.0.0.1:8000`, `https://[::]:443`. Raises ValueError: what is wrong; what would be right."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname or port is None or parts.username is not None:
        raise ValueError(f"{text!r} is no address to listen on; write it like https://0.0.0.0:443 or http://[::]:80")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError(f"{text!r} has a path; paths belong in routes.yaml")
    return ListenAddress(parts.hostname, port, parts.scheme == "https")


class Settings(BaseModel):
    """The options of `gateway serve`, each also a `GATEWAY_*` variable."""

    model_config = ConfigDict(frozen=True)

    routes: Path = Path("routes.yaml")
    host: str = "127.0.0.1"
    port: int = 8000
    listen: tuple[str, ...] = ()
    admin_host: str = "127.0.0.1"
    admin_port: int = 8001
    admin_token_file: Path | None = None
    admin_names: tuple[str, ...] = ()
    open_metrics: bool = False
    workers: int = 2
    hung_seconds: float = 30.0
    redis: str | None = None
    redis_ca_file: Path | None = None
    redis_port: int = 6390
    state_dir: Path = Path(".gateway")
    namespace: str = "gateway"

    @property
    def addresses(self) -> tuple[ListenAddress, ...]:
        """Where clients connect: what `listen` names, or host and port."""
        return tuple(map(listen_address, self.listen)) or (ListenAddress(self.host, self.port, tls=False),)

    @property
    def speaks_tls(self) -> bool:
        """Whether certificates are needed."""
        return any(address.tls for address in self.addresses)

    @property
    def redis_url(self) -> str | None:
        """Where flags are read, with `embedded` resolved to the server that the supervisor starts, and with the
        authority that is trusted for `rediss://`, where one is named.
        """
        if self.redis == "embedded":
            return f"redis://127.0.0.1:{self.redis_port}/0"
        return with_authority(self.redis, self.redis_ca_file)

    @property
    def accepted_file(self) -> Path:
        """The copy of routes.yaml that passed validation: all that workers ever load."""
        return self.state_dir / "accepted.json"

    @property
    def snapshot_file(self) -> Path:
        """The last known flags."""
        return self.state_dir / "flags.json"

    @property
    def metrics_dir(self) -> Path:
        """prometheus_client's multiprocess files."""
        return self.state_dir / "metrics"


class Process(BaseModel):
    """One child of the supervisor.

    slot: `control`, or `w0`, `w1`, ...: a worker that is replaced passes its slot (and its counters) on.
    listen_fd: of the admin port, control only. client_fds: the shared listening sockets, in the order of
    `Settings.addresses`, workers only. lifeline_fd: reads end-of-file when the supervisor dies.
    run_dir: a short private directory for the workers' inner sockets.
    turn: 0 or 1: of a worker and its successor, which are there together for a while. supervisor: its process id.
    """

    model_config = ConfigDict(frozen=True)

    settings: Settings
    slot: str
    run_dir: Path
    listen_fd: int = -1
    client_fds: tuple[int, ...] = ()
    lifeline_fd: int = -1
    turn: int = 0
    supervisor: int = 0

    @property
    def gateway_id(self) -> str:
        """Names this gateway among all that share a Redis; two on one machine differ by their state directories."""
        return f"{socket.gethostname()}-{xxh32_hexdigest(str(self.settings.state_dir).encode())}"

    @property
    def places(self) -> int:
        """How many processes may be there at once, without the embedded Valkey."""
        return 2 * self.settings.workers + 1

    @property
    def place(self) -> int:
        """Ours among them."""
        if self.slot == "control":
            return self.places - 1
        return self.turn * self.settings.workers + int(self.slot.removeprefix("w"))

    @property
    def board_file(self) -> Path:
        """Who holds how many connections."""
        return self.run_dir / "connections"

    @property
    def pulse_file(self) -> Path:
        """Signs of life."""
        return self.run_dir / "pulse"

    def socket_path(self, slot: str, turn: int) -> Path:
        """Where the worker in a slot answers the control process."""
        return self.run_dir / f"{slot}-{turn}.sock"

    def environment(self) -> dict[str, str]:
        """The child's environment."""
        known = {name: value for name, value in os.environ.items() if self.slot == "control" or name != ADMIN_TOKEN}
        return {
            **known,
            PROCESS_VARIABLE: self.model_dump_json(),
            "GATEWAY_SLOT": self.slot,
            "PROMETHEUS_MULTIPROC_DIR": str(self.settings.metrics_dir),
        }


def with_authority(url: str | None, file: Path | None) -> str | None:
    """A Redis URL that says which authority is trusted; redis-py's own word for it."""
    if url is None or file is None:
        return url
    return f"{url}{'&' if '?' in url else '?'}ssl_ca_certs={quote(str(file), safe='/')}"


def override_key(environment: Mapping[str, str]) -> bytes | None:
    """What testers' tokens are signed with: from its variable, or from the file that another names; None without any.

    White space around it does not count. Raises ValueError for a key that is too short, OSError for a file that cannot
    be read.
    """
    text = environment.get(OVERRIDE_KEY, "")
    file = environment.get(OVERRIDE_KEY_FILE, "")
    if not text and file:
        text = Path(file).read_text(encoding="utf-8")
    key = text.strip().encode()
    if key and len(key) < MIN_OVERRIDE_KEY_BYTES:
        raise ValueError(
            f"the override key has less than {MIN_OVERRIDE_KEY_BYTES} bytes; make one: openssl rand -hex 32"
        )
    return key or None


def this_process() -> Process:
    """What the supervisor passed to this process. Raises KeyError where it was not started by one."""
    return Process.model_validate_json(os.environ[PROCESS_VARIABLE])
