"""Processes that are killed: what goes on, what comes back, and what must not be left behind."""

import os
import re
import shutil
import signal
import socket
import threading
import time
from pathlib import Path

from redis import Redis

from tests.support.gateway_process import Client, alive, get, rss_mib, until

USER = {"x-user": "alice"}


def counted(gateway):
    """Requests of the feature, as Prometheus reads them."""
    text = gateway.admin("/metrics").body.decode()
    found = re.search(r'^gateway_requests_total\{feature="auth",side="new",status="200"\} (\S+)$', text, re.MULTILINE)
    return float(found[1]) if found else 0.0


class LightLoad:
    """One request after the other, each on a connection of its own; `failed` takes those that were not answered."""

    def __init__(self, port):
        self.port, self.failed, self.answered = port, [], 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(20)

    def _run(self):
        while not self._stop.wait(0.002):
            try:
                reply = get(self.port, "/auth/x", headers=USER)
                if (reply.status, reply.body) != (200, b"new"):
                    self.failed.append((reply.status, reply.body))
            except OSError as error:
                self.failed.append(error)
            self.answered += 1

    def goes_on(self):
        answered = self.answered
        until(lambda: self.answered > answered + 10, what="requests go on")


def test_a_killed_worker_is_replaced_and_nothing_else_ends(launch, figure):
    gateway = launch(redis="embedded")
    before = gateway.pids()
    sizes = {slot: round(rss_mib(pid), 1) for slot, pid in before.items()}
    assert max(sizes.values()) < 90
    for number in range(20):
        get(gateway.port, "/auth/x", headers={"x-user": str(number)})
    until(lambda: counted(gateway) == 20)
    killed, began = gateway.kill("w0"), time.monotonic()
    # The other one answers at once: a connection that the dead one had not accepted waits for it.
    for _ in range(20):
        assert get(gateway.port, "/auth/x", headers=USER).status == 200
    reborn = gateway.replaced("w0", killed)
    gateway.until_ready(seconds=15)
    seconds = time.monotonic() - began
    figure("processes", f"MiB resident at rest {sizes}; a killed worker answers again after {seconds:.2f} s")
    after = gateway.pids()
    assert after == {**before, "w0": reborn}
    assert counted(gateway) == 40  # the dead worker's counters go on
    worker = gateway.status()["workers"]["w0"]
    assert (worker["pid"], worker["deaths"]["times"]) == (reborn, 1)
    assert worker["deaths"]["last"] == "killed by SIGKILL"
    assert "was replaced; killed by SIGKILL" in gateway.command("status").stdout
    assert sorted(path.name for path in (gateway.state_dir / "metrics").glob("counter_w0*.db")) == ["counter_w0.db"]


def test_a_killed_control_process_takes_no_request_with_it(launch):
    gateway = launch(redis="embedded")
    assert gateway.flag("auth", "percent", value="100").status == 200
    with LightLoad(gateway.port) as load:
        load.goes_on()
        killed = gateway.kill("control")
        gateway.replaced("control", killed)
        gateway.until_ready(seconds=15)
        load.goes_on()
    assert load.failed == []
    status = until(lambda: (found := gateway.status()) and found["redis"]["up"] and found)
    assert status["features"]["auth"]["source"] == "redis"
    assert status["features"]["auth"]["rev"] == 1
    assert {slot: worker["up"] for slot, worker in status["workers"].items()} == {"w0": True, "w1": True}
    assert gateway.flag("auth", "disable").json()["workers"]["confirmed"] == ["w0", "w1"]
    snapshot = gateway.state_dir / "flags.json"
    until(lambda: '"enabled": false' in snapshot.read_text(), what="the kill in the snapshot")


def test_when_the_supervisor_is_killed_everything_ends_by_itself(launch, make_routes):
    gateway = launch(redis="embedded", routes=make_routes(delay=3))
    pids, run_dirs = gateway.pids(), _run_dirs(gateway)
    assert set(pids) == {"w0", "w1", "control", "redis"}
    with Client(gateway.port) as client:
        assert client.ask("/auth/x", headers=USER).status == 200
        os.kill(gateway.pid, signal.SIGKILL)
        gateway.process.wait(15)
        # Workers drain: who is connected is still served, and told to go elsewhere.
        reply = client.ask("/auth/x", headers=USER)
        assert reply.status == 200
    # Eight seconds are theirs: three until they stop accepting, five to drain.
    until(lambda: gateway.left() == [], seconds=20, what=f"the end of every process; they were {pids}")
    for port in (gateway.port, gateway.admin_port, gateway.redis_port):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    assert [path for path in run_dirs if path.exists()] == []


