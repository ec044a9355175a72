"""The sample migration as its operators see it: verify it, plant faults in it, move it while users work."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys

import httpx
import pytest
import redis

from bench.ports import free_port
from tests.support.gateway_process import until
from tests.support.running_stack import ROOT, running_stack

FAULTS = [  # `slow` is a matter of time, which other things that a machine does take as well: see docs/verify.md
    ("wrong-status,integer-as-text", "upload", ["status 400 instead of 404", "$.size_bytes: integer"]),
    (
        "renamed-field,leak",
        "auth",
        [
            "$.created_at is missing in new; new has $.createdAt",
            "the refresh token still works after logout",
        ],
    ),
    ("errors", "auth", ["status 500 instead of"]),
    ("down", "upload", ["new does not answer: connection refused"]),
]


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    with running_stack(tmp_path_factory.mktemp("stack"), (ROOT / "routes.yaml").read_text()) as running:
        yield running


def verify(*arguments):
    command = [sys.executable, "-m", "gateway", "verify", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)


@contextlib.contextmanager
def new_with(stack, fault, log):
    """A new backend of the stack's, beside its good one, with a fault planted."""
    port = free_port()
    environment = {**stack.layout.environment_of_new(), "FAULTS": fault}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "new_backend", "--port", str(port)],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"

    def ready():
        assert process.poll() is None, log.read_text()
        if fault == "down":
            return "down" in log.read_text()
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{url}/healthz", trust_env=False).status_code == 200
        return False

    try:
        until(ready, seconds=30, what="the faulty new")
        yield url
    finally:
        process.terminate()
        process.wait(10)


