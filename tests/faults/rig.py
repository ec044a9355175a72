"""A gateway as it is in production, in small: two workers, a real Valkey, two backends in processes of their own.

Its state directory is a small file system of its own where the system lets a user have one, so that it can be full.
"""

import asyncio
import contextlib
import json
import os
import struct
import subprocess
import sys
import time
from pathlib import Path

from bench.ports import free_port
from tests.faults.oracle import LEGACY, NEW, Arrival, Splits
from tests.support.gateway_process import start_gateway
from tests.support.small_disk import may_mount, on_small_disk
from tests.support.valkey_server import ValkeyServer

ROOT = Path(__file__).resolve().parents[2]
CLOCK = Path(__file__).parent / "clock"
PERCENT = 40
FIRST_BYTE_SECONDS = 5.0
THINK_SECONDS = 0.02
"""What a reply of a backend takes, so that at any moment there are requests which a fault can strike."""

REFUSED = frozenset({400, 409, 422})
"""Answers of the admin port that say that nothing was written; of a 503 it is not known."""

STATE_DIR_BYTES = 4 * 1024 * 1024

ROUTES = """\
version: 1
expose_decision: true
drain_delay_seconds: 0
drain_timeout_seconds: 5
log: {{requests: errors}}
upstreams:
  legacy:
    url: "http://127.0.0.1:{legacy}"
    connect_timeout_seconds: 5.0
    first_byte_timeout_seconds: {first_byte}
    idle_timeout_seconds: 5
    breaker: {{open_seconds: 0.3, max_open_seconds: 0.6}}
  new:
    url: "http://127.0.0.1:{new}"
    connect_timeout_seconds: 5.0
    first_byte_timeout_seconds: {first_byte}
    idle_timeout_seconds: 5
    breaker: {{open_seconds: 0.3, max_open_seconds: 0.6}}
features:
  auth: {{legacy: legacy, new: new, percent: 100, key: ["cookie:gateway_id"], fallback: legacy}}
  plain: {{legacy: legacy, new: new, percent: 100, key: ["cookie:gateway_id"]}}
routes:
  - {{path: "/auth/doc", feature: auth, fallback_idempotent: true}}
  - {{path: "/auth/*", feature: auth}}
  - {{path: "/plain/*", feature: plain}}
  - {{path: "/*", upstream: legacy}}
"""


