"""Files of recorded requests: seen by their content, and a damaged one gives what can be read of it."""

import gzip
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.replay.record import Recorded, Unreadable
from gateway.replay.source import MAX_LINE, Format, Source, SourceError, find_source, recognised
from tests.support.recording import log_lines
from tests.support.shop import SCENARIO

OWN = b'{"event": "ready"}\n{"event": "request", "method": "GET", "path": "/own"}\n'
HAR = json.dumps({"log": {"entries": [{"request": {"method": "GET", "url": "http://a/har"}}]}}, indent=2).encode()


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (log_lines("/a").encode(), Format.ACCESS_LOG),
        (b"# a comment\nnonsense\n" + log_lines("/a").encode(), Format.ACCESS_LOG),
        (OWN, Format.GATEWAY),
        (b"gateway-1  | " + OWN, Format.GATEWAY),
        (HAR, Format.HAR),
        (b"\xef\xbb\xbf\n" + HAR[:20], Format.HAR),
        (SCENARIO.format(user="cookie:a").encode(), Format.SCENARIO),
        (b"", None),
        (b"a,b,c\n1,2,3\n", None),
    ],
)
def test_a_format_is_recognised_by_its_content(head, found):
    assert recognised(head) is found


@given(head=st.binary(max_size=200))
def test_no_content_makes_recognising_fail(head):
    assert recognised(head) in {None, *Format}


@pytest.mark.parametrize(("content", "target"), [(log_lines("/log").encode(), b"/log"), (OWN, b"/own"), (HAR, b"/har")])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_every_format_is_read_plain_and_compressed_as_often_as_one_likes(tmp_path, content, target, pack):
    file = tmp_path / "record"
    file.write_bytes(pack(content))
    source = find_source(file, None)
    for _ in range(2):
        assert [each.target for each in source.records() if isinstance(each, Recorded)] == [target]


def test_a_compressed_log_that_is_cut_off_gives_what_can_be_read(tmp_path):
    file = tmp_path / "access.log.gz"
    packed = gzip.compress(log_lines(*(f"/{number * 7919}" for number in range(2000))).encode())
    file.write_bytes(packed[: len(packed) // 2])
    *read, last = Source(file, Format.ACCESS_LOG).records()
    assert len(read) > 500
    assert isinstance(last, Unreadable)
    assert "cannot be read any further" in last.why


def test_a_line_that_never_ends_is_one_unreadable_line(tmp_path):
    file = tmp_path / "access.log"
    file.write_bytes(b"x" * (3 * MAX_LINE) + b"\n\n" + log_lines("/a").encode())
    long, after = Source(file, Format.ACCESS_LOG).records()
    assert long.why == f"is longer than {MAX_LINE} bytes"
    assert (after.place, after.target) == (3, b"/a")


@pytest.mark.parametrize("wanted", [None, Format.ACCESS_LOG])
def test_a_pipe_or_a_folder_is_refused_before_it_is_opened(tmp_path, wanted):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(SourceError, match="no file that can be read twice"):
            find_source(path, wanted)


def test_what_is_no_file_or_nothing_known_is_refused_in_words(tmp_path):
    file = tmp_path / "record"
    with pytest.raises(SourceError, match="cannot be read: No such file"):
        find_source(file, None)
    with pytest.raises(SourceError, match="cannot be read: No such file"):
        next(Source(file, Format.ACCESS_LOG).records())
    file.write_bytes(b"a,b\n")
    with pytest.raises(SourceError, match="--format says what it is"):
        find_source(file, None)
    with pytest.raises(SourceError, match="is no JSON"):
        next(Source(file, Format.HAR).records())
    file.write_bytes(b"\x1f\x8bnonsense")
    with pytest.raises(SourceError, match="cannot be read"):
        find_source(file, None)
