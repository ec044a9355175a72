"""The load generator takes nothing for an answer that is not the one that was due."""

import pytest

from bench.link import Link
from bench.wire import BODIES, Side

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nx-side: %s\r\n\r\n"
NEW = HEAD % (len(BODIES[Side.NEW]), b"new") + BODIES[Side.NEW]


class Transport:
    def __init__(self):
        self.sent = b""

    def write(self, data):
        self.sent += data


class Seen:
    """A link that has asked once, and what became of it."""

    def __init__(self, expected=None):
        self.sides, self.faults = [], []
        self.link = Link(
            expected=expected,
            answered=lambda _, side: self.sides.append(side),
            failed=lambda _, what: self.faults.append(what),
        )
        self.transport = Transport()
        self.link.connection_made(self.transport)
        self.link.ask(1, b"GET", b"body")

    def gets(self, *pieces):
        for piece in pieces:
            self.link.data_received(piece)
        return self


def test_a_reply_that_comes_whole_is_taken_with_its_side():
    seen = Seen().gets(NEW)
    assert (seen.sides, seen.faults, seen.transport.sent) == ([Side.NEW], [], b"GETbody")


@pytest.mark.parametrize("cut", range(1, len(NEW)))
def test_a_reply_that_comes_in_two_pieces_is_the_same(cut):
    seen = Seen().gets(NEW[:cut], NEW[cut:])
    assert (seen.sides, seen.faults) == ([Side.NEW], [])


def test_a_chunked_reply_is_the_same():
    body = BODIES[Side.LEGACY]
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Side: legacy\r\n\r\n%x\r\n%s\r\n0\r\n\r\n"
    assert Seen().gets(chunked % (len(body), body)).sides == [Side.LEGACY]


def test_a_bulky_reply_is_counted_to_the_byte():
    assert Seen(expected=5).gets(HEAD % (5, b"new"), b"12", b"345").sides == [Side.NEW]
    assert Seen(expected=6).gets(HEAD % (5, b"new"), b"12345").faults == ["5 bytes instead of 6"]


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 4\r\n\r\nsigh", "status 502: b'sigh'"),
        (HEAD % (2, b"new") + b"no", "another body"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno", "a reply without X-Side"),
        (NEW.replace(b"200", b"206", 1), "status 206"),
        (b"SSH-2.0\r\n\r\n", "no HTTP"),
    ],
)
def test_another_reply_is_a_fault(reply, fault):
    seen = Seen().gets(reply)
    assert seen.sides == []
    assert fault in seen.faults[0]


def test_bytes_that_nobody_asked_for_are_a_fault():
    assert "nobody asked for" in Seen().gets(NEW, NEW).faults[0]


def test_a_connection_that_ends_is_a_fault_unless_it_was_closed_on_purpose():
    seen = Seen()
    seen.link.connection_lost(None)
    assert seen.faults == ["the connection was closed: without a word"]
