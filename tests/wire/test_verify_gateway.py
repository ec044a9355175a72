"""`gateway verify` through a real gateway: its flag is moved, users fall on both sides, and it is put back."""

import json
import os
import signal
import subprocess
import sys

import pytest

from bench.ports import free_port
from tests.support.gateway_process import gateway_process, until
from tests.support.shop import ROUTES, SCENARIO, both_sides


def routes(sides, *, expose="true", more="", new=None):
    return ROUTES.format(legacy=sides[0].url, new=new or sides[1].url, expose=expose, more=more)


@pytest.fixture(scope="module")
def sides():
    with both_sides() as pair:
        yield pair


@pytest.fixture(scope="module")
def gateway(sides, tmp_path_factory):
    directory = tmp_path_factory.mktemp("verify")
    with gateway_process(directory, routes(sides), redis="embedded", workers=1) as running:
        yield running


@pytest.fixture(autouse=True)
def _well(sides, gateway):
    yield
    for side in sides:
        side.well()
    gateway.flag("shop", "enable")
    gateway.flag("shop", "unset")


@pytest.fixture
def command(gateway, tmp_path):
    """The words of `gateway verify ...` for this gateway, or for another."""
    scenario = tmp_path / "shop.yaml"
    scenario.write_text(SCENARIO.format(user="cookie:gateway_id"))

    def make(*options, at=gateway, user="cookie:gateway_id", moves=True):
        scenario.write_text(SCENARIO.format(user=user))
        report = tmp_path / "report.json"
        report.unlink(missing_ok=True)
        words = [
            *("-m", "gateway", "verify", "--scenarios", scenario, "--routes", at.routes_file, "--json", report),
            *("--gateway", f"http://127.0.0.1:{at.port}", "--admin", at.admin_url, "--who", "tess", "-m", "release 7"),
            *("--no-timing", "--repeat", 1, *(["--move-flags"] if moves else []), *options),
        ]
        return [sys.executable, "-W", "error", *map(str, words)]

    return make


@pytest.fixture
def verify(command, tmp_path):
    """Runs it: (exit status, what it said, the report)."""

    def run(*options, **more):
        ran = subprocess.run(command(*options, **more), capture_output=True, text=True, timeout=100, check=False)
        assert "Traceback" not in ran.stderr, ran.stderr
        report = tmp_path / "report.json"
        return ran.returncode, ran.stdout + ran.stderr, json.loads(report.read_text()) if report.exists() else None

    return run


def flag(gateway):
    content = gateway.admin("/api/flags/shop").json()
    return content["percent"], content["source"]


def history(gateway):
    return gateway.admin("/api/flags/shop/history?count=50").json()


def steps(report, mode):
    (found,) = [each for each in report["features"][0]["modes"] if each["mode"] == mode]
    return found


def test_all_modes_are_green_and_the_flag_is_as_it_was(verify, gateway):
    gateway.flag("shop", "percent", value="25")
    status, said, report = verify()
    assert status == 0, said
    assert [(each["mode"], each["plays"]) for each in report["features"][0]["modes"]] == [
        ("direct", 1), ("off", 1), ("on", 1), ("half", 2),
    ]  # fmt: skip
    assert report["features"][0]["requests_to_new"] == 12 + 12 + 12  # direct, on, and one of two players at 50 %
    assert flag(gateway) == ("25", "redis")
    changes = history(gateway)[:5][::-1]
    assert [change["new"] for change in changes] == ["25", "0", "100", "50", "25"]
    assert {change["who"] for change in changes[1:]} == {"tess"}
    assert changes[1]["reason"] == "release 7 (it was 25 % by redis, and will be again)"


def test_a_flag_that_was_not_in_redis_is_out_of_it_again(verify, gateway):
    assert flag(gateway) == ("30", "file")
    assert verify("--mode", "on")[0] == 0
    assert flag(gateway) == ("30", "file")
    assert history(gateway)[0]["action"] == "unset"


