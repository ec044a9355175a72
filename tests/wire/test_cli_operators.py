"""What operators type, and what they read: at 80 columns, wide, and as JSON."""

import json
import os
import subprocess
import sys

import pytest

from bench.ports import free_port
from tests.support.gateway_process import ROUTES, Upstream, gateway_process, get, until

USER = {"x-user": "alice"}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    legacy, new = Upstream("legacy"), Upstream("new")
    text = ROUTES.format(legacy=legacy.port, new=new.port, percent=100, delay=0, timeout=5)
    with gateway_process(tmp_path_factory.mktemp("cli"), text, redis="embedded") as running:
        yield running
    legacy.close()
    new.close()


def run(gateway, *words, status=0, columns="200"):
    ran = gateway.command(*words, env={"COLUMNS": columns, "GATEWAY_WHO": "carol"})
    assert ran.returncode == status, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr
    return ran.stdout if status == 0 else ran.stderr


def as_json(gateway, *words, status=0):
    return json.loads(run(gateway, *words, "--json", status=status))


def test_a_feature_is_moved_killed_and_brought_back(gateway):
    assert run(gateway, "flag", "set", "auth", "25", "--reason", "first [step]").splitlines() == [
        "auth: 25 % of keys go to new",
        "in force on 2 workers: w0, w1",
    ]
    said = run(gateway, "flag", "disable", "auth", "-m", "errors").splitlines()
    assert said[0] == (
        "auth is KILLED: everything goes to legacy. Its percent stays 25; `gateway flag enable auth` ends the kill"
    )
    assert said[1] == "in force on 2 workers: w0, w1"
    assert get(gateway.port, "/auth/x", headers=USER).side == "legacy"
    said = run(gateway, "flag", "set", "auth", "50")
    assert "auth: 50 % of keys go to new, 25 % before" in said
    assert "note: still KILLED by redis, so nothing goes to new: `gateway flag enable auth` ends it" in said
    assert "KILLED by redis" in run(gateway, "flag", "get", "auth")
    assert "KILLED by redis" in run(gateway, "flag", "list")
    said = run(gateway, "flag", "enable", "auth")
    assert "auth is enabled: 50 % of keys go to new, by redis" in said
    assert "still KILLED" not in said
    history = run(gateway, "flag", "history", "auth")
    assert "first [step]" in history
    assert history.index("enable") < history.index("disable")
    told = as_json(gateway, "flag", "history", "auth", "-n", "2")
    assert [(entry["action"], entry["who"]) for entry in told] == [("enable", "carol"), ("set", "carol")]
    run(gateway, "flag", "unset", "auth")
    assert as_json(gateway, "flag", "get", "auth")["source"] == "file"


def test_shadows_are_set_shown_and_unset(gateway):
    assert run(gateway, "flag", "shadow", "auth", "5", "-m", "what would it say").splitlines() == [
        "auth: 5 % of the requests that may be shadowed are",
        "in force on 2 workers: w0, w1",
    ]
    said = run(gateway, "flag", "shadow", "auth", "7.5")
    assert "auth: 7.5 % of the requests that may be shadowed are, 5 % before" in said
    assert "shadow   7.5 % from redis" in run(gateway, "flag", "get", "auth")
    for words in (("flag", "list"), ("status",)):
        (row,) = [line for line in run(gateway, *words).splitlines() if line.startswith("auth") and "7.5 %" in line]
        assert row.split()[:6] == ["auth", "new", "100", "%", "7.5", "%"]
    told = run(gateway, "explain", "GET", "/auth/x", "-H", "x-user: alice")
    assert "shadow    7.5 % from redis: sent to legacy as well" in told
    assert "no: POST is none of" in run(gateway, "explain", "POST", "/auth/x")
    assert 'gateway_shadow_percent{feature="auth"} 7.5' in gateway.admin("/metrics").body.decode()
    (logged, *_) = gateway.until_logged("the percent of shadows has changed", count=4)
    assert (logged["feature"], logged["percent"], logged["percent_before"]) == ("auth", "5", "0")
    (newest, *_) = as_json(gateway, "flag", "history", "auth")
    assert (newest["action"], newest["old"], newest["new"]) == ("shadow", "5", "7.5")
    assert "is not within 0 and 100" in run(gateway, "flag", "shadow", "auth", "101", status=1)
    assert as_json(gateway, "flag", "unset", "auth")["flag"]["shadow_percent"] == "0"


def test_lists_steer_keys(gateway):
    said = run(gateway, "flag", "deny", "auth", "alice", "bob")
    assert "in force on 2 workers" in said
    assert get(gateway.port, "/auth/x", headers=USER).headers["x-gateway-reason"] == "denied"
    assert as_json(gateway, "flag", "get", "auth")["deny"] == ["alice", "bob"]
    assert "alice, bob" in run(gateway, "flag", "get", "auth")
    assert as_json(gateway, "flag", "deny", "auth", "alice", "bob", "--remove")["flag"]["deny"] == []
    assert as_json(gateway, "flag", "allow", "auth", "header:x-team=blue")["flag"]["allow"] == ["header:x-team=blue"]
    assert gateway.flag("auth", "allow", entries=["header:x-team=blue"], remove=True).status == 200


