"""What keeps a gateway from starting: one clear message each, the right exit status, no traceback, nothing left."""

import os
import socket
import subprocess
from pathlib import Path

import pytest

from bench.ports import free_port
from tests.support.gateway_process import descendants, get, serve_argv, until

BAD = """\
version: 1
upstreams:
  legacy: {url: "http://127.0.0.1:1", speed: 3}
features: {}
routes:
  - {path: "/*", upstream: legasy}
"""


@pytest.fixture
def refuse(tmp_path, make_routes):
    """Runs a `serve` that must end by itself; returns its exit status and what it said."""

    def run(*options, routes=None, state_dir=None, status=1):
        file = tmp_path / "routes.yaml"
        file.write_text(make_routes() if routes is None else routes)
        before = descendants(os.getpid())
        argv = serve_argv(file, state_dir or tmp_path / "state", *options)
        ran = subprocess.run(
            argv, capture_output=True, text=True, timeout=20, check=False, env={**os.environ, "GATEWAY_LOG": "json"}
        )
        said = ran.stdout + ran.stderr
        assert ran.returncode == status, said
        assert "Traceback" not in said
        assert set(descendants(os.getpid())) <= set(before)
        return said

    return run


@pytest.fixture
def taken():
    """A port on which something listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize(
    ("option", "what"), [("--port", "clients"), ("--admin-port", "admin")], ids=["clients", "admin"]
)
def test_a_taken_port_is_named_with_its_option(refuse, taken, option, what):
    said = refuse(option, taken)
    expected = (
        f"error: cannot listen on 127.0.0.1:{taken} for {what}: Address already in use; free it, or choose another "
        f"with {option}\n"
    )
    assert said == expected


def test_a_taken_redis_port_is_named_with_its_option(refuse, taken):
    said = refuse("--redis", "embedded", "--redis-port", taken)
    assert f"error: the embedded Valkey did not start: port {taken} on 127.0.0.1 is taken" in said
    assert "--redis-port" in said


def test_an_address_that_this_machine_has_not_is_named(refuse):
    assert "192.0.2.1:8000 for clients: " in refuse("--host", "192.0.2.1", "--port", 8000)
    assert "with --admin-host" in refuse("--admin-host", "192.0.2.1")


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_an_admin_port_that_others_reach_wants_a_token(refuse, host):
    said = refuse("--admin-host", host)
    assert f"error: the admin port would be open to everybody who reaches {host}" in said
    assert "in the variable GATEWAY_ADMIN_TOKEN or in a file with --admin-token-file" in said


def test_an_admin_token_that_cannot_be_used_is_named_and_not_repeated(refuse, tmp_path, monkeypatch):
    assert "No such file or directory" in refuse("--admin-token-file", tmp_path / "none")
    monkeypatch.setenv("GATEWAY_ADMIN_TOKEN", "too-short")
    said = refuse()
    assert "the token of GATEWAY_ADMIN_TOKEN has less than 16 characters" in said
    assert "too-short" not in said


def test_a_state_directory_in_use_is_named(refuse, launch):
    gateway = launch(name="first")
    said = refuse(state_dir=gateway.state_dir)
    assert f"another gateway is running with the state directory {gateway.state_dir}" in said
    assert gateway.admin("/readyz").status == 200
    gateway.end()


def test_a_state_directory_that_cannot_be_made_is_named(refuse, tmp_path):
    (tmp_path / "file").write_text("in the way")
    said = refuse(state_dir=tmp_path / "file" / "state")
    assert f"error: the state directory {tmp_path / 'file' / 'state'} cannot be used: Not a directory; " in said


def test_every_fault_of_a_bad_file_is_printed_when_there_is_no_accepted_copy(refuse, tmp_path):
    lines = refuse(routes=BAD).splitlines()
    file = tmp_path / "routes.yaml"
    assert [line for line in lines if line.startswith(f"{file}:3:") and "upstreams.legacy.speed" in line]
    assert [line for line in lines if line.startswith(f"{file}:6:") and 'did you mean "legacy"?' in line]
    assert lines[-1] == f"error: {file} cannot be used, and there is no accepted copy of it to start with"


def test_a_missing_file_is_named(refuse):
    said = refuse("--routes", "/nowhere/routes.yaml")
    assert said.splitlines() == [
        "/nowhere/routes.yaml: No such file or directory",
        "error: /nowhere/routes.yaml cannot be used, and there is no accepted copy of it to start with",
    ]


def test_a_damaged_accepted_copy_beside_a_bad_file_is_told_too(refuse, tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "accepted.json").write_text("{")
    said = refuse(routes=BAD)
    assert "accepted.json: the accepted copy is damaged" in said


@pytest.mark.parametrize("url", ["localhost:6379", "http://127.0.0.1", "redis://:secret-word@host:nan/0"])
def test_a_bad_redis_url_is_refused_without_repeating_a_password(refuse, url):
    said = refuse("--redis", url, status=2)
    assert said.startswith("error: --redis ")
    assert "write redis://host:port/db" in said
    assert "secret-word" not in said


def test_a_bad_file_beside_an_accepted_copy_starts_loudly(launch, tmp_path):
    state = tmp_path / "gateway" / "state"
    state.mkdir(parents=True)
    (state / "accepted.json").write_text("{")  # damaged: a good file does not need it
    gateway = launch(workers=1)
    assert gateway.status()["config"]["file_in_force"] is True
    assert gateway.stop() == 0
    again = launch(workers=1, routes=BAD)
    assert get(again.port, "/auth/x", headers={"x-user": "a"}).status == 200
    assert again.lines("STARTING WITH THE LAST ACCEPTED COPY")
    assert [line for line in again.lines("routes.yaml") if "upstreams.legacy.speed" in line.get("fault", "")]
    config = until(lambda: (found := again.status()["config"])["faults"] and found)
    assert config["file_in_force"] is False
    shown = again.command("status").stdout
    assert "THE FILE IS NOT IN FORCE" in shown
    assert "upstreams.legacy.speed" in shown


def test_a_second_start_is_quiet(launch):
    first = launch(redis="embedded", workers=1)
    first.flag("auth", "percent", value="100")
    assert first.stop() == 0
    second = launch(redis="embedded", workers=1)
    until(lambda: second.status()["redis"]["up"])
    loud = [line for line in second.lines() if line["level"] not in ("info", "debug")]
    assert loud == []
    assert second.lines("Using NEW auth implementation")[-1]["source"] == "redis"


def test_each_change_of_a_share_is_logged_once_by_each_worker(launch):
    gateway = launch(redis="embedded")
    assert len(gateway.lines("Using NEW auth implementation")) == 2
    gateway.flag("auth", "disable")
    gateway.until_logged("Using OLD auth implementation", count=2)
    gateway.flag("auth", "allow", entries=["alice"])
    gateway.flag("auth", "enable")
    gateway.until_logged("Using NEW auth implementation", count=4)
    told = [line["slot"] for line in gateway.lines("Using OLD auth implementation")]
    assert sorted(told) == ["w0", "w1"]
    assert len(gateway.lines("Using NEW auth implementation")) == 4


def test_a_gateway_starts_while_redis_is_away(launch):
    gateway = launch(redis=f"redis://127.0.0.1:{free_port()}/0", workers=1)
    assert get(gateway.port, "/auth/x", headers={"x-user": "a"}).headers["x-gateway-reason"] == "unknown"
    assert "AWAY" in gateway.command("status").stdout
    assert gateway.status()["redis"]["up"] is False
    assert Path(gateway.state_dir / "accepted.json").exists()