def test_the_percent_of_shadows_is_left_alone(verify, gateway):
    gateway.flag("shop", "shadow", value="5")
    assert verify("--mode", "on")[0] == 0
    assert flag(gateway) == ("30", "file")
    assert gateway.admin("/api/flags/shop").json()["shadow_percent"] == "5"


def test_of_a_retired_feature_it_is_told_that_there_is_nothing_to_compare_with(verify, tmp_path):
    retired = tmp_path / "routes.yaml"
    upstreams = 'upstreams: {legacy: {url: "http://127.0.0.1:1"}, new: {url: "http://127.0.0.1:1"}}'
    retired.write_text(
        f"version: 1\n{upstreams}\nfeatures: {{shop: {{new: new}}}}\n"
        'routes: [{path: "/shop/*", feature: shop}, {path: "/*", upstream: legacy}]\n'
    )
    status, said, _ = verify("--routes", str(retired))
    assert status == 2
    assert "shop is retired" in said


def test_a_fault_that_only_the_gateway_shows_is_red_and_the_flag_is_put_back(verify, gateway, sides):
    sides[1].faults.add("renamed")
    status, said, report = verify("--mode", "off", "--mode", "on")
    assert status == 1
    assert steps(report, "off")["alike"] is True
    assert steps(report, "on")["alike"] is False
    assert "on, who am I: $.created_at is missing in new; new has $.createdAt" in said
    assert flag(gateway) == ("30", "file")


def test_a_new_that_differs_directly_never_meets_the_gateways_users(verify, gateway, sides):
    sides[1].faults.add("wrong-status")
    before = history(gateway)
    status, said, report = verify()
    assert status == 1
    assert [each["alike"] for each in report["features"][0]["modes"]] == [False, None, None, None]
    assert "so the flag was not moved (--keep-going moves it)" in said
    assert history(gateway) == before
    status, _, report = verify("--keep-going", "--mode", "direct", "--mode", "on")
    assert (status, steps(report, "on")["alike"]) == (1, False)
    assert flag(gateway) == ("30", "file")


