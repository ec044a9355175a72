"""`gateway compare run` over real sockets: what is sent to both sides, what counts, and how it stops."""

import gzip
import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
import xml.etree.ElementTree as ET
from itertools import count

import pytest
from typer.testing import CliRunner

from gateway.cli.main import build
from tests.support.gateway_process import until
from tests.support.recording import SilenceError, log_lines, service, text
from tests.support.shop import SCENARIO, both_sides

FAST = ("--rate", "1000")
PROCESS = (sys.executable, "-W", "error", "-m", "gateway")
ROUTES = """\
version: 1
upstreams:
  legacy: {url: "http://127.0.0.1:1"}
  new: {url: "http://127.0.0.1:2", host_header: upstream}
features:
  users:
    legacy: legacy
    new: new
    key: ["cookie:id"]
    no_key: legacy
    compare: {ignore: ["$.at"], redact: ["$.mail"]}
    rewrite:
      new: {from: /api/users, to: /v2/users}
  quiet: {legacy: legacy, new: new, key: ["cookie:id"], no_key: legacy}
routes:
  - {path: "/api/users/*", feature: users}
  - {path: "/api/costly", feature: quiet, shadow: false}
  - {path: "/*", upstream: legacy}
"""


@pytest.fixture
def legacy():
    with service() as made:
        yield made


@pytest.fixture
def new():
    with service() as made:
        yield made


@pytest.fixture
def run(tmp_path, legacy, new):
    """`gateway compare run` of a record: (exit status, all that it said, the report as JSON if it was asked for)."""

    def start(record, *options, to=None, name="access.log"):
        file = tmp_path / name
        file.write_bytes(record if isinstance(record, bytes) else record.encode())
        sides = ["--legacy", legacy.url, "--new", to or new.url]
        command = ["compare", "run", "--from", file, *sides, *FAST, *options]
        ran = CliRunner().invoke(build(), [str(word) for word in command], catch_exceptions=False)
        report = json.loads(ran.stdout) if "--json" in options and ran.exit_code != 2 else None
        return ran.exit_code, ran.output, report

    return start


def json_answer(**content):
    return 200, [("content-type", "application/json")], json.dumps(content).encode()


def numbers(report):
    """Of the one feature, what is not zero."""
    (feature,) = report["features"]
    names = ("matches", "mismatches", "unconfirmed", "failed")
    return {name: feature[name] for name in names if feature[name]} | feature["dropped"]


def test_two_sides_that_answer_alike_are_a_match_and_both_got_the_same_requests(run, legacy, new):
    status, said, report = run(log_lines("/a", "/b?c=1"), "--json")
    assert (status, numbers(report)) == (0, {"matches": 2}), said
    assert sorted(legacy.targets) == sorted(new.targets) == ["/a", "/b?c=1"]
    ids = [sorted(asked.header("x-request-id") for asked in side.seen) for side in (legacy, new)]
    assert ids[0] == ids[1]
    assert legacy.seen[0].header("host") == legacy.url.removeprefix("http://")


def test_a_difference_is_told_with_its_values_and_its_place_in_the_record(run, legacy, new):
    legacy.answer = lambda _: json_answer(size=3, name="a")
    new.answer = lambda asked: json_answer(size="3" if asked.target == "/users/17" else 3, name="a")
    status, said, _ = run(log_lines("/users/16", "/users/17?x=1", "/users/17"))
    assert status == 1, said
    for words in ("replay: 1 mismatch in 3 comparisons", "/users/*", "$.size", "- 3", '+ "3"', "line 3: GET /users/17"):
        assert words in said


def test_a_difference_of_a_moment_does_not_count(run, legacy, new):
    times = count()
    new.answer = lambda _: text("the same\n" if next(times) else "warming up\n")
    status, said, report = run(log_lines("/a"), "--json")
    assert (status, numbers(report)) == (1, {"unconfirmed": 1}), said  # nothing was compared that could count
    assert (len(legacy.seen), len(new.seen)) == (2, 2)


def test_what_legacy_itself_does_not_repeat_does_not_count(run, legacy, new):
    times = count()
    legacy.answer = new.answer = lambda _: json_answer(at=next(times), name="a")
    assert numbers(run(log_lines("/a", "/a"), "--json")[2]) == {"unconfirmed": 2}


def test_an_error_of_new_alone_counts_although_it_does_not_come_again(run, new):
    times = count()
    new.answer = lambda _: text("the same\n") if next(times) else text("oh", status=500)
    status, _, report = run(log_lines("/a"), "--json")
    assert (status, numbers(report)) == (1, {"mismatches": 1})


