"""A feature that cannot go back: what would move its users to legacy is asked for twice; what would not, once."""

import os
import pty
import subprocess
import sys

import pytest

from tests.support.gateway_process import ROUTES, Upstream, gateway_process


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    legacy, new = Upstream("legacy"), Upstream("new")
    text = ROUTES.format(legacy=legacy.port, new=new.port, percent=50, delay=0, timeout=5)
    text = text.replace("no_key: new}", "no_key: new, reversible: false}")
    with gateway_process(tmp_path_factory.mktemp("cli"), text, redis="embedded") as running:
        yield running
    legacy.close()
    new.close()


def run(gateway, *words, stdin=subprocess.DEVNULL):
    return subprocess.run(
        [sys.executable, "-m", "gateway", "flag", *words],
        env={**os.environ, "GATEWAY_ADMIN": gateway.admin_url, "COLUMNS": "200"},
        stdin=stdin,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def answered(gateway, answer, *words):
    """At a terminal, by a person who types this."""
    ours, theirs = pty.openpty()
    try:
        os.write(ours, answer)
        return run(gateway, *words, stdin=theirs)
    finally:
        os.close(ours)
        os.close(theirs)


def held(gateway):
    return gateway.admin("/api/flags/auth").json()


def test_raising_is_not_asked_about(gateway):
    assert run(gateway, "set", "auth", "60").returncode == 0
    assert run(gateway, "enable", "auth").returncode == 0
    assert run(gateway, "allow", "auth", "alice").returncode == 0


@pytest.mark.parametrize(
    "words",
    [
        ("set", "auth", "10"),
        ("disable", "auth"),
        ("deny", "auth", "bob"),
        ("allow", "auth", "alice", "--remove"),
        ("unset", "auth"),
    ],
)
def test_what_takes_users_off_new_is_refused_without_a_word(gateway, words):
    before = held(gateway)
    refused = run(gateway, *words)
    assert refused.returncode == 1
    assert "add --yes" in refused.stderr
    assert "legacy cannot read what new has written" in refused.stderr
    assert held(gateway) == before
    said_no = answered(gateway, b"n\n", *words)
    assert said_no.returncode == 1
    assert "nothing was changed" in said_no.stderr
    assert held(gateway) == before


def test_it_is_done_when_somebody_says_so(gateway):
    assert answered(gateway, b"y\n", "set", "auth", "40").returncode == 0
    assert held(gateway)["percent"] == "40"
    assert run(gateway, "disable", "auth", "--yes").returncode == 0
    assert held(gateway)["killed_by"] == ["redis"]
    assert "cannot go back" in run(gateway, "get", "auth").stdout
