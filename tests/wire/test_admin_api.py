"""The admin port: probes, metrics, status, explain and flags, and what it answers when something is wrong."""

import http.client
import json
import os
import re
import signal

import pytest
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from tests.support.gateway_process import ROUTES, Upstream, gateway_process, get, until

USER = {"x-user": "alice"}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    legacy, new = Upstream("legacy"), Upstream("new")
    text = ROUTES.format(legacy=legacy.port, new=new.port, percent=100, delay=0, timeout=5)
    with gateway_process(tmp_path_factory.mktemp("admin"), text, redis="embedded") as running:
        yield running
    legacy.close()
    new.close()


@pytest.fixture(autouse=True)
def unset(request):
    """Each test begins without flags."""
    yield
    if "gateway" in request.fixturenames:
        request.getfixturevalue("gateway").flag("auth", "unset")


def problem(reply, status):
    assert reply.status == status, reply
    assert reply.headers["content-type"] == "application/problem+json"
    content = reply.json()
    assert content["status"] == status
    return content["detail"]


def post(gateway, path, content, **headers):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return gateway.admin(path, method="POST", body=body, headers={"content-type": "application/json", **headers})


def test_probes_and_status_are_not_to_be_stored(gateway):
    for path in ("/healthz", "/readyz", "/readyz?workers=all", "/api/status", "/api/flags", "/api/flags/auth"):
        reply = gateway.admin(path)
        assert (reply.status, reply.headers["cache-control"]) == (200, "no-store")
        reply.json()


def test_metrics_are_valid_and_count_all_workers(gateway):
    def counted():
        families = {
            family.name: family for family in text_string_to_metric_families(gateway.admin("/metrics").body.decode())
        }
        found = {
            tuple(sample.labels.values()): sample.value
            for sample in families["gateway_requests"].samples
            if sample.name == "gateway_requests_total"
        }
        return families, found.get(("auth", "new", "200"), 0)

    _, before = counted()
    for number in range(30):
        get(gateway.port, "/auth/x", headers={"x-user": str(number)})
    until(lambda: counted()[1] == before + 30)
    gateway.replaced("w0", gateway.kill("w0"))
    gateway.until_ready()
    families, after = counted()
    assert after == before + 30
    values = {name: family.samples[0].value for name, family in families.items() if family.samples}
    assert values["gateway_flag_percent"] == 100
    assert values["gateway_flag_enabled"] == 1
    assert values["gateway_flag_store_up"] == 1
    assert values["gateway_build_info"] == 1
    assert values["gateway_config_reloads"] == 0
    text = gateway.admin("/metrics")
    assert text.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    names = re.findall(r"^# TYPE (\S+)", text.body.decode(), re.MULTILINE)
    assert len(names) == len(set(names))


def test_status_is_what_workers_hold(gateway):
    gateway.flag("auth", "percent", value="12.34", reason="a try")
    get(gateway.port, "/auth/x", headers=USER)
    until(lambda: gateway.status()["features"]["auth"]["traffic"]["sides"])
    status = gateway.status()
    feature = status["features"]["auth"]
    assert feature["percent"] == "12.34"
    assert feature["source"] == "redis"
    assert feature["hidden"] == [{"source": "file", "percent": "100"}]
    assert feature["shares"] == {"w0": 1234, "w1": 1234}
    assert feature["workers_differ"] is False
    changed = feature["changed"]
    assert (changed["who"], changed["reason"], changed["new"]) == ("test", "a try", "12.34")
    assert status["config"]["workers_behind"] == []
    assert status["redis"]["up"] is True
    assert set(status["upstreams"]) == {"legacy", "new"}


def test_explain_is_answered_by_a_worker(gateway):
    answer = post(gateway, "/api/explain", {"method": "GET", "url": "/auth/x", "headers": [["x-user", "alice"]]}).json()
    assert (answer["feature"], answer["side"], answer["reason"]) == ("auth", "new", "split")
    wrong = post(gateway, "/api/explain", {"url": "ftp://x/y"})
    assert wrong.status == 422
    assert "is no URL" in wrong.json()["error"]
    assert "url: Field required" in problem(post(gateway, "/api/explain", {}), 400)


def test_an_unknown_feature_is_404_with_the_nearest(gateway):
    for reply in (
        gateway.admin("/api/flags/atuh"),
        gateway.flag("atuh", "disable"),
        gateway.admin("/api/flags/atuh/history"),
    ):
        assert "did you mean auth?" in problem(reply, 404)


@pytest.mark.parametrize("value", ["101", "-1", "12.345", "abc", "", "NaN", "1e1", None, 100.5, 12.345])
def test_a_bad_percent_is_refused(gateway, value):
    rev = gateway.admin("/api/flags/auth").json()["rev"]
    problem(gateway.flag("auth", "percent", value=value), 400)
    assert gateway.admin("/api/flags/auth").json()["rev"] == rev


@pytest.mark.parametrize(("value", "percent"), [("25", "25"), (25, "25"), (12.5, "12.5"), ("0.01", "0.01")])
def test_a_percent_may_be_text_or_a_number(gateway, value, percent):
    content = gateway.flag("auth", "percent", value=value).json()
    assert content["flag"]["percent"] == percent
    assert content["workers"] == {"confirmed": ["w0", "w1"], "missing": [], "silent": []}


