"""A long run at half of what the machine can do, with everything that happens in a life: `python -m tests.faults.soak`.

Reloads of routes.yaml (good and bad ones), changes of flags, kills, clients that leave at every stage of a request, and
WebSockets that come, go and vanish. Every answer is judged. Every ten seconds each process is looked at: memory,
descriptors, sockets, tasks. Ends with 1 when one of them grows, or an answer was not right.
"""

import argparse
import asyncio
import contextlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import uvloop
from websockets.asyncio.client import connect as connect_socket
from websockets.exceptions import WebSocketException

from bench.ports import free_port
from tests.faults.client import Ask, connect
from tests.faults.load import SteadyLoad
from tests.faults.rig import PERCENT, ROOT, ROUTES, Rig
from tests.support.processes import rss_mib

SAMPLE_SECONDS = 10.0
WARM_UP = 0.25
"""Of the run: what is not looked at, while caches, pools and arenas find their size."""
MAY_GROW = {"rss_mib": 4.0, "descriptors": 8.0, "sockets": 8.0, "tasks": 8.0}
"""From the end of the warm-up to the end, by the straight line through all samples."""
CAPACITY_SECONDS = 6.0
CAPACITY_USERS = 64
EDIT_SECONDS, FLAG_SECONDS, KILL_SECONDS = 5.0, 2.0, 23.0
LEAVERS_PER_SECOND = 20.0
SOCKETS = 12


def soak_routes(chat):
    """The drills' routes, without the reserve that they need for faults, with a feature of WebSockets."""
    more = f'  chat: {{url: "http://127.0.0.1:{chat}"}}\nfeatures:\n  talk: {{legacy: chat, new: chat, percent: 50}}\n'
    text = ROUTES.replace("features:\n", more.replace("{", "{{").replace("}", "}}"), 1)
    return text.replace("routes:\n", 'routes:\n  - {{path: "/talk", feature: talk}}\n', 1)


@dataclass
class Series:
    """Of one figure of one process: (seconds, value)."""

    points: list = field(default_factory=list)

    def growth(self, warm_up):
        """By the straight line through the points after the warm-up, over their time."""
        points = [(at, value) for at, value in self.points if at >= warm_up]
        if len(points) < 3:
            return 0.0
        mean_at = sum(at for at, _ in points) / len(points)
        mean = sum(value for _, value in points) / len(points)
        spread = sum((at - mean_at) ** 2 for at, _ in points)
        slope = sum((at - mean_at) * (value - mean) for at, value in points) / spread
        return slope * (points[-1][0] - points[0][0])


def look(pid):
    """What a process holds now."""
    descriptors, sockets = 0, 0
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            descriptors += 1
            sockets += str(entry.readlink()).startswith("socket:")
    return {"rss_mib": rss_mib(pid), "descriptors": descriptors, "sockets": sockets}


