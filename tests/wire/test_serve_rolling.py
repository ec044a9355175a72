"""Workers replaced while they serve: no request fails, nothing that was counted is lost, and the terminal tells."""

import json
import os
import re
import shutil
import signal
import threading
import time

import pytest

from tests.support.gateway_process import Client, alive, get, until

USER = {"x-user": "alice"}
DELAY = 0.5


class SteadyLoad:
    """Clients in threads, each with a connection that it keeps until it is told that it closes, or with one for each
    request. Nothing is tried again: whatever is not answered whole by 200 stands in `failed`.
    """

    def __init__(self, port, *, keeping=3, opening=1):
        self.port, self.failed, self.answered = port, [], 0
        self._stop, self._counting = threading.Event(), threading.Lock()
        kinds = [True] * keeping + [False] * opening
        self._threads = [threading.Thread(target=self._run, args=(keeps,)) for keeps in kinds]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(20)

    def _run(self, keeps):
        client = None
        while not self._stop.wait(0.01):
            try:
                client = client or Client(self.port)
                reply = client.ask("/auth/x", headers=USER)
                if (reply.status, reply.body) != (200, b"new"):
                    self.failed.append((reply.status, reply.body))
                if not keeps or "connection" in reply.headers:
                    client.__exit__()
                    client = None
            except Exception as error:  # noqa: BLE001 - of whatever kind: a request has failed
                self.failed.append(error)
                client = None
            with self._counting:
                self.answered += 1
        if client is not None:
            client.__exit__()

    def goes_on(self):
        answered = self.answered
        until(lambda: self.answered > answered + 20, what="requests go on")