def test_malformed_requests_are_refused_in_words(gateway):
    assert "there are percent, shadow, enable" in problem(gateway.flag("auth", "raise"), 400)
    assert "at least one entry" in problem(gateway.flag("auth", "allow"), 400)
    assert "spped" in problem(gateway.flag("auth", "enable", spped=1), 400)
    assert "pydantic" not in problem(post(gateway, "/api/flags/auth", b"{"), 400)
    for count in ("0", "1001", "%C2%B2", "9" * 5000):
        problem(gateway.admin(f"/api/flags/auth/history?count={count}"), 400)
    problem(gateway.admin("/nowhere"), 404)
    problem(gateway.admin("/api/status", method="POST"), 405)


def test_a_body_has_a_limit(gateway):
    limit = 1 << 20
    connection = http.client.HTTPConnection("127.0.0.1", gateway.admin_port, timeout=10)
    connection.putrequest("POST", "/api/flags/auth")
    connection.putheader("content-type", "application/json")
    connection.putheader("content-length", str(limit + 1))
    connection.endheaders()  # refused before a byte of it is sent
    assert connection.getresponse().status == 413
    connection.close()
    connection = http.client.HTTPConnection("127.0.0.1", gateway.admin_port, timeout=10)
    pieces = (b"x" * 65536 for _ in range(17))
    headers = {"content-type": "application/json", "transfer-encoding": "chunked"}
    connection.request("POST", "/api/flags/auth", body=pieces, headers=headers, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()
    assert problem(post(gateway, "/api/flags/auth", b" " * limit), 400)


def test_a_page_of_another_site_may_not_change_flags(gateway):
    change = {"action": "disable"}
    assert "may not ask the admin port" in problem(
        post(gateway, "/api/flags/auth", change, origin="https://evil.test"), 403
    )
    assert gateway.admin("/api/flags/auth").json()["killed_by"] == []
    assert post(gateway, "/api/flags/auth", change, origin=gateway.admin_url).status == 200


def test_somebody_who_was_quicker_is_a_conflict(gateway):
    rev = gateway.flag("auth", "percent", value=10).json()["flag"]["rev"]
    gateway.flag("auth", "percent", value=20, who="bob", reason="quicker")
    said = problem(gateway.flag("auth", "percent", value=30, expected_rev=rev), 409)
    assert "bob" in said
    assert gateway.admin("/api/flags/auth").json()["percent"] == "20"


def test_a_kill_is_confirmed_by_all_and_nothing_reaches_new_from_then_on(gateway):
    for _ in range(5):
        assert gateway.flag("auth", "disable").json()["workers"]["confirmed"] == ["w0", "w1"]
        for _ in range(10):
            assert get(gateway.port, "/auth/x", headers=USER).body == b"legacy"
        gateway.flag("auth", "enable")
        assert get(gateway.port, "/auth/x", headers=USER).body == b"new"


def test_a_change_by_hand_is_seen_and_a_bad_one_is_told(gateway):
    with Redis(host="127.0.0.1", port=gateway.redis_port) as client:
        client.hset("gateway:flag:auth", "percent", 7)
        until(lambda: gateway.status()["features"]["auth"]["shares"] == {"w0": 700, "w1": 700})
        client.hset("gateway:flag:auth", "percent", "seven")
        problems = until(lambda: gateway.status()["features"]["auth"]["problems"])
    assert "seven" in problems[0]
    assert gateway.status()["features"]["auth"]["shares"] == {"w0": 700, "w1": 700}
    assert "seven" in gateway.command("status").stdout


def test_redis_away_is_503_in_words_with_the_other_way_to_kill(launch):
    gateway = launch(redis="embedded", workers=1)
    gateway.flag("auth", "percent", value=100)
    redis = gateway.pids()["redis"]
    os.kill(redis, signal.SIGSTOP)
    try:
        said = problem(gateway.flag("auth", "disable"), 503)
        assert "`kill: true`" in said
        assert "Redis does not answer in time" in said
        status = gateway.status()
        assert status["redis"]["up"] is False
        assert "does not answer" in status["redis"]["problem"]
        assert "AWAY" in gateway.command("status").stdout
        assert get(gateway.port, "/auth/x", headers=USER).body == b"new"
        # The other way works without it.
        gateway.routes_file.write_text(
            gateway.routes_file.read_text().replace("percent: 100", "percent: 100, kill: true")
        )
        until(lambda: get(gateway.port, "/auth/x", headers=USER).body == b"legacy")
    finally:
        os.kill(redis, signal.SIGCONT)


def test_without_redis_flags_are_shown_and_changes_are_refused_in_words(launch):
    gateway = launch(workers=1)
    assert gateway.admin("/api/flags/auth").json()["source"] == "file"
    said = problem(gateway.flag("auth", "disable"), 409)
    assert "started without Redis" in said
    assert "`kill: true`" in said
    problem(gateway.admin("/api/flags/auth/history"), 409)
    assert gateway.status()["redis"]["configured"] is False
    assert "gateway_flag_store_up" not in gateway.admin("/metrics").body.decode()
    ran = gateway.command("flag", "disable", "auth")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "started without Redis" in ran.stderr
