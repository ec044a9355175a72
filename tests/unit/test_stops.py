"""Signals that ask the stack to stop: the first counts, and not while a process is being started."""

import os
import signal

import pytest

from stack.stops import STOPS, Stops


@pytest.fixture
def stops():
    before = {number: signal.getsignal(number) for number in STOPS}
    made = Stops()
    made.install()
    yield made
    for number, handler in before.items():
        signal.signal(number, handler)


def ask(number=signal.SIGTERM):
    os.kill(os.getpid(), number)


@pytest.mark.usefixtures("stops")
@pytest.mark.parametrize("number", STOPS)
def test_any_of_them_interrupts(number):
    with pytest.raises(KeyboardInterrupt):
        ask(number)


@pytest.mark.usefixtures("stops")
def test_a_second_one_is_nothing():
    with pytest.raises(KeyboardInterrupt):
        ask()
    ask()
    ask(signal.SIGINT)


def test_one_that_comes_while_a_process_is_started_waits_until_it_is_known(stops):
    started = []

    def start():
        with stops.held():
            ask()
            started.append("whole")

    with pytest.raises(KeyboardInterrupt):
        start()
    assert started == ["whole"]
    start()


def test_a_start_that_fails_says_why(stops):
    def start():
        with stops.held():
            ask()
            raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        start()


def test_nobody_needs_to_ask_for_what_is_being_done(stops):
    stops.ignore()
    ask()
    with stops.held():
        ask()
