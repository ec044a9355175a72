"""What takes its time: a stream on which nothing happens, and an AI service that says nothing. Both sides at once."""

import contextlib
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.migration.ai_service import provider
from tests.migration.backends import SIDES
from tests.migration.people import sign_up, until
from tests.migration.streams import following


@contextlib.contextmanager
def dribbling():
    """The base URL of a server that begins each answer, and then sends a byte a second without end."""
    stop = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def dribble(connection):
        with connection, contextlib.suppress(OSError):
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10000\r\n\r\n")
            while not stop.wait(1):
                connection.sendall(b" ")

    def accept():
        with contextlib.suppress(OSError), ThreadPoolExecutor(8) as threads:
            while True:
                threads.submit(dribble, listener.accept()[0])

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    finally:
        stop.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def first_comment(user, backend, job_id):
    with following(user, backend, job_id) as response:
        return next(line for line in response.iter_lines() if line.startswith(":"))


@pytest.fixture
def listening():
    """The base URL of a server that takes connections, and no more."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


@pytest.mark.slow
def test_time_without_an_answer_has_an_end_and_streams_show_signs_of_life(sqlite_url, start, listening):
    """Three things that only time can show, at the same time, on both sides."""
    with dribbling() as base_url:
        backends = [
            start(side, sqlite_url, **provider(url), AI_TIMEOUT_SECONDS="17")
            for side in SIDES
            for url in (listening, base_url)
        ]
        user = sign_up(backends[0], "ada@example.com")
        resume_id = user.resume(backends[0])
        started = time.monotonic()
        jobs = [(backend, user.start_job(backend, resume_id)["id"]) for backend in backends]
        with ThreadPoolExecutor(len(jobs)) as threads:
            assert set(threads.map(lambda each: first_comment(user, *each), jobs)) == {": keep-alive"}
        for backend, job_id in jobs:
            job = until(
                lambda backend=backend, job_id=job_id: (
                    (found := user.job(backend, job_id))["status"] == "failed" and found
                ),
                what="the end of patience",
                seconds=40,
            )
            assert job["error"] == "The AI service does not answer"
        assert time.monotonic() - started > 16
