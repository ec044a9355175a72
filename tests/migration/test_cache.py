"""New's cache of extracted text: it saves work while it is there, and nobody notices when it is not."""

import contextlib
import socket

import pytest

from bench.ports import free_port
from tests.migration.analyses import ANALYSIS, found_by_resumekit
from tests.migration.documents import RESUME
from tests.migration.people import sign_up


def assert_analyses(user, backend, times=2):
    """Each of a file of its own, all with the same bytes."""
    for _ in range(times):
        assert user.analysed(backend)["result"] == found_by_resumekit(ANALYSIS, RESUME)


def test_the_text_of_a_file_is_kept_for_a_while_and_used_again(sqlite_url, start, own_valkey, plain):
    backend = start("new", sqlite_url, REDIS_URL=own_valkey.url)
    user = sign_up(backend, "ada@example.com")
    assert_analyses(user, backend, times=1)
    (key,) = plain.keys("*")
    assert plain.ttl(key) > 0
    hits = plain.info("stats")["keyspace_hits"]
    assert_analyses(user, backend, times=1)
    assert plain.keys("*") == [key], "by the file's hash, and both files are the same"
    assert plain.info("stats")["keyspace_hits"] > hits
    assert "Ada Example" not in key


def test_what_is_no_text_in_the_cache_is_read_anew(sqlite_url, start, own_valkey, plain):
    backend = start("new", sqlite_url, REDIS_URL=own_valkey.url)
    user = sign_up(backend, "ada@example.com")
    assert_analyses(user, backend, times=1)
    (key,) = plain.keys("*")
    plain.set(key, b"\xff\xfe\x00")
    assert_analyses(user, backend, times=1)
    plain.delete(key)
    plain.rpush(key, "a list")
    assert_analyses(user, backend, times=1)


def test_a_cache_that_goes_away_and_comes_back_is_not_noticed(sqlite_url, start, own_valkey):
    backend = start("new", sqlite_url, REDIS_URL=own_valkey.url)
    user = sign_up(backend, "ada@example.com")
    assert_analyses(user, backend)
    own_valkey.kill()
    assert_analyses(user, backend)
    own_valkey.start()
    assert_analyses(user, backend)
    assert "Traceback" not in backend.log.read_text()


@contextlib.contextmanager
def nobody():
    yield free_port()


@contextlib.contextmanager
def somebody_silent():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("cache", [nobody, somebody_silent])
def test_without_its_cache_everything_works(sqlite_url, start, cache):
    with cache() as port:
        backend = start("new", sqlite_url, REDIS_URL=f"redis://:hunter2@127.0.0.1:{port}/0")
        assert_analyses(sign_up(backend, "ada@example.com"), backend)
        log = backend.log.read_text()
    assert "Traceback" not in log
    assert "hunter2" not in log
