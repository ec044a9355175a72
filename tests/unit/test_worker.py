"""Parts of the worker that need no process."""

import gc
from pathlib import Path

import pytest

from gateway.settings import Process, Settings
from gateway.worker import Worker, collect_garbage_rarely


@pytest.fixture
def worker(tmp_path):
    """One that was never started."""

    def make(*, workers=2, run_dir: Path = tmp_path):
        made = Worker.__new__(Worker)
        made.settings = Settings(workers=workers)
        made.process = Process(settings=made.settings, slot="w1", run_dir=run_dir)
        return made

    return make


def test_several_workers_share_a_board(worker):
    board = worker()._board()
    board.add(3)
    assert board.should_yield


def test_a_worker_alone_has_none(worker):
    assert worker(workers=1)._board() is None


def test_a_worker_that_cannot_have_a_board_serves_without_one(worker, tmp_path):
    assert worker(run_dir=tmp_path / "gone")._board() is None


def test_what_is_there_at_the_start_is_no_work_for_the_garbage_collector():
    kept = [{} for _ in range(1000)]
    before, thresholds = gc.get_freeze_count(), gc.get_threshold()
    try:
        collect_garbage_rarely()
        assert gc.get_freeze_count() - before > len(kept)
        assert not any(each is kept for each in gc.get_objects())
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)
