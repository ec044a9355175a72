"""The faults that can be planted in new: each does what its name says, and nothing else; none by accident."""

import itertools
import signal
import socket
import subprocess
import sys
import time

import pytest

from bench.ports import free_port
from tests.migration.backends import ROOT, environment
from tests.migration.people import AUTH, PATIENCE, RESUMES, sign_up, until
from tests.migration.refusals import refusal

NOBODYS = "00000000-0000-4000-8000-000000000000"
ALONE = ["wrong-status", "renamed-field", "integer-as-text", "leak"]


@pytest.fixture
def planted(sqlite_url, start):
    """planted("leak") -> (backend, user)"""

    def start_with(faults, **env):
        backend = start("new", sqlite_url, FAULTS=faults, **env)
        return backend, sign_up(backend, "ada@example.com")

    return start_with


def symptoms(backend, user):
    """The faults, of those that show in one answer, that show."""
    resume = user.upload(backend).json()
    user.post(backend, f"{AUTH}/logout", {"refresh_token": user.refresh_token})
    after_logout = user.get(backend, f"{AUTH}/me")
    other = sign_up(backend, f"other.{user.email}")
    shown = {
        "wrong-status": other.get(backend, f"{RESUMES}/{NOBODYS}").status_code == 400,
        "renamed-field": "createdAt" in other.get(backend, f"{AUTH}/me").json(),
        "integer-as-text": isinstance(resume["size_bytes"], str),
        "leak": after_logout.status_code == 200,
    }
    return {name for name, is_there in shown.items() if is_there}


@pytest.mark.parametrize("fault", ALONE)
def test_a_fault_shows_and_no_other_does(planted, fault):
    backend, user = planted(fault)
    assert fault in backend.log.read_text(), "said loudly at start"
    assert symptoms(backend, user) == {fault}


def test_several_faults_can_be_planted_and_each_is_no_more_than_it_says(planted):
    backend, user = planted("wrong-status, renamed-field,integer-as-text,leak")
    answer = user.get(backend, f"{RESUMES}/{NOBODYS}")
    assert (answer.status_code, answer.json()) == (400, {"detail": "Resume not found"})
    assert user.get(backend, f"{RESUMES}/{NOBODYS}/file").status_code == 404
    assert user.delete(backend, f"{RESUMES}/{NOBODYS}").status_code == 404
    assert set(user.get(backend, f"{AUTH}/me").json()) == {"id", "email", "name", "createdAt"}
    resume = user.upload(backend).json()
    again = [user.get(backend, f"{RESUMES}/{resume['id']}").json(), *user.get(backend, RESUMES).json()["resumes"]]
    assert [resume, *again] == [resume] * 3
    assert resume["size_bytes"].isdecimal()
    assert user.post(backend, f"{AUTH}/logout", {"refresh_token": user.refresh_token}).status_code == 204
    renewed = backend.client.post(f"{AUTH}/refresh", json={"refresh_token": user.refresh_token})
    assert renewed.status_code == 200


def test_without_faults_there_are_none(sides, user):
    assert symptoms(sides["new"], user) == set()


def fastest(backend, times=40):
    measured = []
    for _ in range(times):
        started = time.perf_counter()
        assert backend.client.get(f"{AUTH}/config").status_code == 200
        measured.append(time.perf_counter() - started)
    return min(measured)


def test_slow_takes_five_milliseconds_at_least(planted, sides):
    backend, _ = planted("slow")
    assert fastest(backend) >= 0.005
    assert fastest(sides["new"]) < 0.005


def places_of_errors(backend):
    answers = [backend.client.get(f"{AUTH}/config") for _ in range(400)]
    assert {answer.status_code for answer in answers} == {200, 500}
    assert all(answer.json() == {"detail": "Internal Server Error"} for answer in answers if answer.status_code == 500)
    return [place for place, answer in enumerate(answers) if answer.status_code == 500]


def test_errors_fail_one_request_of_a_hundred_at_places_that_the_seed_gives(sqlite_url, start):
    one, again = (places_of_errors(start("new", sqlite_url, FAULTS="errors", FAULT_SEED="7")) for _ in range(2))
    assert 3 <= len(one) <= 5
    assert all(later - earlier < 200 for earlier, later in itertools.pairwise(one))
    assert one == again


def test_down_listens_on_nothing(sqlite_url, tmp_path):
    port, log = free_port(), tmp_path / "log"
    command = [sys.executable, "-W", "error", "-m", "new_backend", "--port", str(port)]
    with log.open("wb") as output:
        env = environment(sqlite_url, FAULTS="down")
        process = subprocess.Popen(command, env=env, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
    try:
        until(lambda: "down" in log.read_text(), what="a word about it")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE) == 0
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def test_production_refuses_them(sqlite_url):
    refused = refusal("new", environment(sqlite_url, FAULTS="slow", ENVIRONMENT="production"))
    assert "FAULTS" in refused
    assert "production" in refused
