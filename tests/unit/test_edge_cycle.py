"""An answer as it is written: whole, in order, and in as few writes as it can be."""

import pytest

from gateway.edge.cycle import JOINED_BYTES, Cycle
from gateway.rules.request_head import RequestHead


class Written:
    """A connection that takes everything."""

    write_paused = must_close = has_much_to_come = False

    def __init__(self):
        self.writes, self.ended = [], None

    def write(self, data):
        if data:
            self.writes.append(data)

    def want_body(self):
        raise AssertionError("nobody asks for a body")

    hold_body = want_body

    async def writable(self):
        raise AssertionError("it is not paused")

    def answered(self, *, keep_alive):
        self.ended = keep_alive

    def app_failed(self, cycle, error):
        raise AssertionError("nothing fails")


@pytest.fixture
def line():
    return Written()


@pytest.fixture
def cycle(line):
    return Cycle(line, RequestHead(b"GET", b"/", 1, [(b"host", b"h")], {b"host": b"h"}, length=0, keep_alive=True))


HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n"


def fields(length):
    return [(b"content-length", b"%d" % length)]


def test_a_head_that_is_held_goes_with_what_follows(line, cycle):
    cycle.begin(200, fields(2), hold=True)
    assert line.writes == []
    cycle.go_on(b"ok", more=False)
    assert line.writes == [HEAD % 2 + b"ok"]
    assert line.ended is True


def test_what_follows_the_first_piece_goes_by_itself(line, cycle):
    cycle.begin(200, fields(4), hold=True)
    cycle.go_on(b"ab", more=True)
    cycle.go_on(b"cd", more=False)
    assert line.writes == [HEAD % 4 + b"ab", b"cd"]


def test_a_head_that_nothing_follows_for_a_while_is_written(line, cycle):
    cycle.begin(200, fields(2), hold=True)
    cycle.flush()
    assert line.writes == [HEAD % 2]
    cycle.flush()
    cycle.go_on(b"ok", more=False)
    assert line.writes == [HEAD % 2, b"ok"]


def test_a_head_that_is_held_can_be_taken_back_for_another_answer(line, cycle):
    cycle.begin(200, fields(2), hold=True)
    assert cycle.withdraw()
    assert not cycle.response_started
    cycle.begin(502, fields(3))
    cycle.go_on(b"bad", more=False)
    assert line.writes == [b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 3\r\nconnection: close\r\n\r\n", b"bad"]
    assert line.ended is False


def test_what_was_written_cannot_be_taken_back(line, cycle):
    assert not cycle.withdraw()
    cycle.begin(200, fields(2), hold=True)
    cycle.flush()
    assert not cycle.withdraw()
    assert line.writes == [HEAD % 2]


def test_an_answer_without_a_body_is_its_head(line, cycle):
    cycle.begin(204, [], hold=True)
    cycle.go_on(b"", more=False)
    assert line.writes == [b"HTTP/1.1 204 No Content\r\n\r\n"]


def test_much_is_not_copied_to_be_joined(line, cycle):
    size = JOINED_BYTES + 1
    cycle.begin(200, fields(size), hold=True)
    cycle.go_on(bytes(size), more=False)
    assert line.writes == [HEAD % size, bytes(size)]


@pytest.mark.parametrize("pieces", [[b"abc"], [b"ab", b"c"], [b"ab", b"", b"c"]])
def test_chunks_and_their_end(line, cycle, pieces):
    cycle.begin(200, [], hold=True)
    for piece in pieces:
        cycle.go_on(piece, more=True)
    cycle.go_on(b"", more=False)
    body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece)
    assert b"".join(line.writes) == b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + body + b"0\r\n\r\n"


@pytest.mark.parametrize(("length", "body"), [(3, b"ab"), (1, b"ab")])
def test_a_body_of_another_length_than_declared_is_no_answer(line, cycle, length, body):
    cycle.begin(200, fields(length), hold=True)
    with pytest.raises(RuntimeError, match="not as long"):
        cycle.go_on(body, more=False)
    assert line.writes == []
    assert not cycle.response_complete


async def test_an_app_that_sends_messages_is_not_held(line, cycle):
    await cycle.send({"type": "http.response.start", "status": 200, "headers": fields(2)})
    assert line.writes == [HEAD % 2]
    await cycle.send({"type": "http.response.body", "body": b"ok"})
    assert line.writes == [HEAD % 2, b"ok"]
