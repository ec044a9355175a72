"""Where the sample stack keeps its files and which ports it takes."""

import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

DEFAULT_LEGACY_PORT = 9001
DEFAULT_NEW_PORT = 9002


@dataclass(frozen=True, slots=True)
class Layout:
    """Ports are on loopback. `home` holds the database, the logs and the gateway's state; it is kept between runs."""

    home: Path
    routes: Path
    port: int = 8000
    admin_port: int = 8001
    redis_port: int = 6390
    cache_port: int = 6391
    legacy_port: int = DEFAULT_LEGACY_PORT
    new_port: int = DEFAULT_NEW_PORT
    workers: int = 2

    @property
    def ports(self) -> dict[str, tuple[int, str]]:
        """What each port is for, and the option that moves it."""
        return {
            "gateway": (self.port, "--port"),
            "gateway's admin": (self.admin_port, "--admin-port"),
            "embedded Valkey": (self.redis_port, "--redis-port"),
            "new backend's cache": (self.cache_port, "--cache-port"),
            "legacy backend": (self.legacy_port, "--legacy-port"),
            "new backend": (self.new_port, "--new-port"),
        }

    @property
    def logs(self) -> Path:
        """One file for each process."""
        return self.home / "logs"

    def environment(self) -> dict[str, str]:
        """What both services share: database, files and signing key, so that users and their work move between them."""
        return {
            **os.environ,
            "DATABASE_URL": os.environ.get("DATABASE_URL", f"sqlite:///{self.home / 'app.db'}"),
            "STORAGE_DIR": os.environ.get("STORAGE_DIR", str(self.home / "files")),
            "JWT_SECRET": self._secret(),
        }

    def environment_of_new(self) -> dict[str, str]:
        """It has a cache beside, which is not the gateway's Valkey."""
        return {**self.environment(), "REDIS_URL": f"redis://127.0.0.1:{self.cache_port}/0"}

    def _secret(self) -> str:
        """Made at the first run and kept, so that sessions outlive a restart."""
        path = self.home / "jwt-secret"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_hex(32))
        return path.read_text().strip()

    def routes_file(self) -> Path:
        """The shipped routes.yaml, or a copy with the ports changed where other ones were asked for.

        The copy is made anew at each start: edits that are to last belong into the shipped one.
        """
        ports = {DEFAULT_LEGACY_PORT: self.legacy_port, DEFAULT_NEW_PORT: self.new_port}
        if all(default == port for default, port in ports.items()):
            return self.routes
        pattern = rf"(?<=127\.0\.0\.1:)({'|'.join(map(str, ports))})\b"
        text = re.sub(pattern, lambda found: str(ports[int(found[0])]), self.routes.read_text())
        copy = self.home / "routes.yaml"
        copy.write_text(f"# Made from {self.routes} at each start, with other ports; edits here are lost then.\n{text}")
        return copy
