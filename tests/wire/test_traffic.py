"""`make traffic` against an application on a real socket, healthy or wrong in one way, which is found and named."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from io import StringIO

import pytest
from rich.console import Console

from tests.support.gateway_process import gateway_process, until
from tests.support.resume_application import FAULTS, application
from traffic.options import parse
from traffic.prepare import CannotBeginError
from traffic.run import Run, Stop
from traffic.session import plan_of, session
from traffic.tally import Tally

QUICK = ("--rate", "60", "--seconds", "0.5", "--seed", "7", "--patience", "10", "--job-seconds", "10", "--most", "2000")
WHOLE = ("--users", "8", "--journeys", "whole")
SLOWER = ("--rate", "20", "--seconds", "2", "--patience", "30")


class Told:
    """How a run ended, what it printed and wrote."""

    def __init__(self, status, text, report):
        self.status, self.text, self.report = status, text, report

    @property
    def reasons(self):
        return {(name, why) for name, step in self.report["steps"].items() for why in step["failed"]}


async def play(app, tmp_path, *arguments):
    out, written = Console(file=StringIO(), width=200, highlight=False), tmp_path / "report.json"
    gateway = f"http://127.0.0.1:{app.port}"
    status = await session(parse([*QUICK, "--gateway", gateway, "--json", str(written), *arguments]), out)
    return Told(status, out.file.getvalue(), json.loads(written.read_text()))


async def test_a_healthy_application_has_no_failed_journey(tmp_path):
    with application() as app:
        told = await play(app, tmp_path, "--rate", "150")
    assert told.status == 0, told.text
    journeys = told.report["journeys"]
    assert journeys["begun"] == journeys["done"] > 75
    assert set(journeys["kinds"]) == {"whole", "reader", "remover", "changer", "mistaken", "guesser", "audit"}
    assert told.reasons == set()
    sides = told.report["features"]["auth"]
    assert sides["legacy"] > 0 < sides["new"]
    assert told.report["steps"]["upload"]["sides"].keys() == {"legacy", "new"}
    assert {"retry a job", "download a range", "log in while locked"} <= told.report["steps"].keys()


async def test_without_a_gateway_there_are_no_sides_and_the_rest_is_as_ever(tmp_path):
    with application(sides=False) as app:
        told = await play(app, tmp_path)
    assert told.status == 0, told.text
    assert told.report["features"] == {}
    assert told.report["steps"]["upload"]["sides"].keys() == {"-"}


FOUND = {
    "lost upload": ("list resumes", "an upload is lost"),
    "doubled upload": ("list resumes", "an upload is doubled: one is there that nobody made"),
    "other bytes": ("download", "a download has other bytes than the upload"),
    "doubled job": ("list jobs", "a job is doubled: one is there that nobody made"),
    "lost job": ("follow a job", "status 404 instead of 200"),
    "a job that fails": ("follow a job", "the job ends as failed instead of succeeded"),
    "a hole in the events": ("follow a job", "a hole in the events"),
    "an event twice": ("follow a job", "an event came twice"),
    "streams that are always cut": ("follow a job", "the stream was cut 11 times"),
    "a session too many": ("sessions", "a session too many"),
    "a leaking logout": ("me after logging out", "status 200 instead of 401"),
    "a refresh token that counts twice": ("refresh with a used token", "status 200 instead of 401"),
    "a lost comment": ("read a review", "a comment is lost"),
    "an error": ("me", "status 500 instead of 200"),
    "a cut answer": ("download", "the connection ended inside the answer"),
    "no answer": ("start a job", "no whole answer within 3 s"),
    "somebody else's list": ("list resumes", "an upload is doubled: one is there that nobody made"),
}


@pytest.mark.parametrize("fault", FOUND)
async def test_what_is_wrong_is_found_at_its_step_and_named(tmp_path, fault):
    with application(fault) as app:
        told = await play(app, tmp_path, *WHOLE, *(("--patience", "3") if fault == "no answer" else ()))
    assert told.status == 1
    assert FOUND[fault] in told.reasons, told.text
    step, reason = FOUND[fault]
    assert f" x {step}: {reason}\n" in told.text


def test_every_fault_of_the_application_is_looked_for():
    assert set(FAULTS) - set(FOUND) == {"cut streams"}


async def test_a_stream_that_is_cut_is_taken_up_again_where_it_was(tmp_path):
    with application("cut streams") as app:
        told = await play(app, tmp_path, *WHOLE)
        again = [each for each in app.requests if "last-event-id" in each.headers]
    assert told.status == 0, told.text
    assert told.report["requests"]["reconnects"] > 0
    assert "2" in {each.headers["last-event-id"] for each in again}


async def test_a_failure_is_told_with_status_side_request_and_body_and_without_secrets(tmp_path):
    with application("an error") as app:
        told = await play(app, tmp_path, *WHOLE)
        asked = {each.headers.get("x-request-id") for each in app.requests}
    failure = told.report["failures"][0]
    assert failure["request_id"] in asked
    assert (failure["status"], failure["step"]) == (500, "me")
    assert failure["side"] in ("legacy", "new")
    assert "Internal Server Error" in failure["body"]
    assert "tell-nobody" not in told.text + json.dumps(told.report)


async def test_every_user_has_a_browser_and_cookies_of_her_own(tmp_path):
    with application() as app:
        await play(app, tmp_path, "--users", "10", "--journeys", "whole,reader,remover")
    by_agent = {}
    for request in app.requests[1:]:  # the first one looks whether anybody is there
        by_agent.setdefault(request.headers["user-agent"], []).append(request.headers.get("cookie"))
    assert len(by_agent) == 10
    for cookies in by_agent.values():
        assert cookies[0] is None
        assert set(cookies[1:]) == {"gateway_id=sticks"}


async def test_journeys_begin_at_their_rate_though_nobody_is_answered_and_those_beyond_the_bound_do_not():
    tally = Tally()
    with application() as app:
        app.open.clear()
        arguments = ("--rate", "60", "--users", "20", "--seconds", "10", "--journeys", "mistaken", "--most", "3")
        plan = plan_of(parse([*arguments, "--gateway", f"http://127.0.0.1:{app.port}"]))
        playing = asyncio.create_task(Run(plan, tally, Stop(), print).play())
        await asyncio.to_thread(until, lambda: tally.begun + tally.not_begun == 20)
        assert (tally.begun, tally.done, tally.in_flight) == (3, 0, 3)
        app.open.set()
        await playing
    assert (tally.done, tally.failed, tally.not_begun) == (3, 0, 17)


async def test_a_load_that_was_not_applied_is_no_success(tmp_path):
    with application() as app:
        told = await play(app, tmp_path, "--most", "1", "--rate", "500", "--seconds", "0.2")
    assert told.status == 3
    assert "NOT BEGUN" in told.text


async def test_users_who_come_back_find_what_they_made(tmp_path):
    with application() as app:
        told = await play(app, tmp_path, "--audit", "5")
    assert told.report["journeys"]["kinds"]["audit"] == 5
    assert told.status == 0


async def test_what_gets_lost_afterwards_is_found_by_those_who_come_back(tmp_path):
    with application() as app:
        logout = app.logout

        async def lose(request):
            app.resumes.clear()
            app.jobs.clear()
            app.reviews.clear()
            return await logout(request)

        app.asgi.router.routes[:] = [
            app._route(route.path, lose, "POST") if route.path.endswith("/logout") else route
            for route in app.asgi.router.routes
        ]
        told = await play(app, tmp_path, "--users", "1", "--journeys", "whole")
    assert told.status == 1
    assert ("list resumes", "an upload is lost") in told.reasons
    assert told.report["failures"][0]["journey"] == "audit"


async def test_nobody_there_and_somebody_else_there_are_said_before_anything_begins(tmp_path):
    with application() as app:
        pass
    with pytest.raises(CannotBeginError, match="nobody answers"):
        await play(app, tmp_path)


@contextlib.contextmanager
def started(app, *arguments):
    argv = [sys.executable, "-m", "traffic", "--gateway", f"http://127.0.0.1:{app.port}", *arguments]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=10)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_begins_no_more_and_lets_those_under_way_finish(number):
    with application() as app, started(app, "--rate", "20", "--seconds", "600", "--seed", "1") as process:
        until(lambda: len(app.requests) > 100)
        process.send_signal(number)
        text, _ = process.communicate(timeout=15)
    assert process.returncode == 128 + number, text
    assert ", 0 failed" in text
    assert "broken off" not in text


def test_a_second_stop_ends_those_under_way_at_once_and_is_nobody_s_failure():
    with application() as app, started(app, "--rate", "20", "--seconds", "600", "--journeys", "mistaken") as process:
        app.open.clear()
        until(lambda: sum(each.url.path.endswith("login") for each in app.requests) >= 3)
        process.send_signal(signal.SIGINT)
        while "once more ends them" not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGINT)
        text, _ = process.communicate(timeout=15)
    assert process.returncode == 130, text
    assert "broken off by the stop" in text
    assert ", 0 failed" in text


# -- with the gateway between

ROUTES = """\
version: 1
expose_decision: true
upstreams:
  one: {{url: "http://127.0.0.1:{port}"}}
  other: {{url: "http://127.0.0.1:{port}"}}