def test_all_features_are_alike_directly_and_through_the_gateway(stack, tmp_path):
    before = {name: stack.status()["features"][name]["percent"] for name in ("auth", "upload", "ai", "review")}
    layout = stack.layout
    done = verify(
        *("--move-flags", "--repeat", "1", "--no-timing", "--json", str(tmp_path / "report.json")),
        *("--routes", str(layout.routes_file()), "--gateway", f"http://127.0.0.1:{layout.port}"),
        *("--admin", f"http://127.0.0.1:{layout.admin_port}"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert {feature["feature"] for feature in report["features"]} == set(before)
    assert {name: stack.status()["features"][name]["percent"] for name in before} == before


@pytest.mark.parametrize(("fault", "feature", "words"), FAULTS)
def test_planted_faults_are_found_and_named(stack, tmp_path, fault, feature, words):
    with new_with(stack, fault, tmp_path / "new.log") as url:
        done = verify(
            *(feature, "--no-gateway", "--routes", str(stack.layout.routes_file()), "--new", url, "--no-timing"),
            *(() if fault == "errors" else ("--repeat", "1")),
        )
    assert done.returncode == 1, done.stdout + done.stderr
    said = " ".join(done.stdout.split())
    assert [each for each in words if each not in said] == [], done.stdout


def test_users_notice_nothing_while_the_flags_of_all_features_move(stack, tmp_path):
    layout = stack.layout
    done = subprocess.run(
        [
            *(sys.executable, "-m", "traffic", "--rate", "2", "--seconds", "12", "--shuffle", "--seed", "1"),
            *("--gateway", f"http://127.0.0.1:{layout.port}", "--admin", f"http://127.0.0.1:{layout.admin_port}"),
            *("--json", str(tmp_path / "report.json")),
        ],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "150"},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


# -- shadow traffic

FEATURES = ("auth", "upload", "ai", "review")
SHADOW_FAULTS = {
    ("auth", "body", "$.created_at"),  # renamed-field
    ("auth", "body", "$.createdAt"),
    ("upload", "body", "$.resumes[*].size_bytes"),  # integer-as-text
    ("upload", "status", "status"),  # wrong-status
}
"""Where what is planted shows in answers to reads. `leak` is on a write: verify has it. `errors` may be anywhere."""


def traffic(stack, *arguments):
    layout = stack.layout
    gateway = ("--gateway", f"http://127.0.0.1:{layout.port}", "--admin", f"http://127.0.0.1:{layout.admin_port}")
    command = [sys.executable, "-m", "traffic", *gateway, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def compared(stack, feature):
    return stack.admin.get(f"/api/compare/{feature}").raise_for_status().json()


def mismatches(stack):
    """(feature, kind, place) of every difference that made a mismatch."""
    return {
        (feature, each["kind"], each["place"])
        for feature in FEATURES
        for each in compared(stack, feature)["differences"]
        if each["outcomes"].get("mismatch")
    }


@pytest.fixture
def shadowed(stack):
    """All features on legacy, and every read shadowed; forgotten afterwards."""
    for feature in FEATURES:
        stack.set_percent(feature, 0)
        stack.flag(feature, "shadow", value="100")
    yield stack
    for feature in FEATURES:
        stack.flag(feature, "unset")
        stack.admin.delete(f"/api/compare/{feature}").raise_for_status()


def test_a_healthy_new_has_no_mismatch_under_the_shipped_rules(shadowed):
    traffic(shadowed, "--rate", "2", "--seconds", "5", "--seed", "2")
    until(lambda: all(compared(shadowed, feature)["matches"] for feature in FEATURES), what="all features compared")
    assert mismatches(shadowed) == set()


async def test_shadow_traffic_names_what_is_planted_and_tells_no_secret(shadowed, tmp_path):
    faults = "wrong-status,renamed-field,integer-as-text,errors"
    layout = shadowed.layout
    with new_with(shadowed, faults, tmp_path / "new.log") as url:
        await shadowed.in_force(shadowed.good_routes.replace(f"http://127.0.0.1:{layout.new_port}", url))
        secrets = await asyncio.to_thread(sign_up_and_read, f"http://127.0.0.1:{layout.port}")
        await asyncio.to_thread(traffic, shadowed, "--rate", "2", "--seconds", "6", "--seed", "2")
        await asyncio.to_thread(
            until, lambda: mismatches(shadowed) >= SHADOW_FAULTS, what=f"{SHADOW_FAULTS} among the mismatches"
        )
        await shadowed.in_force(shadowed.good_routes)
    told = [*everything_in_redis(layout.redis_port), shadowed.admin.get("/metrics").content]
    told += [path.read_bytes() for path in layout.home.rglob("*.log")]
    assert {secret for secret in secrets for text in told if secret.encode() in text} == set()
    assert any(b"createdAt" in text for text in told), "samples were kept, and looked through"


def sign_up_and_read(base):
    """Every kind of secret that a client of the application has, all of them in copies that end as mismatches. Reads
    each place where a fault shows, and stays signed in: users of the traffic may be gone before a copy is read again.
    """
    password = "planted-password-4711"
    account = {"email": "planted@example.com", "password": password, "name": "Planted"}
    with httpx.Client(base_url=base, trust_env=False, timeout=20) as client:
        client.post("/api/v1/auth/register", json=account).raise_for_status()
        tokens = client.post("/api/v1/auth/login", json=account).raise_for_status().json()
        headers = {"authorization": f"Bearer {tokens['access_token']}", "x-api-key": "planted-api-key"}
        client.cookies.set("session", "planted-session-cookie")
        me = client.get("/api/v1/auth/me?token=planted-query-token", headers=headers)
        assert me.status_code == 200
        file = {"file": ("cv.txt", b"Planted, engineer since 2019", "text/plain")}
        client.post("/api/v1/resumes", headers=headers, files=file).raise_for_status()
        client.get("/api/v1/resumes", headers=headers).raise_for_status()
        unknown = client.get("/api/v1/resumes/00000000-0000-4000-8000-000000000000", headers=headers)
        assert unknown.status_code == 404
    return {
        *(password, tokens["access_token"], tokens["refresh_token"]),
        *("planted-api-key", "planted-session-cookie", "planted-query-token"),
    }


def everything_in_redis(port):
    """All keys and values of the gateway's server, of whatever type."""
    with redis.Redis(port=port) as server:
        for key in server.scan_iter():
            yield key
            yield server.dump(key) or b""
            kind = server.type(key)
            if kind == b"hash":
                yield repr(server.hgetall(key)).encode()
            elif kind == b"string":
                yield server.get(key) or b""
