"""A roll, step by step, over real processes and a fleet that notes what it is told."""

import sys

import pytest

from gateway.serve import roll as roll_module
from gateway.serve.child import Child
from gateway.serve.ground import StartError
from gateway.serve.roll import Roll
from tests.support.gateway_process import until


class Fleet:
    """program: of the new worker. gone: whose places are cleared."""

    def __init__(self, program="import time; time.sleep(60)", refusal=None):
        self.program, self.refusal = program, refusal
        self.started, self.gone_ones, self.states = [], [], []

    def successor(self, slot):
        if self.refusal is not None:
            raise self.refusal
        child = Child(slot, (sys.executable, "-c", self.program), place=0)
        child.start()
        self.started.append(child)
        return child

    def is_ready(self, child):
        return False

    def relieve(self, slot, successor):
        raise AssertionError("the old worker stays")

    def gone(self, old):
        self.gone_ones.append(old)

    def drain_seconds(self):
        return 1.0

    def roll_changed(self, state):
        self.states.append(state)


def given_up(fleet):
    roll = Roll(1, ["w0"], fleet)
    until(lambda: roll.step() or roll.over)
    assert roll.coming is None
    assert fleet.states[-1].state == "failed"
    return fleet.states[-1].problem


@pytest.mark.parametrize("program", ["", "import time; time.sleep(60)"])
def test_the_place_of_a_new_worker_that_is_given_up_is_cleared(program, monkeypatch):
    """What it has written on the board would otherwise stay: all others would leave connections to nobody."""
    monkeypatch.setattr(roll_module, "READY_SECONDS", 30.0 if not program else 0.05)
    fleet = Fleet(program)
    given_up(fleet)
    assert fleet.gone_ones == fleet.started
    assert not fleet.started[0].running


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (OSError(11, "no processes left"), "cannot be started: no processes left"),
        (StartError("shop.pem cannot be read"), "would lack what the old one has: shop.pem cannot be read"),
    ],
)
def test_a_new_worker_that_does_not_even_start(refusal, words):
    assert given_up(Fleet(refusal=refusal)) == f"the new worker of w0 {words}; the old one keeps running"
