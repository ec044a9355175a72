"""Log lines that nobody reads are lost and counted; whoever writes them is never held."""

import os
import tempfile

import orjson
import pytest
import structlog

from gateway.telemetry import logs
from gateway.telemetry.log_stream import LossyStream


@pytest.fixture(autouse=True)
def restored():
    yield
    structlog.reset_defaults()


@pytest.fixture
def pipe():
    """(reader, stream): as a collector and the process that it started."""
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb", buffering=0) as source, os.fdopen(writer, "wb") as stream:
        yield source, stream


def drain(source):
    os.set_blocking(source.fileno(), False)
    pieces = []
    while piece := source.read(1 << 20):
        pieces.append(piece)
    return b"".join(pieces)


def test_a_reader_that_stands_still_holds_nobody(pipe):
    source, stream = pipe
    logs.configure(json=True, stream=stream, slot="w0")
    log = structlog.get_logger("test")
    for number in range(2_000):
        log.info("event", number=number, padding="x" * 1000)
    before = [orjson.loads(line) for line in drain(source).splitlines()]
    log.info("event", number=-1)
    lost, last = (orjson.loads(line) for line in drain(source).splitlines())
    assert [line["number"] for line in before] == list(range(len(before)))
    assert lost["lines"] == 2_000 - len(before) > 0
    assert (lost["level"], lost["slot"], last["number"]) == ("warning", "w0", -1)


def test_at_a_terminal_it_is_told_in_words(pipe):
    source, stream = pipe
    logs.configure(json=False, stream=stream)
    log = structlog.get_logger("test")
    for _ in range(2_000):
        log.info("event", padding="x" * 1000)
    drain(source)
    log.info("event")
    assert b"log lines were lost" in drain(source).splitlines()[0]


def test_a_reader_that_is_gone_fails_nobody(pipe):
    source, stream = pipe
    lossy = LossyStream(stream, lost=lambda lines: b"%d\n" % lines)
    source.close()
    assert lossy.write(b"line\n") == 0


def test_the_flags_of_a_shared_pipe_stay_as_they_are(pipe):
    source, stream = pipe
    LossyStream(stream, lost=lambda lines: b"%d\n" % lines).write(b"line\n")
    assert os.get_blocking(stream.fileno())
    assert drain(source) == b"line\n"


def test_a_file_is_written_as_before():
    with tempfile.TemporaryFile() as file:
        assert LossyStream(file, lost=lambda lines: b"%d\n" % lines).write(b"line\n") == 5
        assert os.pread(file.fileno(), 10, 0) == b"line\n"
