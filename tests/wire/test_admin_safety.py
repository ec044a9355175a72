"""The admin port against strangers: the token, names, pages of other sites, and clients that only take its time."""

import contextlib
import json
import re
import signal
import socket
from pathlib import Path

import pytest

from tests.support.gateway_process import ROUTES, Upstream, gateway_process, get, until

TOKEN = "a-token-of-the-tests-0123456789"
BEARER = {"authorization": f"Bearer {TOKEN}"}
JSON = {"content-type": "application/json"}
FOR_BROWSERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
}
PATHS = ("/metrics", "/api/status", "/api/flags", "/api/flags/auth", "/api/flags/auth/history", "/nowhere", "/")


@pytest.fixture(scope="module")
def token_file(tmp_path_factory):
    return tmp_path_factory.mktemp("secret") / "token"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, token_file):
    """Open to the network, so with a token."""
    legacy, new = Upstream("legacy"), Upstream("new")
    text = ROUTES.format(legacy=legacy.port, new=new.port, percent=100, delay=0, timeout=5)
    token_file.write_text(f"{TOKEN}\n")
    options = ("--admin-host", "0.0.0.0", "--admin-token-file", token_file, "--admin-name", "GW.example.com")
    with gateway_process(tmp_path_factory.mktemp("admin"), text, *options, workers=1, wait=False) as running:
        until(lambda: ready(running))
        yield running
    legacy.close()
    new.close()


def ready(gateway):
    with contextlib.suppress(OSError):
        return gateway.admin("/readyz?workers=all").status == 200
    return False


def detail(reply, status):
    assert reply.status == status, reply
    assert reply.headers["content-type"] == "application/problem+json"
    return reply.json()["detail"]


def post(gateway, path="/api/flags/auth", **headers):
    body = json.dumps({"action": "disable"})
    return gateway.admin(path, method="POST", body=body, headers={**JSON, **BEARER, **headers})


def test_without_the_token_only_probes_are_answered(gateway):
    for path in PATHS:
        reply = gateway.admin(path)
        assert "Authorization: Bearer" in detail(reply, 401)
        assert reply.headers["www-authenticate"] == 'Bearer realm="gateway"'
        assert "not the token" in detail(gateway.admin(path, headers={"authorization": "Bearer " + "x" * 31}), 401)
    detail(post(gateway, authorization=""), 401)
    detail(post(gateway, path="/api/explain", authorization=""), 401)
    assert gateway.admin("/healthz").status == 200
    assert gateway.admin("/readyz").status == 200
    assert gateway.admin("/metrics", headers=BEARER).status == 200
    assert gateway.admin("/api/status", headers=BEARER).status == 200


def test_it_is_asked_by_addresses_and_by_its_name(gateway):
    for host in ("127.0.0.1", "gw.example.com:8001", "192.0.2.1:8001"):
        assert gateway.admin("/api/status", headers={**BEARER, "host": host}).status == 200
    assert "'evil.test'" in detail(gateway.admin("/api/status", headers={**BEARER, "host": "evil.test"}), 421)
    assert "--admin-name" in detail(post(gateway, host="evil.test"), 421)


