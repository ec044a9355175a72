"""Each contestant's config: the split, the ports, and that those which are installed accept it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bench.contestants.base import Place
from bench.contestants.caddy import Caddy
from bench.contestants.envoy import Envoy
from bench.contestants.haproxy import Haproxy
from bench.contestants.nginx import Nginx
from bench.contestants.ours import Ours
from bench.contestants.python_proxies import PROXIES, PythonProxy
from bench.contestants.traefik import Traefik
from bench.field import PEERS, present
from bench.ports import free_port
from bench.stage import Stage, StartError

OURS = Ours("ours", Path(sys.executable))


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path, free_port(), 9001, 9002, (free_port(), free_port()))


@pytest.fixture
def nothing_installed(monkeypatch):
    monkeypatch.setattr("bench.contestants.nginx.binary", lambda *_: None)
    monkeypatch.setattr("bench.contestants.caddy.binary", lambda *_: None)


@pytest.mark.parametrize("contestant", [OURS, *PEERS], ids=lambda each: each.name)
def test_a_config_is_accepted_by_the_one_it_is_for(contestant, place):
    if contestant.missing() is not None:
        pytest.skip(f"{contestant.name} is not installed: {contestant.missing()}")
    check = contestant.launch(place).check
    if check is None:
        pytest.skip(f"{contestant.name} has no such check")
    done = subprocess.run(check, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("contestant", [each for each in PEERS if each.name != "starlette"], ids=lambda each: each.name)
def test_an_installed_peer_starts_answers_and_tells_its_version(contestant, tmp_path):
    if contestant.missing() is not None:
        pytest.skip(f"{contestant.name} is not installed: {contestant.missing()}")
    tmp_path.chmod(0o755)
    with Stage(tmp_path) as stage, stage.running(contestant) as running:
        assert running.start_seconds > 0
    assert running.process.returncode is not None
    assert any(figure.isdigit() for figure in contestant.version())


def test_one_that_does_not_start_is_told_with_what_it_said(tmp_path):
    broken = PythonProxy("broken", "bench.contestants.there_is_none", (), "")
    told = pytest.raises(StartError, match=r"(?s)broken did not start: .*there_is_none")
    with Stage(tmp_path) as stage, told, stage.running(broken):
        pytest.fail("it runs")


@pytest.mark.usefixtures("nothing_installed")
def test_a_missing_peer_is_named_with_what_to_type_and_left_out():
    field, lines = present([OURS, Nginx(), Caddy()], [])
    assert field == [OURS]
    assert lines == [
        "nginx is missing and left out; to have it: apt-get install nginx",
        "caddy is missing and left out; to have it: make bench-peers",
    ]


@pytest.mark.usefixtures("nothing_installed")
def test_one_that_nobody_asked_for_is_not_named():
    assert present([OURS, Nginx(), Caddy()], ["ours"]) == ([OURS], [])


def test_a_python_proxy_is_missing_without_its_packages():
    proxy = PythonProxy("x", "x", ("there-is-no-such-package",), "make bench-peers")
    assert proxy.missing() == "make bench-peers"
    assert {proxy.name for proxy in PROXIES} == {"starlette", "aiohttp"}


def test_ours_has_a_feature_for_every_route_or_shares_it(place):
    plain = yaml.safe_load(OURS.config(place))
    assert plain["routes"] == [{"path": "/*", "feature": "shop"}]
    assert plain["features"]["shop"]["key"] == ["cookie:gateway_id"]
    many = yaml.safe_load(Ours("ours", OURS.python, routes=100, features=10).config(place))
    assert len(many["features"]) == 10
    assert [route["feature"] for route in many["routes"][:12]] == [f"shop-{n % 10:03}" for n in range(12)]
    assert many["routes"][99]["path"] == "/items/0099/*"
    assert many["routes"][100]["path"] == "/*"


def test_ours_runs_as_users_run_it(place):
    argv = Ours("ours", OURS.python, workers=2).launch(place).argv
    assert argv[1:5] == ("-P", "-m", "gateway", "serve")
    assert argv[argv.index("--workers") + 1] == "2"
    assert argv[argv.index("--redis") + 1] == "embedded"


def test_nginx_splits_by_the_cookie(place):
    config = Nginx().config(place)
    assert 'split_clients "${cookie_gateway_id}" $side' in config
    assert "10% new;" in config
    assert "server 127.0.0.1:9002; keepalive" in config
    assert "access_log off;" in config


def test_haproxy_splits_by_the_cookie(place):
    config = Haproxy().config(place)
    assert "use_backend new if { req.cook(gateway_id),xxh32,mod(100) lt 10 }" in config
    assert "nbthread 1" in config
    assert "server new 127.0.0.1:9002" in config


def test_envoy_splits_by_the_hash_of_the_cookie(place):
    (listener,) = Envoy().config(place)["static_resources"]["listeners"]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    route = manager["route_config"]["virtual_hosts"][0]["routes"][0]["route"]
    assert route["hash_policy"] == [{"cookie": {"name": "gateway_id"}}]
    assert route["weighted_clusters"]["use_hash_policy"] is True
    assert [each["weight"] for each in route["weighted_clusters"]["clusters"]] == [90, 10]
    assert "access_log" not in manager


def test_traefik_and_caddy_split_by_turns(place):
    services = Traefik().services(place)["http"]["services"]
    assert [each["weight"] for each in services["split"]["weighted"]["services"]] == [90, 10]
    assert "lb_policy weighted_round_robin 9 1" in Caddy().config(place)
    assert Traefik().launch(place).environment["GOMAXPROCS"] == "1"
    assert json.loads((place.directory / "traefik.yml").read_text())["log"] == {"level": "ERROR"}
