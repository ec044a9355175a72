"""The embedded server: it starts, keeps its data, and says plainly why it does not start."""

import signal
import socket
from pathlib import Path

import pytest

from gateway import embedded
from tests.support.valkey_server import ValkeyServer


def test_data_survives_a_restart(own_valkey: ValkeyServer):
    with own_valkey.client() as plain:
        plain.hset("gateway:flag:auth", "percent", 25)
    own_valkey.kill(signal.SIGTERM)
    own_valkey.start()
    with own_valkey.client() as plain:
        assert plain.hgetall("gateway:flag:auth") == {"percent": "25"}


def test_it_listens_on_loopback_alone(own_valkey: ValkeyServer):
    with own_valkey.client() as plain:
        assert plain.config_get("bind") == {"bind": "127.0.0.1"}


def test_a_taken_port_is_said(own_valkey: ValkeyServer, tmp_path: Path):
    with pytest.raises(embedded.EmbeddedError, match=rf"port {own_valkey.port} on 127.0.0.1 is taken"):
        embedded.require_free_port(port=own_valkey.port)
    second = ValkeyServer(tmp_path / "second")
    embedded.require_free_port(port=second.port)
    second.port = own_valkey.port
    with pytest.raises(embedded.EmbeddedError, match=r"another server|ended by itself"):
        second.start()
    second.kill()


def test_a_stranger_with_a_password_is_not_taken_for_it(own_valkey: ValkeyServer):
    with own_valkey.client() as plain:
        plain.config_set("requirepass", "x")
    with pytest.raises(embedded.EmbeddedError, match="not ours"):
        embedded.is_ready(port=own_valkey.port)


def test_a_server_that_ends_says_why(tmp_path: Path):
    server = ValkeyServer(tmp_path, "--maxmemory", "nonsense")
    with pytest.raises(embedded.EmbeddedError, match="ended by itself"):
        server.start()


def test_nothing_listening_is_not_ready():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        assert not embedded.is_ready(port=probe.getsockname()[1])


def test_a_platform_without_a_binary_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("platform.machine", lambda: "sparc")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(embedded.EmbeddedError, match=r"on sparc: install valkey-server, or"):
        embedded.binary()