def counted(gateway):
    text = gateway.admin("/metrics").body.decode()
    found = re.search(r'^gateway_requests_total\{feature="auth",side="new",status="200"\} (\S+)$', text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def roll(gateway):
    return gateway.admin("/api/roll").json()


def begin(gateway):
    return gateway.admin("/api/roll", method="POST", body=b"{}", headers={"content-type": "application/json"})


@pytest.mark.slow
def test_workers_are_replaced_one_by_one_and_no_request_fails(launch, make_routes, figure):
    gateway = launch(redis="embedded", routes=make_routes(delay=2, timeout=10))  # the command looks each 0.2 s
    before, most = gateway.pids(), 0
    with SteadyLoad(gateway.port) as load:
        load.goes_on()
        for number in (1, 2):  # the second one uses what the first has left: places, sockets, counter files
            pids, began = gateway.pids(), time.monotonic()
            ran = gateway.command("reload", "--workers", timeout=90)
            seconds = time.monotonic() - began
            assert (ran.returncode, ran.stderr) == (0, "")
            assert ran.stdout.splitlines() == [
                "1 of 2: w0: a new worker starts",
                "1 of 2: w0: the new worker serves; the old one finishes what it has",
                "2 of 2: w1: a new worker starts",
                "2 of 2: w1: the new worker serves; the old one finishes what it has",
                "replaced: w0, w1",
            ]
            after = gateway.pids()
            assert {slot for slot in after if after[slot] != pids[slot]} == {"w0", "w1"}
            assert not any(alive(pids[slot]) for slot in ("w0", "w1"))
            assert roll(gateway)["number"] == number
            most = max(most, seconds)
        load.goes_on()
    assert load.failed == []
    assert gateway.pids()["control"] == before["control"]
    until(lambda: counted(gateway) == load.answered, what=f"{load.answered} counted, not {counted(gateway)}")
    assert gateway.lines("a process died") == []
    status = gateway.status()
    assert {slot: worker["deaths"] for slot, worker in status["workers"].items()} == {"w0": None, "w1": None}
    figure("rolling", f"{load.answered} requests over two rolls of two workers, 0 failed; a roll took {most:.1f} s")


def test_a_request_that_runs_keeps_its_worker_until_it_is_answered(launch, make_routes, upstreams):
    gateway = launch(routes=make_routes(timeout=20), workers=1)
    old = gateway.pids()["w0"]
    with Client(gateway.port) as client:
        client.send("/auth/slow", headers=USER)
        until(lambda: upstreams["new"].waiting == 1)
        assert begin(gateway).status == 202
        until(lambda: roll(gateway)["waits_for"] == "the old worker")
        assert get(gateway.port, "/auth/x", headers=USER).status == 200  # by the new one
        assert alive(old)
        gateway.kill("w0", 0)
        again = begin(gateway)
        assert again.status == 409
        assert again.json()["detail"] == "the workers are being replaced already, 0 of 1"
        ran = gateway.command("reload", "--workers")
        assert ran.returncode == 1
        assert "being replaced already, 0 of 1" in ran.stderr
        assert "workers are being replaced: 0 of 1" in gateway.command("status").stdout
        metrics = gateway.admin("/metrics").body.decode()
        assert 'gateway_requests_in_flight{feature="auth",side="new"} 1.0' in metrics
        assert 'gateway_workers{state="up"} 1.0' in metrics
        upstreams["new"].release.set()
        reply = client.answer()
        assert (reply.status, reply.body, reply.headers["connection"]) == (200, b"new", "close")
    until(lambda: roll(gateway)["state"] == "done")
    assert not alive(old)


def test_a_worker_that_does_not_become_ready_stops_the_roll_and_the_old_ones_serve_on(launch):
    gateway = launch()
    before = gateway.pids()
    accepted = gateway.state_dir / "accepted.json"
    good = accepted.read_bytes()
    accepted.write_bytes(good[:-10])
    with SteadyLoad(gateway.port, keeping=1, opening=1) as load:
        ran = gateway.command("reload", "--workers")
        load.goes_on()
    assert ran.returncode == 1
    assert "not all replaced (0 of 2): the new worker of w0 ended before it was ready: exit status 1" in ran.stderr
    assert "the old one keeps running" in ran.stderr
    assert load.failed == []
    assert gateway.pids() == before
    accepted.write_bytes(good)
    assert json.loads(gateway.command("reload", "--workers", "--json").stdout)["state"] == "done"
    assert set(gateway.pids().values()).isdisjoint({before["w0"], before["w1"]})


def test_a_stop_in_the_middle_of_a_roll_leaves_nothing(launch, make_routes, upstreams):
    gateway = launch(routes=make_routes(timeout=20), workers=1)
    with Client(gateway.port) as client:
        client.send("/auth/slow", headers=USER)
        until(lambda: upstreams["new"].waiting == 1)
        old = gateway.pids()["w0"]
        begin(gateway)
        until(lambda: roll(gateway)["waits_for"] == "the old worker")
        gateway.pids()
        gateway.process.send_signal(signal.SIGTERM)
        until(lambda: not alive(gateway.pids().get("control", 0)) or gateway.admin("/readyz").status == 503)
        assert alive(old)  # it drains as it did: the stop is no second signal to it
        upstreams["new"].release.set()
        assert client.answer().body == b"new"
    assert gateway.process.wait(10) == 0
    assert gateway.left() == []
    assert not alive(old)


def test_sigusr1_to_the_supervisor_rolls_too_and_a_killed_worker_of_a_later_turn_comes_back(launch):
    gateway = launch()
    before = gateway.pids()
    gateway.process.send_signal(signal.SIGUSR1)
    until(lambda: (found := roll(gateway)) and found["state"] == "done", seconds=20)
    killed = gateway.kill("w1")
    assert killed != before["w1"]
    gateway.replaced("w1", killed)
    gateway.until_ready()
    assert gateway.status()["workers"]["w1"]["deaths"]["times"] == 1
    assert 'gateway_process_deaths_total{how="died",process="w1"} 1.0' in gateway.admin("/metrics").body.decode()
    for _ in range(20):
        assert get(gateway.port, "/auth/x", headers=USER).status == 200


def test_reload_takes_over_the_file_at_once_and_says_what_is_wrong_with_it(launch):
    gateway = launch()
    text = gateway.routes_file.read_text()
    gateway.routes_file.write_text(text.replace("percent: 100", "percent: 0"))
    ran = gateway.command("reload")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith(f"in force: {gateway.routes_file} ")
    for _ in range(10):
        assert get(gateway.port, "/auth/x", headers=USER).body == b"legacy"
    gateway.routes_file.write_text(text.replace("percent: 100", "percent: 101"))
    ran = gateway.command("reload")
    assert ran.returncode == 1
    assert f"{gateway.routes_file}:" in ran.stderr
    assert "is not in force: it has faults; what ran before keeps running" in ran.stderr
    gateway.routes_file.unlink()
    assert "No such file or directory" in gateway.command("reload").stderr


def test_a_drain_under_load_fails_no_request_that_was_accepted(launch, make_routes):
    gateway = launch(routes=make_routes(delay=DELAY, timeout=10))
    load = SteadyLoad(gateway.port)
    with load:
        load.goes_on()
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.process.wait(15) == 0
        until(lambda: len(load.failed) > 5)  # after the end everything is refused, and nothing else
    assert {type(error) for error in load.failed} == {ConnectionRefusedError}
    assert gateway.left() == []


def test_a_worker_that_hangs_is_killed_and_replaced(launch):
    gateway = launch("--hung-seconds", "2")
    hung = gateway.kill("w1", signal.SIGSTOP)
    gateway.replaced("w1", hung)
    gateway.until_ready()
    assert [line["name"] for line in gateway.lines("a process hangs and is killed") if line["pid"] == hung] == ["w1"]
    deaths = gateway.status()["workers"]["w1"]["deaths"]
    assert (deaths["times"], deaths["hung"]) == (1, 1)
    assert re.fullmatch(r"hung for \d s and was killed", deaths["last"])
    assert "was replaced; hung for" in gateway.command("status").stdout
    assert 'gateway_process_deaths_total{how="hung",process="w1"} 1.0' in gateway.admin("/metrics").body.decode()
    control = gateway.kill("control", signal.SIGSTOP)
    gateway.replaced("control", control)
    gateway.until_ready()
    assert get(gateway.port, "/auth/x", headers=USER).status == 200


def test_a_start_after_a_killed_supervisor_waits_for_those_who_are_left(launch, make_routes, upstreams):
    gateway = launch(redis="embedded", routes=make_routes(delay=5, timeout=20), name="one")
    port, admin_port, redis_port = gateway.port, gateway.admin_port, gateway.redis_port
    with Client(port) as client:
        client.send("/auth/slow", headers=USER)
        until(lambda: upstreams["new"].waiting == 1)
        hung = gateway.kill("w1", signal.SIGSTOP)  # it does not let go of the port
        os.kill(gateway.pid, signal.SIGKILL)
        gateway.process.wait(15)
        options = ("--port", port, "--admin-port", admin_port, "--redis-port", redis_port)
        thread = threading.Thread(target=lambda: goes_on_once_waited_for(gateway, hung))
        thread.start()
        again = launch(*options, redis="embedded", routes=make_routes(delay=5, timeout=20), name="one")
        thread.join()
        assert again.port == port
        (line,) = again.lines("waiting for what is left of a gateway that was killed")
        assert f"w1 ({hung})" in line["left"]
        assert get(port, "/auth/x", headers=USER).status == 200
        upstreams["new"].release.set()
        reply = client.answer()  # by a worker of the gateway before
        assert (reply.status, reply.body) == (200, b"new")
    until(lambda: gateway.left() == [])


def goes_on_once_waited_for(gateway, pid):
    gateway.until_logged("waiting for what is left")
    os.kill(pid, signal.SIGCONT)


def test_orphans_stop_accepting_at_once(launch, make_routes):
    gateway = launch(routes=make_routes(delay=20, timeout=20))
    with Client(gateway.port) as client:
        assert client.ask("/auth/x", headers=USER).status == 200
        os.kill(gateway.pid, signal.SIGKILL)
        gateway.process.wait(15)

        def refused():
            try:
                get(gateway.port, "/auth/x", headers=USER)
            except ConnectionError:
                return True
            return False

        until(refused, what="new connections refused, far before the delay is over")
        reply = client.ask("/auth/x", headers=USER)
        assert (reply.status, reply.headers["connection"]) == (200, "close")


def test_a_port_that_somebody_else_holds_is_not_waited_for(launch):
    gateway = launch(workers=1, name="one")
    other = launch(workers=1, name="two")
    assert gateway.stop() == 0
    began = time.monotonic()
    ran = other.command("serve", "--routes", str(gateway.routes_file), "--state-dir", str(gateway.state_dir),
                        "--port", str(other.port), "--admin-port", "0")  # fmt: skip
    assert time.monotonic() - began < 10
    assert ran.returncode == 1
    assert "Address already in use; free it" in ran.stderr
    shutil.rmtree(gateway.state_dir)