def _run_dirs(gateway):
    environment = Path(f"/proc/{gateway.pids()['w0']}/environ").read_bytes().decode()
    return [Path(found) for found in re.findall(r'"run_dir":"([^"]+)"', environment)]


def test_a_killed_valkey_is_started_again_with_its_flags_and_moves_nobody(launch):
    gateway = launch(redis="embedded")
    assert gateway.flag("auth", "disable").status == 200
    with Redis(host="127.0.0.1", port=gateway.redis_port) as client:  # appendfsync is everysec: wait for the disk
        client.waitaof(1, 0, 3000)
    with Client(gateway.port) as client:
        assert client.ask("/auth/x", headers=USER).side == "legacy"
        killed = gateway.kill("redis")
        sides = {client.ask("/auth/x", headers=USER).side for _ in range(50)}
        gateway.replaced("redis", killed)
        gateway.until_logged("flag store is up", count=6)
        sides |= {client.ask("/auth/x", headers=USER).side for _ in range(50)}
        assert sides == {"legacy"}
    until(lambda: gateway.status()["redis"]["up"])
    assert gateway.status()["features"]["auth"]["killed_by"] == ["redis"]
    assert gateway.flag("auth", "enable").json()["workers"]["missing"] == []
    assert get(gateway.port, "/auth/x", headers=USER).side == "new"


def test_a_worker_that_hangs_does_not_answer_and_is_named(launch):
    gateway = launch(redis="embedded")
    hung = gateway.kill("w1", signal.SIGSTOP)
    try:
        assert gateway.admin("/readyz").status == 200  # the other one serves
        assert gateway.admin("/readyz?workers=all").status == 503
        assert gateway.status()["workers"]["w1"] == {"up": False, "state": "does not answer", "deaths": None}
        gateway.until_logged("a worker does not answer")
        ran = gateway.command("flag", "disable", "auth")
        assert ran.returncode == 3
        assert "auth is KILLED" in ran.stdout
        assert "in force on 1 worker: w0" in ran.stdout
        assert "NOT YET IN FORCE on: w1 (does not answer)" in ran.stderr
    finally:
        os.kill(hung, signal.SIGCONT)
    gateway.until_ready(seconds=15)
    assert gateway.flag("auth", "disable").json()["workers"]["confirmed"] == ["w0", "w1"]


def test_a_worker_that_cannot_start_backs_off_and_is_reported(launch):
    gateway = launch()
    killed = gateway.pids()["w0"]
    accepted = gateway.state_dir / "accepted.json"
    good = accepted.read_bytes()
    accepted.write_bytes(good[:-10])
    os.kill(killed, signal.SIGKILL)
    gateway.until_logged("the worker cannot start", count=3)
    assert "accepted copy is damaged" in gateway.lines("the worker cannot start")[0]["fault"]
    waits = [line["in_seconds"] for line in gateway.lines("a process died")]
    assert waits == sorted(waits)
    assert waits[-1] > waits[0]
    worker = until(lambda: (found := gateway.status()["workers"]["w0"])["deaths"] and found)
    assert worker["state"] == "down"
    assert worker["deaths"]["last"] == "exit status 1"
    assert get(gateway.port, "/auth/x", headers=USER).status == 200
    accepted.write_bytes(good)
    gateway.until_ready(seconds=15)
    assert not any("Traceback" in line["event"] for line in gateway.lines())


def test_processes_that_were_told_to_stop_alone_come_back_even_when_the_state_was_deleted(launch):
    gateway = launch()
    gone = gateway.state_dir.rename(gateway.state_dir.with_name("gone"))  # at once: the gateway writes into it again
    shutil.rmtree(gone)
    gateway.until_logged("was gone and is written again")
    told = {slot: gateway.kill(slot, signal.SIGTERM) for slot in ("w0", "control")}
    for slot, pid in told.items():
        gateway.replaced(slot, pid)
        assert not alive(pid)
    gateway.until_ready(seconds=15)
    assert get(gateway.port, "/auth/x", headers=USER).status == 200
    assert gateway.status()["config"]["file_in_force"] is True
