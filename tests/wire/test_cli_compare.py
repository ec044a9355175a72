"""`gateway compare` and the admin port's part of it, against a running gateway whose workers have found something."""

import asyncio
import json
import xml.etree.ElementTree as ET

import pytest
import yaml

from gateway.config.load import load
from gateway.model import ShadowOutcome
from gateway.rules.compared import Pair
from gateway.shadow.ledger import Ledger
from tests.support.comparing import ROUTE, compared, reply, shadow_plan
from tests.support.gateway_process import ROUTES, Upstream, gateway_process

UUID = "0190a6de-7a1f-7e1c-8b3a-2f1d5c7e9a0{:x}"
FILE = ROUTES.replace(
    "routes:\n", '  quiet: {{legacy: legacy, new: new, key: ["header:x-user"], no_key: new}}\nroutes:\n'
)
FILE = FILE.replace('  - {{path: "/*"', '  - {{path: "/quiet/*", feature: quiet}}\n  - {{path: "/*"')


WHOLE_AUTH = """\
  auth:
    legacy: legacy
    new: new
    key: ["header:x-user"]
    no_key: new
    compare:
"""


@pytest.fixture(scope="module")
def upstreams_of_module():
    legacy, new = Upstream("legacy"), Upstream("new")
    yield legacy, new
    legacy.close()
    new.close()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, upstreams_of_module):
    legacy, new = upstreams_of_module
    text = FILE.format(legacy=legacy.port, new=new.port, percent=100, delay=0, timeout=5)
    with gateway_process(tmp_path_factory.mktemp("compare"), text, redis="embedded", workers=1) as running:
        yield running


@pytest.fixture(autouse=True)
def cleared(gateway):
    yield
    for feature in ("auth", "quiet"):
        gateway.admin(f"/api/compare/{feature}", method="DELETE")


def write(gateway, *made, matches=0, pairs=()):
    """As a worker does."""

    async def written():
        ledger = Ledger(url=f"redis://127.0.0.1:{gateway.redis_port}/0", namespace="gateway")
        for each in made:
            ledger.count(each.feature, each.outcome)
            ledger.add(each, shadow_plan())
        for _ in range(matches):
            ledger.count("auth", ShadowOutcome.MATCH)
        for pair in pairs:
            ledger.pair(pair)
        await ledger.turn()
        await ledger.aclose()

    asyncio.run(written())


def run(gateway, *words, status=0, columns="120"):
    ran = gateway.command("compare", *words, env={"COLUMNS": columns})
    assert ran.returncode == status, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr
    return ran.stdout if status != 2 else ran.stderr


def test_nothing_compared_yet_says_what_to_type(gateway):
    said = run(gateway, "report")
    assert "auth: nothing was compared yet; `gateway flag shadow auth 10`" in said
    assert "quiet: nothing was compared yet; `gateway flag shadow quiet 10`" in said
    assert json.loads(run(gateway, "report", "auth", "--json"))["mismatches"] is False
    assert "nothing has differed" in gateway.command("compare", "suggest", "auth").stderr


def test_mismatches_are_reported_shown_and_cleared(gateway, tmp_path):
    write(gateway, compared({"name": "Ann", "at": "12:00"}, {"name": "Ann", "at": 12}), matches=99)
    junit = tmp_path / "report.xml"
    said = run(gateway, "report", "--junit", str(junit), status=1)
    assert "auth: 1 mismatch in 100 comparisons: 1.00 %" in said
    assert "quiet: nothing was compared yet" in said
    for words in (ROUTE, "$.at", '- "12:00"', "+ 12"):
        assert words in said
    content = json.loads(run(gateway, "report", "auth", "--json", status=1))
    (found,) = content["features"][0]["differences"]
    assert (content["mismatches"], found["place"], found["count"]) == (True, "$.at", 1)
    root = ET.parse(junit).getroot()
    assert [suite.attrib["failures"] for suite in root.findall("testsuite")] == ["1", "0"]
    (sample,) = found["samples"]
    shown = run(gateway, "show", sample)
    assert "GET /api/v1/things/7?page=1" in shown
    assert '-   "at": "12:00"' in shown
    assert json.loads(run(gateway, "show", sample, "--json"))["legacy"]["status"] == 200
    assert "add --yes if that is meant" in run(gateway, "clear", "auth", status=2)
    assert gateway.admin("/api/compare/auth").json()["mismatches"] == 1
    assert run(gateway, "clear", "auth", "--yes") == "auth: comparisons begin anew\n"
    assert gateway.admin("/api/compare/auth").json()["shadows"] == 0
    assert "there is no such sample" in run(gateway, "show", sample, status=2)