@pytest.mark.parametrize("which", ["legacy", "new"])
def test_a_side_that_does_not_answer_is_told_at_once_and_nothing_is_sent(run, legacy, new, which):
    side = legacy if which == "legacy" else new
    other = new if which == "legacy" else legacy
    side.close()
    status, said, _ = run(log_lines(*["/a"] * 50))
    assert status == 2
    assert f"{which} does not answer: connection refused ({side.url})" in said
    assert other.seen == []


def test_a_side_that_goes_away_on_the_way_ends_it_and_its_requests_are_left_for_the_next_run(run, new, tmp_path):
    times = count()
    closing = threading.Thread(target=new.close)

    def answer(_):
        if next(times) == 5:
            closing.start()
        return text("the same\n", connection="close")

    new.answer = answer
    log, options = log_lines(*["/a"] * 300), ("--concurrency", "2", "--resume", tmp_path / "state.json")
    status, said, _ = run(log, *options)
    closing.join()
    assert status == 2
    assert "new takes no connections any more" in said
    with service(port=int(new.url.rpartition(":")[2])) as again:
        status, said, report = run(log, *options, "--json")
        assert report["replay"]["done"] == 300
        assert 250 < len(again.seen) < 300
    left = numbers(report)
    assert left["matches"] + left.get("failed", 0) == 300
    assert left.get("failed", 0) <= 3  # those that were under way when it went


def test_no_reply_of_new_is_no_match_and_no_reply_of_legacy_is_no_fault_of_news(run, legacy, new):
    def silent(_):
        raise SilenceError

    new.answer = silent
    status, _, report = run(log_lines("/a"), "--json")
    assert (status, numbers(report)) == (1, {"failed": 1})
    assert report["failures"] == ["replay: line 1: new gave no reply: it closed the connection before it replied"]
    legacy.answer = silent
    status, _, report = run(log_lines("/a"), "--json")
    assert numbers(report) == {"primary_failed": 1}


def test_a_reply_that_takes_too_long_is_none(run, new):
    new.answer = lambda _: new.release.wait(20) and text("the same\n")
    status, _, report = run(log_lines("/a"), "--json", "--timeout", "0.3")
    assert (status, report["failures"]) == (1, ["replay: line 1: new gave no reply: no whole reply in time"])


def test_what_is_larger_than_it_may_be_is_not_compared(run, new):
    new.answer = lambda _: text("x" * 5000)
    status, _, report = run(log_lines("/a"), "--json", "--max-body-bytes", "1000")
    assert (status, numbers(report)) == (1, {"reply_too_large": 1})


def test_how_a_body_was_packed_is_no_difference_but_a_bomb_is_not_unpacked(run, new):
    packed = gzip.compress(b"the same\n")
    new.answer = lambda _: (200, [("content-type", "text/plain"), ("content-encoding", "gzip")], packed)
    assert numbers(run(log_lines("/a"), "--json")[2]) == {"matches": 1}
    bomb = gzip.compress(bytes(3_000_000))
    new.answer = lambda _: (200, [("content-type", "text/plain"), ("content-encoding", "gzip")], bomb)
    assert numbers(run(log_lines("/a"), "--json")[2]) == {"reply_too_large": 1}


def test_own_addresses_in_locations_are_no_difference(run, legacy, new):
    for side in (legacy, new):
        side.answer = lambda _, side=side: text("", status=302, location=f"{side.url}/there")
    assert numbers(run(log_lines("/a"), "--json")[2]) == {"matches": 1}


def test_a_place_that_is_ignored_is_not_compared(run, new):
    new.answer = lambda _: text("the same\n", x_version="2")
    assert run(log_lines("/a"))[0] == 1
    assert run(log_lines("/a"), "--ignore", "header:x-version")[0] == 0


def test_with_a_routes_file_requests_have_its_features_rewrites_and_rules(run, legacy, new, tmp_path):
    routes = tmp_path / "routes.yaml"
    routes.write_text(ROUTES)
    legacy.answer = lambda _: json_answer(at=1, mail="ann@example.com", age=3)
    new.answer = lambda _: json_answer(at=2, mail="bob@example.com", age=3)
    log = log_lines("/api/users/7", "/other", "/api/costly")
    status, said, report = run(log, "--routes", routes, "--json")
    assert status == 1, said
    assert (legacy.targets, new.targets) == (["/api/users/7"] * 2, ["/v2/users/7"] * 2)
    assert report["replay"]["left_out"] == {"no_feature": 1, "shadow_off": 1}
    (feature,) = report["features"]
    (difference,) = feature["differences"]
    assert (feature["feature"], difference["route"], difference["place"]) == ("users", "/api/users/*", "$.mail")
    assert "example.com" not in said