def test_adopt_and_a_revision_that_is_expected(gateway):
    rev = as_json(gateway, "flag", "set", "auth", "10")["flag"]["rev"]
    assert as_json(gateway, "flag", "adopt", "auth")["action"] == "adopt"
    said = run(gateway, "flag", "set", "auth", "20", "--expect-rev", str(rev), status=1)
    assert f"not {rev}" in said
    run(gateway, "flag", "unset", "auth")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("flag", "get", "atuh"), "error: routes.yaml has no feature 'atuh'; did you mean auth?"),
        (("flag", "set", "auth", "12.345"), "more than two decimals"),
        (("flag", "set", "auth", "[red]"), "[red]"),
        (("explain", "GET", "ftp://x/y"), "is no URL"),
    ],
)
def test_mistakes_are_told_in_words(gateway, words, said):
    assert said in run(gateway, *words, status=1)


def test_status_fits_80_columns_and_says_all_when_wide(gateway):
    for number in range(20):
        get(gateway.port, "/auth/x", headers={"x-user": str(number)})
    run(gateway, "flag", "set", "auth", "60", "-m", "because the error rate of the new side is lower than ever")
    until(lambda: as_json(gateway, "status")["features"]["auth"]["traffic"]["sides"])
    narrow, wide = run(gateway, "status", columns="80"), run(gateway, "status")
    assert max(map(len, narrow.splitlines())) <= 80
    assert "…" not in narrow
    for column in ("feature", "percent", "changed by", "requests", "errors", "p50", "p95", "p99", "new/old"):
        assert column in narrow
        assert column in wide
    assert "because the error rate of the new side is lower than ever" in wide
    assert "carol" in wide
    assert "auth: file says 100 %, hidden by redis" in wide
    run(gateway, "flag", "unset", "auth")


def test_explain_answers_as_the_worker_would(gateway):
    for user in ("b[o]b", "zoë"):
        answer = as_json(gateway, "explain", "GET", "/auth/x", "-H", f"x-user: {user}")
        sent = get(gateway.port, "/auth/x", headers={"x-user": user.encode()})
        assert (answer["side"], answer["reason"]) == (sent.side, sent.headers["x-gateway-reason"])
        assert answer["key"]["value"] == user
        assert f"header:x-user = {user}" in run(gateway, "explain", "GET", "/auth/x", "-H", f"x-user: {user}")
    shown = run(gateway, "explain", "GET", "http://any.test/other")
    assert "routes[1] /*" in shown
    assert "fixed, because: route" in shown


def test_a_kill_in_the_file_is_told_with_its_own_way_out(launch, make_routes):
    gateway = launch(
        redis="embedded", workers=1, routes=make_routes().replace("percent: 100", "percent: 100, kill: true")
    )
    said = run(gateway, "flag", "set", "auth", "50")
    assert "still KILLED by file, so nothing goes to new: `kill: true` on the feature in routes.yaml must go" in said
    assert "in force on 1 worker: w0" in said


def test_nobody_at_the_admin_port_is_told_with_the_option():
    ran = subprocess.run(
        [sys.executable, "-m", "gateway", "status", "--admin", f"http://127.0.0.1:{free_port()}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
        env={**os.environ, "http_proxy": "http://127.0.0.1:1", "COLUMNS": "80"},
    )
    assert ran.returncode == 1
    assert "no gateway answers on http://127.0.0.1:" in ran.stderr
    assert "is --admin right?" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_check_and_schema_need_no_gateway(gateway, tmp_path):
    file = tmp_path / "routes.yaml"
    file.write_text("version: 2\n")
    ran = gateway.command("check", str(file))
    assert ran.returncode == 1
    assert f"{file}:1:10: version" in ran.stdout
    assert gateway.command("check", str(gateway.routes_file)).returncode == 0
    assert json.loads(gateway.command("schema").stdout)["type"] == "object"


def test_a_snapshot_that_cannot_be_written_is_shown_until_it_can(launch, tmp_path):
    taken = tmp_path / "gateway" / "state" / "flags.json"
    taken.mkdir(parents=True)
    gateway = launch(redis="embedded")
    gateway.flag("auth", "percent", value="25")
    said = until(lambda: (text := run(gateway, "status")) and "snapshot:" in text and text)
    assert f"{taken} cannot be written: Is a directory; a start while Redis is away would go by older flags" in said
    taken.rmdir()
    until(lambda: "snapshot:" not in run(gateway, "status"))
    assert json.loads(taken.read_text())["features"]["auth"]["percent"] == 2_500


@pytest.mark.parametrize(
    ("says", "told"), [("", "legacy serves its users there"), (", on_unhealthy: fail", "its users get 503 there")]
)
def test_a_new_that_is_down_is_told_at_its_feature(tmp_path, says, told):
    legacy = Upstream("legacy")
    text = ROUTES.format(legacy=legacy.port, new=free_port(), percent=100, delay=0, timeout=5)
    assert "percent: 100" in text
    with gateway_process(tmp_path, text.replace("percent: 100", f"percent: 100{says}"), workers=1) as running:
        assert "new is down" not in run(running, "status")
        for _ in range(5):
            assert get(running.port, "/auth/x", headers=USER).status == 502
        shown = run(running, "status")
        assert f"auth: new is down in w0: {told}" in shown
        assert "BREAKER OPEN in w0;" in shown
        assert "failing in w0 (The upstream does not accept connections.)" in shown
    legacy.close()
