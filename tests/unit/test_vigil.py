"""Who is silent for too long: counted by looks, so that nobody hangs because all of us were stopped."""

import pytest

from gateway.serve.vigil import LONGEST_LOOK_SECONDS, START_SECONDS, Vigil


class Signs:
    def __init__(self):
        self.at = {0: 1, 1: 1}

    def last(self, place):
        return self.at[place]


class Worker:
    running = True

    def __init__(self, place, pid):
        self.place, self.pid = place, pid


@pytest.fixture
def workers():
    return [Worker(0, 10), Worker(1, 11)]


def look(vigil, workers, *, until, since=0.0, step=0.5, beat=lambda: None):
    """Looks every half a second; those who hang at the end."""
    now = since
    while now < until:
        now += step
        beat()
        hung = vigil.look(workers, now)
    return [worker.pid for worker, _ in hung]


def test_who_gives_no_sign_for_the_limit_hangs_and_the_others_do_not(workers):
    signs = Signs()
    vigil = Vigil(signs, 5.0)

    def beat():
        signs.at[1] += 1

    assert look(vigil, workers, until=5.0, beat=beat) == []
    assert look(vigil, workers, since=5.0, until=6.0, beat=beat) == [10]


def test_a_sign_ends_the_silence(workers):
    signs = Signs()
    vigil = Vigil(signs, 5.0)
    look(vigil, workers, until=4.5)
    signs.at = {0: 2, 1: 2}
    assert look(vigil, workers, since=4.5, until=9.5) == []
    assert look(vigil, workers, since=9.5, until=10.5) == [10, 11]


def test_time_in_which_nobody_looked_counts_as_one_look(workers):
    vigil = Vigil(Signs(), 5.0)
    vigil.look(workers, 0.0)
    assert vigil.look(workers, 3600.0) == []  # all of us were stopped, or the machine was
    assert look(vigil, workers, since=3600.0, until=3600.0 + 4 - LONGEST_LOOK_SECONDS) == []
    assert look(vigil, workers, since=3604.0, until=3606.0) == [10, 11]


def test_before_its_first_sign_a_process_has_time_to_start(workers):
    signs = Signs()
    signs.at = {0: 0, 1: 1}
    vigil = Vigil(signs, 5.0)
    assert look(vigil, workers, until=START_SECONDS) == [11]
    assert look(vigil, workers, since=START_SECONDS, until=START_SECONDS + 1) == [10, 11]


def test_a_new_process_in_the_same_place_begins_anew(workers):
    vigil = Vigil(Signs(), 5.0)
    look(vigil, workers, until=5.0)
    workers[0].pid = 20
    assert look(vigil, workers, since=5.0, until=6.0) == [11]


def test_who_does_not_run_or_gives_no_signs_is_not_watched(workers):
    workers[0].running = False
    workers[1].place = None
    assert look(Vigil(Signs(), 5.0), workers, until=60.0) == []


def test_a_limit_of_zero_is_none(workers):
    assert look(Vigil(Signs(), 0.0), workers, until=600.0) == []
