"""Watching a file by looking, and the accepted copy."""

import os

import pytest

from gateway.reload import MISSING_LOOKS, FileWatch, accept, read_accepted, restore_accepted, write_atomically

GOOD = b'version: 1\nupstreams:\n  a: {url: "http://127.0.0.1:1"}\nroutes:\n  - {path: "/*", upstream: a}\n'


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"one")
    return file


def test_a_file_counts_once_it_has_stayed_the_same_for_two_looks(file):
    watch = FileWatch(file)
    assert watch.take() == b"one"
    file.write_bytes(b"tw")
    assert watch.look() is None
    file.write_bytes(b"two")
    assert watch.look() is None
    assert watch.look() == b"two"
    assert [watch.look() for _ in range(5)] == [None] * 5


def test_a_file_that_is_written_whole_counts_at_the_first_look(file):
    watch = FileWatch(file, whole=True)
    watch.take()
    write_atomically(file, b"two")
    assert watch.look() == b"two"
    assert watch.look() is None


def test_an_edit_that_keeps_size_and_time_is_seen(file):
    watch = FileWatch(file)
    for _ in range(5):
        watch.look()
    before = file.stat()
    file.write_bytes(b"ONE")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert watch.look() is None
    assert watch.look() == b"ONE"


def test_the_old_text_again_after_another_one_is_handed_out(file):
    watch = FileWatch(file)
    watch.take()
    for text in (b"two", b"one"):
        file.write_bytes(text)
        watch.look()
        assert watch.look() == text


def test_a_missing_file_is_a_problem_only_after_a_while(file):
    watch = FileWatch(file)
    watch.take()
    file.unlink()
    for _ in range(MISSING_LOOKS - 1):
        assert watch.look() is None
        assert watch.problem is None
    assert watch.look() is None
    assert watch.problem == "No such file or directory"
    file.write_bytes(b"one")
    assert watch.look() is None
    assert watch.problem is None


def test_what_is_forgotten_is_handed_out_again(file):
    watch = FileWatch(file)
    watch.take()
    assert [watch.look() for _ in range(4)] == [None] * 4
    watch.forget()
    assert watch.look() == b"one"
    assert watch.look() is None


def test_a_good_version_becomes_the_accepted_copy_and_a_bad_one_leaves_it(tmp_path):
    copy = tmp_path / "state" / "accepted.json"
    edit = accept(GOOD, "routes.yaml", copy)
    assert edit.accepted
    assert not edit.unchanged
    held = read_accepted(copy)
    assert (held.sha256, held.source_text) == (edit.loaded.sha256, GOOD.decode())
    bad = accept(b"version: 2\n", "routes.yaml", copy)
    assert not bad.accepted
    assert bad.faults
    assert read_accepted(copy) == held


def test_the_version_in_force_is_not_written_again(tmp_path):
    copy = tmp_path / "accepted.json"
    sha256 = accept(GOOD, "routes.yaml", copy).loaded.sha256
    copy.unlink()
    assert accept(GOOD, "routes.yaml", copy, unless_sha256=sha256).unchanged
    assert not copy.exists()


def test_a_copy_that_is_gone_is_written_from_what_is_in_force(tmp_path):
    copy = tmp_path / "accepted.json"
    loaded = accept(GOOD, "routes.yaml", copy).loaded
    assert not restore_accepted(copy, loaded.routes, loaded.sha256)
    copy.unlink()
    assert restore_accepted(copy, loaded.routes, loaded.sha256)
    held = read_accepted(copy)
    assert (held.routes, held.sha256) == (loaded.routes, loaded.sha256)


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    with pytest.raises(OSError, match="directory"):
        write_atomically(target, b"new")
    assert list(tmp_path.iterdir()) == [target]


def test_a_damaged_copy_is_no_routes(tmp_path):
    copy = tmp_path / "accepted.json"
    accept(GOOD, "routes.yaml", copy)
    copy.write_bytes(copy.read_bytes()[:-3])
    with pytest.raises(ValueError, match="damaged"):
        read_accepted(copy)
    assert read_accepted(tmp_path / "none") is None