class Soak:
    """One run. counts: of what was done and seen."""

    def __init__(self, rig, chat_port, *, seconds, seed):
        self.rig, self.seconds = rig, seconds
        self.chat_port = chat_port
        self.series = {}
        self.counts = Counter()
        self.odd = []
        self._random = random.Random(seed)
        self._stop = asyncio.Event()
        self._good = rig.gateway.routes_file.read_text()
        self._killed = False

    # -- what goes on beside the load

    async def _every(self, seconds, work):
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), seconds)
            if not self._stop.is_set():
                await work()

    async def _edit(self):
        number = self.counts["edits"] = self.counts["edits"] + 1
        text = self._good.replace("idle_timeout_seconds: 5", f"idle_timeout_seconds: {5 + number % 3}")
        text += f"# edit {number}\n"
        self.rig.gateway.routes_file.write_text(text if number % 6 else "version: 1\nroutes: [")

    async def _flag(self):
        if not self._killed:
            self.counts["changes of flags"] += await self.rig.set_percent("auth", self._random.randint(0, 10_000) / 100)

    async def _kill(self):
        """And back, a moment later. The oracle's share is none while it lasts."""
        loop = asyncio.get_running_loop()
        self._killed = True
        share = self.rig.splits.latest("plain")
        for action, points in (("disable", 0), ("enable", share)):
            change = self.rig.splits.begins("plain", points, loop.time())
            reply = await asyncio.to_thread(self.rig.gateway.flag, "plain", action)
            if reply.status == 200 and not reply.json()["workers"]["missing"]:
                change.confirmed = loop.time()
            await asyncio.to_thread(self.rig.gateway.flag, "talk", action)
            await asyncio.sleep(0.5)  # how long the kill lasts
        self.counts["kills"] += 1
        self._killed = False

    async def _leave(self):
        """A client that goes: with its request on the way, inside its body, inside its answer, or inside its head."""
        link = await connect(self.rig.gateway.port)
        if link is None:
            self.odd.append("a connection was refused")
            return
        user = f"leaver-{self._random.randrange(1000)}"
        method, path, body = self._random.choice(
            (("GET", "/auth/me", b""), ("GET", "/auth/big", b""), ("POST", "/plain/form", bytes(100 * 1024)))
        )
        wire = Ask("leaver", user, "auth", method, path, body).on_the_wire()
        cut = self._random.choice((len(wire), len(wire), len(wire) // 2, 20))
        link.gone = True
        link.transport.write(wire[:cut])
        await asyncio.sleep(self._random.choice((0.0, 0.005, 0.02)))  # how far it comes
        link.transport.abort() if self._random.random() < 0.5 else link.transport.close()
        self.counts["clients that left"] += 1

    async def _talk(self, number):
        """One WebSocket after the other; every third vanishes without a word."""
        url = f"ws://127.0.0.1:{self.rig.gateway.port}/talk"
        while not self._stop.is_set():
            try:
                async with connect_socket(url, proxy=None, compression=None, close_timeout=2) as socket:
                    self.counts["WebSockets"] += 1
                    for turn in range(self._random.randint(1, 60)):
                        text = f"{number} {turn} " * self._random.choice((1, 500))
                        await socket.send(text)
                        if await socket.recv() != text:
                            self.odd.append("a WebSocket said something else")
                        await asyncio.sleep(0.1)  # a person types
                        if self._stop.is_set():
                            break
                    if number % 3 == 0:
                        socket.transport.abort()
            except (WebSocketException, OSError):
                self.counts["WebSockets that were ended"] += 1
                await asyncio.sleep(0.1)  # before it comes again

    async def _sample(self, began):
        at = time.monotonic() - began
        self._add("workers", "tasks", at, await asyncio.to_thread(self._tasks_of_nobody))
        for slot, pid in [*self.rig.gateway.pids().items(), ("supervisor", self.rig.gateway.pid)]:
            for name, value in look(pid).items():
                self._add(slot, name, at, value)

    def _add(self, slot, name, at, value):
        self.series.setdefault((slot, name), Series()).points.append((at, value))

    def _tasks_of_nobody(self):
        """Tasks of all workers beyond those of the requests in flight, which are more when the machine is busy."""
        total = 0.0
        for line in self.rig.gateway.admin("/metrics").body.decode().splitlines():
            name, _, value = line.rpartition(" ")
            if name.startswith("gateway_tasks{"):
                total += float(value)
            elif name.startswith("gateway_requests_in_flight{"):
                total -= float(value)
        return total

    # -- the run

    def note(self, outcome):
        self.counts[outcome.verdict] += 1
        if outcome.verdict in {"wrong", "misrouted"} or (outcome.verdict == "failed" and len(self.odd) < 100):
            self.odd.append(f"{outcome.verdict}: {outcome.ask.method} {outcome.ask.path}: {outcome.why}")

    async def capacity(self):
        """Requests a second with every client asking as fast as it is answered."""
        async with SteadyLoad(
            self.rig.gateway.port, self.rig.splits, users=CAPACITY_USERS, rate=1e9, keep=False, on_outcome=self.note
        ):
            await asyncio.sleep(1.0)  # until all are connected
            before = self.counts.total()
            await asyncio.sleep(CAPACITY_SECONDS)  # the measure
            return (self.counts.total() - before) / CAPACITY_SECONDS

    async def run(self, rate):
        began = time.monotonic()
        await self._rest("at rest before")
        load = SteadyLoad(
            self.rig.gateway.port, self.rig.splits, users=CAPACITY_USERS, rate=rate, keep=False, on_outcome=self.note
        )
        async with load, asyncio.TaskGroup() as tasks:
            for seconds, work in (
                *((EDIT_SECONDS, self._edit), (FLAG_SECONDS, self._flag), (KILL_SECONDS, self._kill)),
                *((1 / LEAVERS_PER_SECOND, self._leave), (SAMPLE_SECONDS, lambda: self._sample(began))),
            ):
                tasks.create_task(self._every(seconds, work))
            for number in range(SOCKETS):
                tasks.create_task(self._talk(number))
            await asyncio.sleep(self.seconds)  # the soak
            self._stop.set()
        await self._rest("at rest after")
        if load.surplus:
            self.odd.append(f"{load.surplus} connections got bytes that nobody had asked for")
        return (await asyncio.to_thread(self.rig.gateway.status))["config"]["edits"]

    async def _rest(self, name):
        """What each process holds when nobody asks for anything and what is kept idle is gone."""
        await asyncio.sleep(6.0)  # longer than idle connections to upstreams are kept
        pids = await asyncio.to_thread(self.rig.gateway.pids)
        for slot, pid in pids.items():
            self._add(slot, name, 0.0, look(pid))
        self._add("workers", name, 0.0, {"tasks": await asyncio.to_thread(self._tasks_of_nobody)})


def report(soak, *, warm_up):
    """Lines for people, and what is not flat."""
    lines, growing = [], []
    for (slot, name), series in sorted(soak.series.items()):
        if name.startswith("at rest"):
            held = series.points[-1][1]
            lines.append(f"{slot:<11}{name:<16}" + ", ".join(f"{key} {value:.4g}" for key, value in held.items()))
            continue
        after = [value for at, value in series.points if at >= warm_up] or [0.0]
        growth = series.growth(warm_up)
        lines.append(
            f"{slot:<11}{name:<16}mean {sum(after) / len(after):8.1f}  least {min(after):8.1f}  most {max(after):8.1f}"
            f"  grew by {growth:+.2f}"
        )
        if growth > MAY_GROW[name]:
            growing.append(f"{slot}: {name} grew by {growth:.1f}, more than {MAY_GROW[name]}")
    return lines, growing + leaks(soak)


def leaks(soak):
    """What workers hold at rest afterwards and did not before."""
    found = []
    for slot, name in (("w0", "sockets"), ("w1", "sockets"), ("workers", "tasks")):
        before, after = (soak.series[slot, f"at rest {when}"].points[-1][1][name] for when in ("before", "after"))
        if after > before:
            found.append(f"{slot}: {after:.0f} {name} at rest, {before:.0f} before")
    return found


def start_chat(port):
    chat = subprocess.Popen([sys.executable, "-m", "tests.faults.chat", str(port)], stdout=subprocess.PIPE, cwd=ROOT)
    assert chat.stdout.readline() == b"ready\n"
    return chat


async def soak(directory, *, minutes, seed, rate=None):
    port = free_port()
    chat = start_chat(port)
    try:
        with Rig(directory, wall_clock=False, small_disk=False, routes=soak_routes(port), record=False) as rig:
            rig.valkey.client().hset("gateway:flag:talk", "percent", PERCENT)
            ran = Soak(rig, port, seconds=minutes * 60, seed=seed)
            capacity = None
            if rate is None:
                capacity = await ran.capacity()
                rate = capacity / 2
            ran.counts.clear()
            print(f"capacity {capacity and round(capacity)} requests/s, load {rate:.0f}/s, seed {seed}", flush=True)
            edits = await ran.run(rate)
            return ran, edits
    finally:
        chat.send_signal(signal.SIGKILL)
        chat.wait()
        chat.stdout.close()


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--minutes", type=float, default=20.0)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--rate", type=float, help="requests a second; by default half of the capacity measured")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as directory:
        ran, edits = uvloop.run(soak(Path(directory), minutes=given.minutes, seed=given.seed, rate=given.rate))
    lines, growing = report(ran, warm_up=given.minutes * 60 * WARM_UP)
    print("\n".join(lines))
    print(f"edits {edits}; " + ", ".join(f"{name} {count}" for name, count in sorted(ran.counts.items())))
    for odd in ran.odd[:30]:
        print(f"NOT RIGHT: {odd}")
    for each in growing:
        print(f"NOT FLAT: {each}")
    return 1 if growing or ran.odd else 0


if __name__ == "__main__":
    sys.exit(main())