class OriginProcess:
    """A backend that keeps its port and its record when it is killed and started again."""

    def __init__(self, side, directory, think=THINK_SECONDS):
        self.side, self.port, self.think = side, free_port(), think
        self.record = directory / f"{side}.record"
        self.record.touch()
        self.process = None

    def start(self):
        argv = [
            sys.executable,
            "-m",
            "tests.faults.origin",
            self.side,
            str(self.port),
            str(self.record),
            str(self.think),
        ]
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
        line = self.process.stdout.readline()
        assert line == b"ready\n", line

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process.stdin.close()
            self.process.stdout.close()
            self.process = None

    def signal(self, number):
        self.process.send_signal(number)

    def becomes(self, mode, **more):
        self.process.stdin.write(json.dumps({"mode": mode, **more}).encode() + b"\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == b"obeyed\n"

    def arrivals(self):
        """All so far, from before its deaths too."""
        found = []
        for line in self.record.read_text().splitlines():
            load_id, method, _, user = line.split(" ", 3)
            found.append(Arrival(self.side, load_id, method, user))
        return found


def _troubles(status):
    """What is not well, by the names that faults have for what they hurt."""
    redis = status["redis"]
    found = {slot for slot, worker in status["workers"].items() if not worker["up"]}
    if found:  # whether their breakers are open is known when they answer again
        found |= {LEGACY, NEW}
    if not (redis["up"] and all(worker["up"] for worker in redis["workers"].values())):
        found.add("redis")
    if not status["config"]["file_in_force"] or status["config"]["workers_behind"]:
        found.add("disk")
    return found | {
        side
        for side, each in status["upstreams"].items()
        if any(state != "closed" for state in each["breakers"].values())
    }


class Rig:
    """All processes. Used as a context manager; what is asked of the admin port is asked in threads."""

    def __init__(self, directory, *, wall_clock=True, small_disk=True, routes=ROUTES, record=True):
        """record: whether the origins write down what they get."""
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.origins = {side: OriginProcess(side, directory) for side in (LEGACY, NEW)}
        if not record:
            for origin in self.origins.values():
                origin.record = Path(os.devnull)
        self.valkey = ValkeyServer(directory / "valkey")
        self.splits = Splits({"auth": PERCENT * 100, "plain": PERCENT * 100})
        self.routes = routes.format(
            legacy=self.origins[LEGACY].port, new=self.origins[NEW].port, first_byte=FIRST_BYTE_SECONDS
        )
        self._env = {}
        self._clock = directory / "clock"
        self._clock.write_bytes(struct.pack("=d", 0.0))
        if wall_clock:
            self._env |= {"PYTHONPATH": f"{CLOCK}{os.pathsep}{ROOT}", "FAULTS_CLOCK": str(self._clock)}
        self._small_disk = small_disk and may_mount()
        self.gateway = None
        self._changing = asyncio.Lock()

    def __enter__(self):
        try:
            self.valkey.start()
            for origin in self.origins.values():
                origin.start()
            with self.valkey.client() as redis:
                for feature in ("auth", "plain"):
                    redis.hset(f"gateway:flag:{feature}", "percent", PERCENT)
            self.gateway = start_gateway(
                self.directory / "gateway",
                self.routes,
                redis=self.valkey.url,
                workers=2,
                env=self._env,
                prefix=self._prefix(),
            )
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.gateway is not None:
            self.gateway.end()
        for origin in self.origins.values():
            origin.kill()
        self.valkey.kill()

    def _prefix(self):
        if not self._small_disk:
            return ()
        state = self.directory / "gateway" / "state"
        state.mkdir(parents=True)
        return on_small_disk(state, STATE_DIR_BYTES)

    # -- what the drills look at and do

    @property
    def state_dir(self):
        """As the gateway sees it."""
        state = self.gateway.state_dir
        return Path(f"/proc/{self.gateway.pid}/root{state}") if self._small_disk else state

    @property
    def has_small_disk(self):
        return self._small_disk

    def snapshot_percent(self, feature):
        """In basis points, as the snapshot of the flags has it now."""
        try:
            return json.loads((self.state_dir / "flags.json").read_bytes())["features"][feature]["percent"]
        except (OSError, ValueError, KeyError):
            return None

    def other_percent(self, feature):
        """Near the one in force, and not it."""
        return PERCENT + 1 if self.splits.latest(feature) == PERCENT * 100 else PERCENT

    def move_clock(self, seconds):
        with self._clock.open("r+b") as file:
            file.write(struct.pack("=d", seconds))

    def arrivals(self):
        return [arrival for origin in self.origins.values() for arrival in origin.arrivals()]

    def is_calm(self, hurt=None):
        """Whether all is as it should be, by what the workers themselves say; or these things alone."""
        try:
            status = self.gateway.admin("/api/status", timeout=4).json()
        except (OSError, ValueError):
            return False
        return not (_troubles(status) if hurt is None else _troubles(status) & hurt)

    def percent_in_force(self, feature):
        """In basis points, by the control process; None where it cannot be asked."""
        try:
            return round(float(self.gateway.status()["features"][feature]["percent"]) * 100)
        except (OSError, ValueError):
            return None

    def owners(self, pids):
        """The client's port of each connection that one of these processes holds (Linux)."""
        inodes = set()
        for pid in pids:
            with contextlib.suppress(OSError):
                for entry in Path(f"/proc/{pid}/fd").iterdir():
                    with contextlib.suppress(OSError):
                        inodes.add(str(entry.readlink()))
        ports = set()
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            local, remote = (int(fields[place].split(":")[1], 16) for place in (1, 2))
            if local == self.gateway.port and f"socket:[{fields[9]}]" in inodes:
                ports.add(remote)
        return ports

    async def set_percent(self, feature, percent):
        """By the command line's way. Whether every worker is known to hold it."""
        loop = asyncio.get_running_loop()
        async with self._changing:  # one change after the other, for the oracle's sake
            change = self.splits.begins(feature, round(percent * 100), loop.time())
            reply = await asyncio.to_thread(self.gateway.flag, feature, "percent", value=str(percent))
            if reply.status == 200 and reply.json()["workers"]["missing"] == []:
                change.confirmed = loop.time()
                return True
            if reply.status in REFUSED:
                self.splits.refused(feature, change)
            return False

    async def until(self, condition, *, seconds=40.0, what="", look=0.02):
        """Polls, in threads where the condition blocks; the time it took."""
        began = time.monotonic()
        while not await asyncio.to_thread(condition):
            assert time.monotonic() < began + seconds, f"not within {seconds} s: {what}\n{self.tail()}"
            await asyncio.sleep(look)
        return time.monotonic() - began

    def tail(self):
        return "\n".join(self.gateway.log.read_text().splitlines()[-40:])
