"""Descriptors that are held back for those who were let in."""

import contextlib
import os
import resource

import pytest

from gateway.descriptors import Reserve


@contextlib.contextmanager
def only(more):
    """So many descriptors more than are open now; nothing else may open one meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = [os.open(os.devnull, os.O_RDONLY) for _ in range(more + 1)]  # each is the lowest that there is
    for descriptor in free:
        os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free[-1], hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def opened():
    """How many can be opened before there are no more."""
    found = []
    try:
        while len(found) < 100:
            found.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        return len(found)
    finally:
        for descriptor in found:
            os.close(descriptor)
    return len(found)


def test_what_is_held_is_there_when_nothing_else_is():
    reserve = Reserve(5)
    assert reserve.hold()
    with only(0):
        assert opened() == 0
        assert reserve.spend()
        assert opened() == 5


def test_nothing_can_be_spent_twice():
    reserve = Reserve(5)
    assert not reserve.spend()
    reserve.hold()
    assert reserve.spend()
    assert not reserve.spend()


@pytest.mark.parametrize("left", [0, 1, 4])
def test_too_few_are_held_all_the_same_and_it_is_said(left):
    reserve = Reserve(5)
    with only(left):
        assert not reserve.hold()
        assert opened() == 0
        assert reserve.spend() is bool(left)
        assert opened() == left


def test_it_is_whole_again_when_enough_are_free():
    reserve = Reserve(5)
    with only(3):
        assert not reserve.hold()
    assert reserve.hold()
    with only(0):
        reserve.spend()
        assert opened() == 5


def test_it_is_not_held_twice():
    reserve = Reserve(5)
    reserve.hold()
    with only(0):
        assert reserve.hold()
    reserve.spend()
