"""A feature without legacy: it stays on new whatever anybody says, and whoever asks is told so."""

import hashlib
import json

import pytest
from redis import Redis

from bench.ports import free_port
from tests.support.gateway_process import ROUTES, Upstream, gateway_process, get, until

USER = {"x-user": "alice"}
WHOLE = 'auth: {legacy: legacy, new: new, percent: 0, key: ["header:x-user"], no_key: new}'
RETIRED = "auth: {new: new}"


def text_of(legacy, new, *, auth=RETIRED, **more):
    text = ROUTES.format(legacy=legacy.port, new=new.port, percent=0, delay=0, timeout=5)
    assert WHOLE in text
    return text.replace(WHOLE, auth) + "".join(f"{key}: {value}\n" for key, value in more.items())


@pytest.fixture(scope="module")
def sides():
    pair = Upstream("legacy"), Upstream("new")
    yield pair
    for side in pair:
        side.close()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, sides):
    with gateway_process(tmp_path_factory.mktemp("retired"), text_of(*sides), redis="embedded") as running:
        yield running


def asked(gateway, **headers):
    reply = get(gateway.port, "/auth/x", headers=headers)
    assert reply.status == 200
    return reply.body.decode(), reply.side, reply.headers["x-gateway-reason"]


ON_NEW = ("new", "retired")


def test_everybody_is_on_new(gateway):
    assert asked(gateway)[1:] == ON_NEW
    assert asked(gateway, **USER)[0].startswith("new")
    assert get(gateway.port, "/other").side == "fixed"


@pytest.mark.parametrize(
    "change",
    [
        {"action": "disable"},
        {"action": "enable"},
        {"action": "percent", "value": "0"},
        {"action": "shadow", "value": "5"},
        {"action": "deny", "entries": ["alice"]},
        {"action": "allow", "entries": ["alice"]},
        {"action": "adopt"},
    ],
)
def test_no_change_of_its_flag_pretends_to_have_done_something(gateway, change):
    refused = gateway.flag("auth", **change)
    assert refused.status == 409
    assert "auth is retired: routes.yaml names no legacy for it" in refused.json()["detail"]
    assert asked(gateway, **USER)[1:] == ON_NEW


def test_a_kill_on_the_command_line_says_that_there_is_nothing_to_go_back_to(gateway):
    refused = gateway.command("flag", "disable", "auth", "-m", "errors")
    assert refused.returncode == 1
    assert "there is nothing that a flag could change" in " ".join(refused.stderr.split())


def test_what_stands_in_redis_is_not_heard_but_told_and_can_be_taken_out(gateway):
    with Redis(port=gateway.redis_port) as plain:
        plain.hset("gateway:flag:auth", mapping={"enabled": "false", "percent": "0"})
        plain.sadd("gateway:deny:auth", "alice")
    until(lambda: any("still stands in Redis" in note for note in gateway.status()["features"]["auth"]["problems"]))
    assert asked(gateway, **USER)[1:] == ON_NEW
    shown = gateway.status()["features"]["auth"]
    assert (shown["stage"], shown["percent"], shown["killed_by"], shown["workers_differ"]) == (
        "retired",
        "100",
        [],
        False,
    )
    assert gateway.flag("auth", "deny", entries=["alice"], remove=True).status == 200
    unset = gateway.flag("auth", "unset").json()
    assert unset["workers"]["missing"] == []
    until(lambda: gateway.status()["features"]["auth"]["problems"] == [])


def test_whoever_asks_is_told_that_it_is_retired(gateway):
    assert gateway.admin("/api/flags/auth").json()["stage"] == "retired"
    for words in (("status",), ("flag", "list"), ("flag", "get", "auth"), ("explain", "GET", "/auth/x")):
        said = gateway.command(*words, env={"COLUMNS": "200"})
        assert (said.returncode, "retired" in said.stdout) == (0, True), said.stdout + said.stderr
    question = json.dumps({"method": "GET", "url": "/auth/x"}).encode()
    reply = gateway.admin(
        "/api/explain", method="POST", body=question, headers={"content-type": "application/json"}
    ).json()
    assert (reply["side"], reply["reason"], reply["upstream"]) == ("new", "retired", "new")
    assert reply["shadow"]["why_not"].startswith("the feature is retired")
    metrics = gateway.admin("/metrics").body.decode()
    assert 'gateway_flag_percent{feature="auth"} 100.0' in metrics
    assert 'gateway_decisions_total{feature="auth",side="new",reason="retired"}' in metrics


def test_it_stays_on_new_with_kill_all_and_a_redis_that_was_never_there(tmp_path, sides):
    away = f"redis://127.0.0.1:{free_port()}/0"
    text = text_of(*sides, kill_all="true")
    with gateway_process(tmp_path, text, redis=away) as gateway:
        assert asked(gateway, **USER)[1:] == ON_NEW
        warnings = gateway.status()["config"]["warnings"]
        assert any('kill_all: does not move feature "auth", which is retired' in warning for warning in warnings)


def test_new_that_is_down_is_an_error_and_nobody_is_moved(tmp_path, sides):
    text = text_of(*sides).replace(f"127.0.0.1:{sides[1].port}", f"127.0.0.1:{free_port()}")
    with gateway_process(tmp_path, text, workers=1) as gateway:
        answers = {(reply.status, reply.side) for reply in (get(gateway.port, "/auth/x") for _ in range(12))}
        assert answers <= {(502, "new"), (503, "new")}
        assert (502, "new") in answers


def test_a_killed_feature_is_retired_by_an_edit_and_brought_back_by_another(tmp_path, sides):
    whole, retired = text_of(*sides, auth=WHOLE), text_of(*sides)
    with gateway_process(tmp_path, whole, redis="embedded") as gateway:
        assert gateway.flag("auth", "disable").status == 200
        assert asked(gateway, **USER)[1:] == ("legacy", "killed")
        _in_force(gateway, retired)
        assert asked(gateway, **USER)[1:] == ON_NEW
        _in_force(gateway, whole)
        assert asked(gateway, **USER)[1:] == ("legacy", "killed")


def _in_force(gateway, text):
    gateway.routes_file.write_text(text)
    sha256 = hashlib.sha256(text.encode()).hexdigest()

    def settled():
        config = gateway.status()["config"]
        return config["accepted_sha256"] == sha256 and not config["workers_behind"]

    until(settled, what="the edit in force")