features:
  auth: {{legacy: one, new: other, percent: 100, key: ["cookie:gateway_id"], no_key: issue}}
  upload: {{legacy: one, new: other, percent: 0, key: ["cookie:gateway_id"], no_key: issue}}
routes:
  - {{path: "/api/v1/auth/*", feature: auth}}
  - {{path: "/api/v1/resumes/*", feature: upload}}
  - {{path: "/*", upstream: one}}
"""


@pytest.fixture(scope="module")
def behind(tmp_path_factory):
    """An application behind a gateway with two features; both sides are the same, so that users may move."""
    with application(sides=False) as app:
        text = ROUTES.format(port=app.port)
        with gateway_process(tmp_path_factory.mktemp("traffic"), text, redis="embedded") as gateway:
            yield gateway


@pytest.fixture(autouse=True)
def as_in_the_file(request):
    yield
    if "behind" in request.fixturenames:
        for feature in ("auth", "upload"):
            request.getfixturevalue("behind").flag(feature, "unset")


async def test_a_ramp_moves_every_flag_and_puts_it_back(behind, tmp_path):
    assert behind.flag("upload", "percent", value="12.5").status == 200
    told = await play(
        *(behind, tmp_path, *SLOWER, "--admin", behind.admin_url),
        *("--ramp", "1:100", "--every", "0.1", "--who", "ann", "--seconds", "4"),
    )
    assert told.status == 0, told.text
    flags = {each["feature"]: each for each in told.report["flags"]}
    assert {name: each["last_percent"] for name, each in flags.items()} == {"auth": "100", "upload": "100"}
    assert all(each["changes"] > 5 and each["put_back"] for each in flags.values())
    now = behind.admin("/api/flags").json()
    assert (now["auth"]["source"], now["auth"]["percent"]) == ("file", "100")
    assert (now["upload"]["source"], now["upload"]["percent"]) == ("redis", "12.5")
    history = behind.admin("/api/flags/upload/history?count=3").json()
    assert all(each["who"] == "ann" and "traffic: 1:100" in each["reason"] for each in history)
    for name in ("auth", "upload"):
        assert told.report["features"][name]["new"] > 0 < told.report["features"][name]["legacy"]
    assert told.report["users_moved"]["to_new"] > 0
    assert told.report["users_moved"]["to_legacy"] <= 3, "two workers hear of a change one after the other, no more"


async def test_a_shuffle_moves_users_to_and_fro(behind, tmp_path):
    told = await play(
        *(behind, tmp_path, *SLOWER, "--admin", behind.admin_url),
        *("--shuffle", "--every", "0.05", "--features", "auth"),
    )
    assert told.status == 0, told.text
    assert [each["feature"] for each in told.report["flags"]] == ["auth"]
    assert told.report["users_moved"]["to_legacy"] > 0 < told.report["users_moved"]["to_new"]


async def test_a_kill_during_a_ramp_stays(behind, tmp_path):
    arguments = (*SLOWER, "--ramp", "1:100", "--every", "0.05", "--admin", behind.admin_url)
    playing = asyncio.create_task(play(behind, tmp_path, *arguments))
    await asyncio.to_thread(until, lambda: behind.admin("/api/flags/auth").json()["source"] == "redis")
    assert behind.flag("auth", "disable").status == 200
    told = await playing
    assert told.status == 0, told.text
    auth = next(each for each in told.report["flags"] if each["feature"] == "auth")
    assert auth["taken_over"]
    assert behind.admin("/api/flags/auth").json()["killed_by"] == ["redis"]


async def test_a_killed_feature_is_not_ramped(behind, tmp_path):
    behind.flag("auth", "disable")
    with pytest.raises(CannotBeginError, match="auth is killed"):
        await play(behind, tmp_path, "--ramp", "1:100", "--admin", behind.admin_url)
    with pytest.raises(CannotBeginError, match="no feature atuh"):
        await play(behind, tmp_path, "--ramp", "1:100", "--admin", behind.admin_url, "--features", "atuh")


def test_flags_are_put_back_after_a_stop(behind):
    arguments = ("--ramp", "1:100", "--every", "0.1", "--seconds", "600", "--admin", behind.admin_url)
    with started(behind, *arguments) as process:
        until(lambda: behind.admin("/api/flags/auth").json()["source"] == "redis")
        os.kill(process.pid, signal.SIGINT)
        text, _ = process.communicate(timeout=15)
    assert process.returncode == 130, text
    assert behind.admin("/api/flags/auth").json()["source"] == "file"
