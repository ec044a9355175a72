"""Who is left of a gateway that was killed: known by number and by when it began, waited for, and then named."""

import os
import subprocess
import sys

import pytest

from gateway.serve import predecessors
from gateway.serve.ground import StartError
from gateway.serve.predecessors import TakenError, left_over, once_they_left, record


def taken():
    raise TakenError("cannot listen; free it")


@pytest.fixture
def another():
    """A process that runs."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def test_those_that_run_are_left_over(tmp_path, another):
    record(tmp_path, [("w0", another.pid), ("w0", os.getpid())])
    assert left_over(tmp_path) == [("w0", another.pid), ("w0", os.getpid())]
    another.kill()
    another.wait()
    assert left_over(tmp_path) == [("w0", os.getpid())]


def test_another_process_of_the_same_number_is_not_taken_for_one(tmp_path, monkeypatch):
    monkeypatch.setattr(predecessors, "_began", lambda _: "1")
    record(tmp_path, [("w0", os.getpid())])
    monkeypatch.undo()
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("content", [None, b"", b"{", b'[["w0"]]', b'{"w0": 1}'])
def test_nobody_is_left_over_where_nothing_is_known(tmp_path, content):
    if content is not None:
        (tmp_path / "processes.json").write_bytes(content)
    assert left_over(tmp_path) == []


def test_what_is_free_is_taken_at_once(tmp_path):
    assert once_they_left(tmp_path, lambda: "port", lambda _: None, wanted=lambda: True) == "port"


def test_they_are_waited_for(tmp_path):
    record(tmp_path, [("w0", os.getpid())])
    waits = []

    def take():
        return "port" if len(waits) == 3 else taken()

    assert once_they_left(tmp_path, take, waits.append, wanted=lambda: True) == "port"
    assert len(waits) == 3


def test_somebody_else_is_not_waited_for(tmp_path):
    with pytest.raises(StartError, match=r"^cannot listen; free it$"):
        once_they_left(tmp_path, taken, pytest.fail, wanted=lambda: True)


def test_a_stop_ends_the_waiting(tmp_path):
    record(tmp_path, [("w0", os.getpid())])
    with pytest.raises(StartError, match=r"^cannot listen; free it$"):
        once_they_left(tmp_path, taken, pytest.fail, wanted=lambda: False)


def test_those_who_do_not_leave_are_named_with_what_ends_them(tmp_path, monkeypatch):
    monkeypatch.setattr(predecessors, "WAIT_SECONDS", 0.0)
    record(tmp_path, [("w1", os.getpid())])
    with pytest.raises(
        StartError, match=rf"free it; of the gateway before.*w1 \({os.getpid()}\); `kill -9 {os.getpid()}`"
    ):
        once_they_left(tmp_path, taken, lambda _: None, wanted=lambda: True)