def test_a_header_for_all_is_sent_and_never_shown_or_written(run, legacy, new, tmp_path):
    secret = "s3cr3t-0f-ann"
    new.answer = lambda asked: text(f"you are {asked.header('x-key')}\n")
    state, junit = tmp_path / "state.json", tmp_path / "junit.xml"
    options = ("--header", f"x-key: {secret}", "--header", "host: shop.example", "--resume", state, "--junit", junit)
    status, said, _ = run(log_lines("/a"), *options)
    assert status == 1
    assert {asked.header("x-key") for asked in (*legacy.seen, *new.seen)} == {secret}
    assert legacy.seen[0].header("host") == "shop.example"
    for shown in (said, state.read_text(), junit.read_text()):
        assert secret not in shown
    assert "you are" in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--header", "no header s3cr3t"), "a --header is no header"),
        (("--header", "content-length: 3"), "--header content-length cannot be given"),
        (("--sample", "x"), "--sample"),
        (("--path", "a"), '--path a does not start with "/"'),
        (("--methods", "GET,get"), "there is no such method"),
        (("--ignore", "size"), "--ignore"),
        (("--routes", "/nowhere.yaml"), "cannot be read"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_sent(run, legacy, options, words):
    status, said, _ = run(log_lines("/a"), *options)
    assert (status, legacy.seen) == (2, [])
    assert words in said.replace("\n", " ")
    assert "s3cr3t" not in said


def test_lines_that_cannot_be_read_are_counted_and_the_first_are_shown(run):
    log = "".join(f"nonsense {number}\n" for number in range(9)) + log_lines("/a")
    status, said, _ = run(log)
    assert status == 0
    assert "9 lines cannot be read" in said
    assert "line 1 is no line of the common or the combined format: nonsense 0" in said
    assert "nonsense 7" not in said


def test_a_file_in_which_nothing_can_be_read_is_refused(run):
    assert "holds no request that can be read" in run("nonsense\n", "--format", "access-log")[1]
    status, said, _ = run("nonsense\n")
    assert status == 2
    assert "--format says what it is: access-log, gateway, har, scenario" in said.replace("\n", " ")


def test_a_compressed_log_and_one_of_the_gateway_are_read_as_well(run, legacy):
    assert run(gzip.compress(log_lines("/packed").encode()), name="access.log.gz")[0] == 0
    lines = [{"event": "ready"}, {"event": "request", "method": "GET", "path": "/own", "status": 200}]
    assert run("".join(json.dumps(each) + "\n" for each in lines))[0] == 0
    assert legacy.targets == ["/packed", "/own"]


def test_a_har_file_is_sent_with_headers_and_bodies_where_writes_are_asked_for(run, legacy, new):
    posted = {"mimeType": "application/json", "text": '{"a": 1}'}
    headers = [{"name": "X-Own", "value": "1"}, {"name": ":path", "value": "/a"}]
    requests = [
        {"method": "POST", "url": "https://shop.example/a?b", "headers": headers, "postData": posted},
        {"method": "GET", "url": "https://cdn.example/c", "headers": []},
    ]
    har = json.dumps({"log": {"version": "1.2", "entries": [{"request": each} for each in requests]}})
    status, said, _ = run(har, "--methods", "GET,POST", "--host", "shop.example")
    assert status == 0, said
    assert "careful: POST is sent to both sides, really" in said
    (asked,) = new.seen
    assert (asked.method, asked.target, asked.body) == ("POST", "/a?b", b'{"a": 1}')
    assert (asked.header("x-own"), asked.header("host"), len(legacy.seen)) == ("1", "shop.example", 1)
    assert "careful" not in run(har)[1]


def test_a_difference_of_a_write_counts_without_being_sent_again(run, legacy, new):
    new.answer = lambda _: text("other\n")
    log = log_lines("/a", method="DELETE")
    status, _, report = run(log, "--methods", "DELETE", "--json")
    assert (status, numbers(report), len(new.seen), len(legacy.seen)) == (1, {"mismatches": 1}, 1, 1)


def test_a_report_for_ci_names_each_difference(run, new, tmp_path):
    new.answer = lambda _: text("other\n")
    run(log_lines("/a"), "--junit", tmp_path / "report.xml")
    failures = [*ET.parse(tmp_path / "report.xml").iter("failure")]
    assert len(failures) == 1
    assert "/a: line differs, 1 time" in failures[0].get("message")


# -- stopping and going on


def command_line(*options):
    return [str(word) for word in ("compare", "run", *options)]


def test_after_ctrl_c_it_goes_on_where_it_stopped_and_the_report_is_of_the_whole(legacy, new, tmp_path):
    targets = [f"/{number}" for number in range(60)]
    new.answer = lambda asked: text("other\n" if asked.target in ("/1", "/50") else "the same\n")
    log, state = tmp_path / "access.log", tmp_path / "state.json"
    log.write_text(log_lines(*targets))
    options = command_line("--from", log, "--resume", state, "--json", "--legacy", legacy.url, "--new", new.url)
    process = subprocess.Popen([*PROCESS, *options, "--rate", "20"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until(lambda: len(legacy.seen) >= 6, seconds=30)
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=60)
    first = json.loads(out)
    assert process.returncode == 130, said
    assert b"Traceback" not in said
    assert 5 <= first["replay"]["done"] < 60
    assert first["features"][0]["mismatches"] == 1

    other = CliRunner().invoke(build(), [*options, "--limit", "9"])
    assert other.exit_code == 2
    assert "was begun with --limit none (now: 9)" in other.output.replace("\n", " ")

    again = CliRunner().invoke(build(), [*options, "--rate", "1000"])
    report = json.loads(again.stdout)
    assert (again.exit_code, report["replay"]["done"]) == (1, 60), again.output
    assert numbers(report) == {"matches": 58, "mismatches": 2}
    assert sorted(new.targets) == sorted([*targets, "/1", "/50"])  # each once, and what differed once more

    finished = len(new.seen)
    third = CliRunner().invoke(build(), options)
    assert (third.exit_code, json.loads(third.stdout)["features"]) == (1, report["features"])
    assert len(new.seen) == finished


def test_a_state_that_cannot_be_written_any_more_costs_nothing_of_the_report(run, new, tmp_path):
    folder = tmp_path / "states"
    folder.mkdir()

    def answer(_):
        shutil.rmtree(folder, ignore_errors=True)
        return text("the same\n")

    new.answer = answer
    status, said, _ = run(log_lines("/a", "/b"), "--resume", folder / "state.json")
    assert status == 0
    assert "no mismatches in 2 comparisons" in said
    assert "state.json cannot be written" in said


def test_a_state_that_cannot_be_written_at_all_is_refused_at_once(run, legacy, tmp_path):
    status, said, _ = run(log_lines("/a"), "--resume", tmp_path / "nowhere" / "state.json")
    assert (status, legacy.seen) == (2, [])
    assert "cannot be written: No such file or directory" in said.replace("\n", " ")


def test_a_second_ctrl_c_ends_it_at_once(legacy, new, tmp_path):
    new.answer = lambda _: new.release.wait(30) and text("the same\n")
    log, state = tmp_path / "access.log", tmp_path / "state.json"
    log.write_text(log_lines(*[f"/{number}" for number in range(60)]))
    sides = ("--legacy", legacy.url, "--new", new.url)
    command = command_line("--from", log, "--resume", state, *sides, "--timeout", "60", *FAST)
    process = subprocess.Popen([*PROCESS, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(lambda: new.seen, seconds=30)
    process.send_signal(signal.SIGINT)
    lines = iter(process.stderr.readline, "")
    assert any("stopping" in line for line in lines)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "stopped: 0 of 60 requests are done" in said
    assert json.loads(state.read_text())["below"] == 0


# -- scenarios


@pytest.fixture(scope="module")
def shop():
    with both_sides() as pair:
        yield pair


@pytest.fixture
def play(shop, tmp_path):
    def start(*options):
        file = tmp_path / "shop.yaml"
        file.write_text(SCENARIO.format(user="cookie:gateway_id"))
        command = ["compare", "run", "--from", file, "--legacy", shop[0].url, "--new", shop[1].url, *options]
        ran = CliRunner().invoke(build(), [str(word) for word in command], catch_exceptions=False)
        return ran.exit_code, ran.output

    yield start
    for side in shop:
        side.well()


def test_a_scenario_is_played_with_what_each_side_has_captured(play):
    status, said = play("--methods", "GET,POST")
    assert status == 0, said
    assert "shop: no mismatches in 11 comparisons" in said
    assert "careful: POST is sent to both sides" in said


def test_a_step_of_a_scenario_that_differs_is_a_mismatch_with_its_name(play, shop):
    shop[1].faults.add("integer-as-text")
    status, said = play("--methods", "GET,POST")
    assert status == 1
    for words in ("POST /shop/orders", "$.size", "- 3", '+ "3"', 'step "order"'):
        assert words in said


def test_a_side_that_is_not_there_plays_no_scenario(play):
    free = socket.create_server(("127.0.0.1", 0))
    port = free.getsockname()[1]
    free.close()
    status, said = play("--methods", "GET,POST", "--legacy", f"http://127.0.0.1:{port}")
    assert (status, "legacy does not answer: connection refused" in said) == (2, True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "sends POST, too; add --methods GET,POST where that is meant"),
        (("--methods", "GET,POST", "--limit", "3", "--unique"), "leave --unique, --limit out"),
    ],
)
def test_what_means_nothing_to_a_scenario_is_refused(play, shop, options, words):
    before = [side.requests for side in shop]
    status, said = play(*options)
    assert status == 2
    assert words in said.replace("\n", " ")
    assert [side.requests for side in shop] == before
