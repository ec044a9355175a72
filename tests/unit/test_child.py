"""The supervisor's children: back-off, how an end is told, signals that come too early."""

import os
import signal
import sys
import time

import pytest

from gateway.serve.child import BACKOFF_SECONDS, STEADY_SECONDS, Child, in_words


def python(code, **more):
    return Child("test", (sys.executable, "-c", code), **more)


def ended(child):
    deadline = time.monotonic() + 10
    while (status := child.reap()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)  # a poll of a condition, with a deadline
    return status


def test_quick_deaths_are_waited_for_longer_and_longer():
    child = python("")
    child.started = time.monotonic()
    waits = [child.plan_restart() for _ in range(len(BACKOFF_SECONDS) + 2)]
    assert waits == [*BACKOFF_SECONDS, BACKOFF_SECONDS[-1], BACKOFF_SECONDS[-1]]


def test_a_child_that_lived_for_a_while_starts_again_at_once():
    child = python("")
    child.started = time.monotonic()
    for _ in range(5):
        child.plan_restart()
    child.started = time.monotonic() - STEADY_SECONDS - 1
    assert child.plan_restart() == BACKOFF_SECONDS[0]


@pytest.mark.parametrize(
    ("status", "words"),
    [(0, "exit status 0"), (3, "exit status 3"), (-9, "killed by SIGKILL"), (-99, "killed by signal 99")],
)
def test_an_end_is_told_in_words(status, words):
    assert in_words(status) == words


def test_a_child_that_has_ended_is_reaped_once_and_never_signalled():
    child = python("raise SystemExit(3)")
    child.start()
    assert ended(child) == 3
    assert (child.pid, child.ends, child.last_end) == (0, 1, "exit status 3")
    assert child.reap() is None
    child.signal(signal.SIGKILL)


def test_a_deaf_child_survives_a_signal_that_comes_too_early(tmp_path):
    log = tmp_path / "log"
    child = python("import os; os.kill(os.getpid(), 1); print('lives')", deaf=(signal.SIGHUP,), log=log)
    child.start()
    assert ended(child) == 0
    assert log.read_text() == "lives\n"


def test_the_child_is_no_member_of_our_session():
    child = python("import time; time.sleep(30)")
    child.start()
    try:
        assert os.getsid(child.pid) == child.pid
        assert child.running
    finally:
        assert child.end(seconds=5) == -signal.SIGTERM


def test_a_child_that_does_not_listen_is_killed(tmp_path):
    log = tmp_path / "log"
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(30)"
    child = python(code, log=log)
    child.start()
    deadline = time.monotonic() + 10
    while not log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert child.end(seconds=0.1) == -signal.SIGKILL
