"""The gateway under test: one worker, all requests answered by legacy, and a flag that shadows all of them or none."""

import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Self

import redis

from bench.ports import free_port
from bench.processes import cpu_seconds, role, rss_kib, tree

START_SECONDS = 60.0
STOP_SECONDS = 15.0
CONFIG = """\
version: 1
drain_delay_seconds: 0
log: {{requests: errors}}
upstreams:
  legacy: {{url: "http://127.0.0.1:{legacy}"}}
  new: {{url: "http://127.0.0.1:{new}"}}
features:
  shop: {{legacy: legacy, new: new, key: ["cookie:gateway_id"]}}
routes:
  - {{path: "/*", feature: shop}}
"""


class Subject:
    """From its start to its end."""

    def __init__(self, directory: Path, *, legacy: int, new: int) -> None:
        directory.mkdir()
        (directory / "routes.yaml").write_text(CONFIG.format(legacy=legacy, new=new), encoding="utf-8")
        self.port, self._admin, self._redis = free_port(), free_port(), free_port()
        words = ("serve", "--routes", "routes.yaml", "--state-dir", "state", "--workers", "1", "--redis", "embedded")
        ports = ("--port", self.port, "--admin-port", self._admin, "--redis-port", self._redis)
        with (directory / "output").open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-m", "gateway", *words, *map(str, ports)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=directory,
            )

    def __enter__(self) -> Self:
        deadline = time.monotonic() + START_SECONDS
        while self._shadowed() is None:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise TimeoutError("the gateway did not start")
            time.sleep(0.05)  # a poll of a condition, with a deadline
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def shadow(self, percent: int) -> None:
        """Returns when the worker has it."""
        with redis.Redis(port=self._redis) as server:
            server.hset("gateway:flag:shop", "shadow_percent", str(percent))
        deadline = time.monotonic() + START_SECONDS
        while self._shadowed() != percent:
            if time.monotonic() > deadline:
                raise TimeoutError("the flag was not in force in time")
            time.sleep(0.02)  # a poll of a condition, with a deadline

    def _shadowed(self) -> float | None:
        """The percent that is shadowed; None until it answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._admin}/api/status", timeout=5) as reply:
                feature = json.load(reply)["features"]["shop"]
        except OSError:
            return None
        return float(feature["shadow_percent"])

    @property
    def worker(self) -> int:
        """The process that serves."""
        return next(pid for pid in tree(self._process.pid) if role(pid) == "w0")

    def cpu(self) -> float:
        """Seconds that the worker has used."""
        return cpu_seconds(self.worker)

    def rss_mib(self) -> float:
        """Of the worker."""
        return rss_kib(self.worker) / 1024

    def outcomes(self) -> dict[str, int]:
        """What became of copies, as the metric counts them."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._admin}/metrics", timeout=5) as reply:
            lines = reply.read().decode().splitlines()
        counted = [line for line in lines if line.startswith("gateway_shadow_requests_total{")]
        return {
            line.partition('outcome="')[2].partition('"')[0]: int(float(line.rsplit(" ", 1)[1])) for line in counted
        }