def test_pages_of_other_sites_neither_change_nor_read(gateway):
    for foreign in ({"origin": "https://evil.test"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
        assert (
            "another site" in detail(post(gateway, **foreign), 403)
            or "a page of" in post(gateway, **foreign).json()["detail"]
        )
        for path in ("/api/status", "/metrics", "/api/flags"):
            detail(gateway.admin(path, headers={**BEARER, **foreign}), 403)
    assert gateway.admin("/api/flags/auth", headers=BEARER).json()["killed_by"] == []


def test_a_change_must_be_json_and_methods_are_what_they_are(gateway):
    assert "content-type: application/json" in detail(post(gateway, **{"content-type": "text/plain"}), 415)
    for path, method, allowed in (
        ("/api/status", "POST", {"GET", "HEAD"}),
        ("/api/status", "OPTIONS", {"GET", "HEAD"}),
        ("/api/explain", "GET", {"POST"}),
        ("/api/flags/auth", "DELETE", {"GET", "HEAD", "POST"}),
        ("/metrics", "PUT", {"GET", "HEAD"}),
    ):
        reply = gateway.admin(path, method=method, headers=BEARER)
        detail(reply, 405)
        assert set(re.split(", ?", reply.headers["allow"])) == allowed
    assert gateway.admin("/api/status/", headers=BEARER).status == 404


def test_every_answer_tells_browsers_to_keep_out(gateway):
    for path in ("/healthz", "/readyz", *PATHS):
        for headers in (BEARER, {}):
            reply = gateway.admin(path, headers=headers)
            assert FOR_BROWSERS.items() <= reply.headers.items()
            assert reply.headers["cache-control"] == "no-store"
            assert "date" in reply.headers


def test_nothing_here_is_a_websocket(gateway):
    key = {"sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==", "sec-websocket-version": "13"}
    reply = gateway.admin("/api/status", headers={**BEARER, "upgrade": "websocket", "connection": "upgrade", **key})
    assert reply.status == 403


def test_the_command_line_brings_the_token_and_says_in_words_what_is_missing(gateway, token_file):
    for given in ({"GATEWAY_ADMIN_TOKEN": TOKEN}, {"GATEWAY_ADMIN_TOKEN_FILE": str(token_file)}):
        assert gateway.command("status", env=given).returncode == 0
        assert "auth" in gateway.command("flag", "list", env=given).stdout
        assert gateway.command("explain", "GET", "/auth/x", env=given).returncode == 0
    ran = gateway.command("status")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "wants a token: set GATEWAY_ADMIN_TOKEN" in ran.stderr
    assert "does not take the token" in gateway.command("status", env={"GATEWAY_ADMIN_TOKEN": "y" * 20}).stderr
    short = gateway.command("flag", "list", env={"GATEWAY_ADMIN_TOKEN": "short-secret"})
    assert "less than 16 characters" in short.stderr
    assert "short-secret" not in short.stderr
    assert "No such file" in gateway.command("status", env={"GATEWAY_ADMIN_TOKEN_FILE": "/nowhere"}).stderr


def test_one_address_with_many_slow_connections_does_not_keep_others_out(gateway):
    with contextlib.ExitStack() as stack:
        address = ("127.0.0.1", gateway.admin_port)
        for _ in range(128):
            link = stack.enter_context(socket.create_connection(address, 5, source_address=("127.0.0.2", 0)))
            link.sendall(b"GET /api/status HTTP/1.1\r\nHost: 127.0.0.1\r\nx-slow: ")
        one_more = stack.enter_context(socket.create_connection(address, 5, source_address=("127.0.0.2", 0)))
        assert one_more.recv(1024).startswith(b"HTTP/1.1 503 ")
        assert gateway.admin("/api/status", headers=BEARER).status == 200


def test_refusals_are_logged_seldom_and_without_what_was_said(gateway):
    gateway.until_logged("the admin port refused a request")
    for _ in range(50):
        gateway.admin("/api/status", headers={"authorization": "Bearer guess-guess-guess"})
    text = gateway.log.read_text()
    assert len(gateway.lines("the admin port refused a request")) < 25
    assert TOKEN not in text
    assert "guess-guess-guess" not in text


def test_the_token_stands_in_no_process_list_and_in_no_worker(launch):
    gateway = launch("--admin-host", "0.0.0.0", workers=1, wait=False, env={"GATEWAY_ADMIN_TOKEN": TOKEN})
    until(lambda: ready(gateway))
    assert gateway.admin("/api/status").status == 401
    pids = gateway.pids()
    for pid in (gateway.pid, *pids.values()):
        assert TOKEN.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
    assert TOKEN.encode() not in Path(f"/proc/{pids['w0']}/environ").read_bytes()
    assert TOKEN not in gateway.log.read_text()


def test_a_token_file_is_read_again_at_sighup(launch, tmp_path):
    file = tmp_path / "token"
    file.write_text(TOKEN)
    gateway = launch("--admin-token-file", file, "--open-metrics", workers=1, wait=False)
    until(lambda: ready(gateway))
    assert gateway.admin("/metrics").status == 200
    assert gateway.admin("/api/status").status == 401  # on loopback too: a token that was given is wanted
    file.write_text("another-token-0123456789")
    gateway.process.send_signal(signal.SIGHUP)
    gateway.until_logged("the admin token has changed")
    assert gateway.admin("/api/status", headers=BEARER).status == 401
    new = {"authorization": "Bearer another-token-0123456789"}
    assert gateway.admin("/api/status", headers=new).status == 200
    file.write_text("")
    gateway.process.send_signal(signal.SIGHUP)
    gateway.until_logged("the admin token cannot be read again")
    assert gateway.admin("/api/status", headers=new).status == 200
    assert "another-token" not in gateway.log.read_text()


def test_on_loopback_the_default_needs_no_token(launch):
    gateway = launch(workers=1)
    assert get(gateway.admin_port, "/api/status").status == 200
    detail(get(gateway.admin_port, "/api/status", headers={"host": f"evil.test:{gateway.admin_port}"}), 421)
    detail(get(gateway.admin_port, "/api/status", headers={"host": "192.0.2.1"}), 421)