@pytest.mark.parametrize(("number", "percent"), [(signal.SIGINT, "25"), (signal.SIGTERM, None)])
def test_the_flag_is_put_back_when_somebody_stops_it(command, gateway, sides, number, percent):
    if percent is not None:
        gateway.flag("shop", "percent", value=percent)
    before = flag(gateway)
    sides[1].hold = True
    sides[1].held = 0
    process = subprocess.Popen(command("--mode", "on"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        until(lambda: sides[1].held, seconds=60, what="a request that waits at new")
        assert flag(gateway) == ("100", "redis")
        process.send_signal(number)
        said, _ = process.communicate(timeout=30)
    finally:
        process.kill()
        sides[1].release.set()
    assert process.returncode == 128 + number, said
    assert "the flags are as they were" in said
    assert flag(gateway) == before
    sides[1].release.clear()


def test_what_somebody_else_has_set_meanwhile_is_left_to_them(command, gateway, sides):
    sides[1].hold = True
    sides[1].held = 0
    process = subprocess.Popen(command("--mode", "on"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        until(lambda: sides[1].held, seconds=60, what="a request that waits at new")
        gateway.flag("shop", "percent", value="7")
        sides[1].release.set()
        said, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        sides[1].release.set()
    assert process.returncode == 2
    assert "somebody else has changed the flag of shop meanwhile: it is left at 7 %" in said
    assert flag(gateway) == ("7", "redis")
    sides[1].release.clear()


def test_a_flag_is_not_moved_without_a_word_that_it_may_be(verify, gateway):
    before = history(gateway)
    status, said, report = verify(moves=False)
    assert (status, report) == (2, None)
    assert "moves the flag of shop for everybody who uses" in said
    assert "--move-flags" in said
    assert history(gateway) == before


def test_a_killed_feature_is_left_alone(verify, gateway):
    gateway.flag("shop", "disable")
    before = history(gateway)
    status, said, _ = verify("--mode", "on")
    assert status == 2
    assert "the flag of shop cannot be moved: shop is KILLED by redis: somebody means that nothing goes to new" in said
    assert history(gateway) == before


def test_players_may_be_told_by_what_is_not_the_first_key(verify, sides):
    status, said, report = verify("--mode", "half", user="header:x-user")
    assert status == 0, said
    assert steps(report, "half")["plays"] >= 2
    assert {
        request.headers["x-gateway-side"] for request in sides[1].seen if "x-gateway-side" in request.headers
    } == set()


def test_players_that_the_gateway_cannot_tell_apart_are_refused(verify):
    status, said, _ = verify(user="header:x-team")
    assert status == 2
    assert "players are told by header:x-team, and routes.yaml splits by cookie:gateway_id, header:x-user" in said


def test_a_gateway_that_is_not_there_is_told(verify):
    status, said, _ = verify("--admin", f"http://127.0.0.1:{free_port()}", "--mode", "on")
    assert status == 2
    assert "no gateway answers on" in said
    assert "connection refused" in said


def test_clients_port_that_is_not_there_is_told_and_the_flag_is_put_back(verify, gateway):
    status, said, _ = verify("--gateway", f"http://127.0.0.1:{free_port()}", "--mode", "on")
    assert status == 2
    assert "the gateway does not answer: connection refused" in said
    assert flag(gateway) == ("30", "file")


def test_who_really_answered_is_seen_or_it_is_said_that_it_cannot_be(verify, sides, tmp_path):
    hidden = routes(sides, expose="false")
    with gateway_process(tmp_path / "hidden", hidden, redis="embedded", workers=1) as other:
        status, said, _ = verify("--mode", "off", at=other)
        assert status == 0
        assert "who answered cannot be seen: routes.yaml has no `expose_decision: true`" in said
    dead = routes(sides, new=f"http://127.0.0.1:{free_port()}", more=", fallback: legacy")
    with gateway_process(tmp_path / "dead", dead, redis="embedded", workers=1) as other:
        status, said, _ = verify("--mode", "on", at=other)
        assert status == 1
        assert "though at 100 % new should have" in said
        assert "answered by legacy (reason: " in said
        assert flag(other) == ("30", "file")


def test_a_gateway_without_redis_or_a_feature_that_cannot_go_back_is_left_alone(verify, sides, tmp_path):
    with gateway_process(tmp_path / "no-redis", routes(sides), workers=1) as other:
        status, said, _ = verify("--mode", "on", at=other)
        assert (status, "this gateway was started without Redis" in said) == (2, True), said
    one_way = routes(sides, more=", reversible: false")
    with gateway_process(tmp_path / "one-way", one_way, redis="embedded", workers=1) as other:
        status, said, _ = verify("--mode", "on", at=other)
        assert (status, "routes.yaml says reversible: false" in said) == (2, True), said
        assert other.admin("/api/flags/shop/history").json() == []


def test_a_second_signal_does_not_stop_the_putting_back(command, gateway, sides):
    sides[1].hold = True
    sides[1].held = 0
    process = subprocess.Popen(command("--mode", "on"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    control = gateway.pids()["control"]
    try:
        until(lambda: sides[1].held, seconds=60, what="a request that waits at new")
        os.kill(control, signal.SIGSTOP)  # so that putting back takes as long as this test wants
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        os.kill(control, signal.SIGCONT)
        said, _ = process.communicate(timeout=30)
    finally:
        os.kill(control, signal.SIGCONT)
        process.kill()
        sides[1].release.set()
    assert process.returncode in (128 + signal.SIGINT, 128 + signal.SIGTERM), said
    assert flag(gateway) == ("30", "file")
    sides[1].release.clear()