def test_a_narrow_terminal_loses_nothing(gateway):
    write(gateway, compared({"a_rather_long_name_of_a_field": "x" * 100}, {"a_rather_long_name_of_a_field": "y" * 100}))
    narrow = run(gateway, "report", "auth", status=1, columns="60")
    assert "…" not in narrow
    table = narrow[narrow.index("count") :]
    assert table.count("y") >= 100


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("report", "atuh"), "routes.yaml has no feature 'atuh'; did you mean auth?"),
        (("show", "../../flags/auth"), "there is no such sample"),
        (("report", "auth", "--junit", "/nowhere/x.xml"), "the report cannot be written"),
        (("report", "--admin", "http://127.0.0.1:1"), "no gateway answers"),
        (("report", "auth", "--nonsense"), "No such option"),
    ],
)
def test_what_cannot_be_told_is_status_2(gateway, words, said):
    assert said in " ".join(run(gateway, *words, status=2).split())


def test_suggestions_pass_check_when_they_are_pasted(gateway, upstreams_of_module):
    legacy, new = upstreams_of_module
    items = [{"id": number, "name": f"n{number}"} for number in range(6)]
    made = [
        compared(
            reply({"request": UUID.format(number), "items": items, "rank": 100 + number, "note": f"n {number}"}),
            reply({"request": UUID.format(number + 1), "items": items[::-1], "rank": 101, "note": f"m {number}"}),
        )
        for number in range(2, 7)
    ]
    noisy = Pair("auth", ROUTE, frozenset(("body $.note",)), frozenset(("body $.note",)))
    write(gateway, *made, pairs=[noisy] * 40)
    text = run(gateway, "suggest", "auth")
    rules = yaml.safe_load(text)
    assert rules == {
        "same": {"$.request": "uuid"},
        "tolerance": {"$.rank": 5},
        "unordered": [{"path": "$.items", "by": "id"}],
        "ignore": ["$.note"],
    }
    assert "# 5 of 5 pairs of values were UUIDs" in text
    assert "legacy from itself in 40 of 40 pairs" in text
    whole = FILE.format(legacy=legacy.port, new=new.port, percent=100, delay=0, timeout=5)
    auth = (
        '  auth:\n    legacy: legacy\n    new: new\n    key: ["header:x-user"]\n    no_key: new\n    compare:\n' + text
    )
    lines = [auth.rstrip("\n") if line.startswith("  auth:") else line for line in whole.splitlines()]
    loaded = load("\n".join(lines) + "\n")
    assert [str(fault) for fault in (*loaded.faults, *loaded.warnings)] == []
    assert loaded.routes.features["auth"].compare.same == {"$.request": "uuid"}


def problem(reply, status):
    assert (reply.status, reply.headers["content-type"]) == (status, "application/problem+json")
    return reply.json()["detail"]


def test_the_admin_port_tells_and_forgets(gateway):
    write(gateway, compared({"a": 1}, {"a": 2}), matches=3)
    every = gateway.admin("/api/compare")
    assert (every.status, every.headers["cache-control"]) == (200, "no-store")
    assert list(every.json()["features"]) == ["auth", "quiet"]
    assert every.json()["features"]["auth"]["rate"]["value"] == 0.25
    assert "differences" not in every.json()["features"]["auth"]
    one = gateway.admin("/api/compare/auth").json()
    assert every.json()["features"]["auth"].items() <= one.items()
    (sample,) = one["differences"][0]["samples"]
    assert gateway.admin(f"/api/compare/samples/{sample}").json()["new"]["body"]["text"] == '{"a":2}'
    for method in ("GET", "DELETE"):
        assert "did you mean auth?" in problem(gateway.admin("/api/compare/atuh", method=method), 404)
    assert "no feature '../flags'" in problem(gateway.admin("/api/compare/..%2Fflags"), 404)
    assert "no such sample" in problem(gateway.admin("/api/compare/samples/0123456789ab"), 404)
    assert "no such sample" in problem(gateway.admin("/api/compare/samples/*"), 404)
    problem(gateway.admin("/api/compare/auth", method="POST"), 405)
    evil = {"origin": "https://evil.test"}
    assert "may not ask" in problem(gateway.admin("/api/compare/auth", method="DELETE", headers=evil), 403)
    assert gateway.admin("/api/compare/auth").json()["mismatches"] == 1
    assert gateway.admin("/api/compare/auth", method="DELETE").json() == {"feature": "auth", "cleared": True}
    assert gateway.admin("/api/compare/auth").json()["shadows"] == 0


def test_without_redis_it_is_said_where_comparisons_would_be(launch):
    gateway = launch(workers=1)
    assert "start it with --redis" in problem(gateway.admin("/api/compare"), 409)
    assert "start it with --redis" in run(gateway, "report", status=2)


def test_redis_away_is_told_in_words(launch):
    gateway = launch(workers=1, redis="redis://127.0.0.1:1/0")
    assert "Redis is not reachable" in problem(gateway.admin("/api/compare/auth"), 503)


def test_samples_want_the_token_as_everything_does(launch):
    gateway = launch(workers=1, redis="embedded", env={"GATEWAY_ADMIN_TOKEN": "x" * 32})
    for path, method in (("/api/compare", "GET"), ("/api/compare/samples/ab", "GET"), ("/api/compare/auth", "DELETE")):
        assert gateway.admin(path, method=method).status == 401
