"""Edits of routes.yaml while a gateway runs: each way to save a file, good and bad ones, and what they leave alone."""

import hashlib
import os
import re
import signal
import threading
import time

import pytest

from gateway.reload import LOOK_SECONDS
from tests.support.gateway_process import Client, gateway_process, get, until

USER = {"x-user": "alice"}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One gateway for edits that leave it as it was."""
    from tests.support.gateway_process import ROUTES, Upstream

    legacy, new = Upstream("legacy"), Upstream("new")
    text = ROUTES.format(legacy=legacy.port, new=new.port, percent=100, delay=0, timeout=5)
    with gateway_process(tmp_path_factory.mktemp("reload"), text) as gateway:
        gateway.text, gateway.upstreams = text, {"legacy": legacy, "new": new}
        yield gateway
    legacy.close()
    new.close()


@pytest.fixture
def gateway(shared):
    save(shared, shared.text)
    until(lambda: settled(shared, shared.text), what="the text that each test begins with")
    return shared


def settled(gateway, text):
    """Whether this text is in force everywhere."""
    config = gateway.status()["config"]
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    return config["file_in_force"] and config["accepted_sha256"] == sha256 and not config["workers_behind"]


def save(gateway, text):
    """As an editor that replaces the file."""
    beside = gateway.routes_file.with_name("routes.yaml.new")
    beside.write_text(text)
    beside.replace(gateway.routes_file)


def with_percent(gateway, percent):
    return gateway.text.replace("percent: 100", f"percent: {percent}")


def in_force(gateway, percent):
    """On every worker."""
    shares = gateway.status()["features"].get("auth", {}).get("shares", {})
    return sorted(shares.items()) == [("w0", percent * 100), ("w1", percent * 100)]


def reloads(gateway, result):
    text = gateway.admin("/metrics").body.decode()
    return float(re.search(rf'^gateway_config_reloads_total{{result="{result}"}} (\S+)$', text, re.MULTILINE)[1])


def overwrite(gateway, text):
    gateway.routes_file.write_text(text)


def configmap(gateway, text):
    """As Kubernetes does it: routes.yaml -> ..data/routes.yaml, ..data -> ..N, and `..data` is swapped."""
    directory = gateway.routes_file.parent
    version = directory / f"..{time.monotonic_ns()}"
    version.mkdir()
    (version / "routes.yaml").write_text(text)
    swap = directory / "..data_tmp"
    swap.symlink_to(version.name)
    swap.replace(directory / "..data")
    if not gateway.routes_file.is_symlink():
        gateway.routes_file.unlink()
        gateway.routes_file.symlink_to("..data/routes.yaml")


@pytest.mark.parametrize("way", [overwrite, save, configmap], ids=lambda way: way.__name__)
def test_an_edit_is_in_force_on_all_workers_within_a_second(gateway, way, figure):
    took = []
    for percent in (10, 20, 30, 100):
        before = gateway.status()["config"]["edits"]["accepted"]
        began = time.monotonic()
        way(gateway, with_percent(gateway, percent))
        until(lambda percent=percent: in_force(gateway, percent))
        took.append((time.monotonic() - began) * 1000)
        assert gateway.status()["config"]["edits"]["accepted"] == before + 1
    figure(f"edit to in force, {way.__name__}", took, "ms")
    assert sorted(took)[1] < 1000  # one may be late on a busy machine
    assert gateway.command("status").returncode == 0


def test_a_half_written_file_is_not_taken(gateway):
    for _ in range(5):
        accepted, refused = reloads(gateway, "accepted"), reloads(gateway, "refused")
        still = write_slowly(gateway, with_percent(gateway, 40))
        until(lambda: in_force(gateway, 40))
        if still < LOOK_SECONDS * 0.9:  # never still for two looks in a row
            break
        save(gateway, gateway.text)
        until(lambda: settled(gateway, gateway.text))
    else:
        pytest.fail("this machine is too slow to write a file that is never still")
    assert (reloads(gateway, "accepted"), reloads(gateway, "refused")) == (accepted + 1, refused)


def write_slowly(gateway, text):
    """In place, piece by piece; the longest time for which the file was, at most, as it was."""
    longest, changed = 0.0, time.monotonic()
    with gateway.routes_file.open("w") as file:
        for start in range(0, len(text), 60):
            file.write(text[start : start + 60])
            before = time.monotonic()
            file.flush()
            longest, changed = max(longest, time.monotonic() - changed), before
            time.sleep(0.02)
    return longest


def test_sighup_looks_at_once_and_says_what_it_found(gateway):
    gateway.process.send_signal(signal.SIGHUP)
    gateway.until_logged("routes.yaml has not changed")
    save(gateway, with_percent(gateway, 41))
    gateway.process.send_signal(signal.SIGHUP)
    until(lambda: in_force(gateway, 41))


def test_a_bad_edit_changes_nothing_and_is_shown_until_it_is_mended(gateway):
    with Client(gateway.port) as client:
        assert client.ask("/auth/x", headers=USER).side == "new"
        refused, sha256 = reloads(gateway, "refused"), gateway.status()["config"]["accepted_sha256"]
        save(gateway, gateway.text.replace("feature: auth", "feature: aut").replace("percent: 100", "percent: 101"))
        until(lambda: reloads(gateway, "refused") == refused + 1)
        assert client.ask("/auth/x", headers=USER).side == "new"
    config = gateway.status()["config"]
    assert (config["accepted_sha256"], config["file_in_force"]) == (sha256, False)
    assert len(config["faults"]) == 2
    logged = {line["fault"] for line in gateway.lines("routes.yaml refused")}
    assert set(config["faults"]) <= logged
    shown = gateway.command("status").stdout
    assert "THE FILE IS NOT IN FORCE" in shown
    for fault in config["faults"]:
        assert f"refused: {fault}" in shown
    save(gateway, with_percent(gateway, 42))
    until(lambda: in_force(gateway, 42))
    assert gateway.status()["config"]["faults"] == []
    assert "NOT IN FORCE" not in gateway.command("status").stdout


def test_the_very_text_in_force_clears_faults_without_an_edit(gateway):
    save(gateway, "version: 2\n")
    until(lambda: gateway.status()["config"]["faults"])
    accepted = reloads(gateway, "accepted")
    save(gateway, gateway.text)
    until(lambda: gateway.status()["config"]["file_in_force"])
    gateway.until_logged("routes.yaml is again what is in force")
    assert reloads(gateway, "accepted") == accepted


def test_a_touch_is_no_edit(gateway):
    before = gateway.status()["config"]
    logged, said = len(gateway.lines("routes.yaml")), len(gateway.lines("routes.yaml has not changed"))
    os.utime(gateway.routes_file)
    save(gateway, gateway.text)
    gateway.process.send_signal(signal.SIGHUP)
    gateway.until_logged("routes.yaml has not changed", count=said + 1)
    assert gateway.status()["config"] == before
    assert len(gateway.lines("routes.yaml")) == logged + 1


def test_a_removed_file_keeps_what_runs_and_status_says_so(gateway):
    gateway.routes_file.unlink()
    until(lambda: gateway.status()["config"]["missing"])
    assert get(gateway.port, "/auth/x", headers=USER).side == "new"
    shown = gateway.command("status").stdout
    assert "THE FILE IS NOT IN FORCE" in shown
    assert "cannot be read: No such file or directory; what ran before keeps running" in shown
    gateway.routes_file.write_text(gateway.text)
    until(lambda: gateway.status()["config"]["file_in_force"])


def test_an_accepted_copy_that_cannot_be_written_is_told_and_tried_again(gateway):
    accepted = gateway.state_dir / "accepted.json"
    kept = accepted.read_bytes()
    accepted.unlink()
    accepted.mkdir()  # nobody may replace a directory by a file, root neither
    (accepted / "in the way").touch()
    try:
        save(gateway, with_percent(gateway, 43))
        problem = until(lambda: gateway.status()["config"]["problem"])
        assert problem.startswith(f"the accepted copy {accepted} cannot be written: ")
        assert "Errno" not in problem
        assert in_force(gateway, 100)
        assert reloads(gateway, "failed") >= 1
        assert "cannot be written" in gateway.command("status").stdout
        assert len(gateway.lines("routes.yaml not taken over")) == reloads(gateway, "failed")
    finally:
        (accepted / "in the way").unlink()
        accepted.rmdir()
        accepted.write_bytes(kept)
    until(lambda: in_force(gateway, 43), what="the edit, without another one")
    assert gateway.status()["config"]["file_in_force"] is True


def test_an_edit_made_while_control_is_dead_is_taken_when_it_is_back(gateway):
    pid = gateway.kill("control", signal.SIGSTOP)
    save(gateway, with_percent(gateway, 44))
    os.kill(pid, signal.SIGKILL)
    gateway.replaced("control", pid)
    gateway.until_ready()
    until(lambda: in_force(gateway, 44))


def test_a_request_finishes_when_an_edit_removes_its_upstream(gateway):
    upstream = gateway.upstreams["new"]
    upstream.release.clear()
    got = []
    waiting = upstream.waiting
    thread = threading.Thread(target=lambda: got.append(get(gateway.port, "/auth/stream", headers=USER)))
    thread.start()
    until(lambda: upstream.waiting == waiting + 1)
    gone = f'  new: {{url: "http://127.0.0.1:{upstream.port}"}}\n'
    assert gone in gateway.text
    text = gateway.text.replace(gone, "").replace("new: new", "new: legacy")
    save(gateway, text)
    until(lambda: list(gateway.status()["upstreams"]) == ["legacy"])
    assert get(gateway.port, "/auth/x", headers=USER).body == b"legacy"
    upstream.release.set()
    thread.join(10)
    assert got[0].body == b"first\nlast\n"


def test_warm_connections_survive_an_unrelated_edit(gateway):
    upstream = gateway.upstreams["new"]
    with Client(gateway.port) as client:
        client.ask("/auth/x", headers=USER)
        opened = upstream.connections
        text = gateway.text.replace("timeout_seconds: 5", "timeout_seconds: 6")
        save(gateway, text)
        until(lambda: settled(gateway, text))
        client.ask("/auth/x", headers=USER)
        assert upstream.connections == opened
