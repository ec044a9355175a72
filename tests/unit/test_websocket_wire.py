"""Frames in any pieces: what a peer means does not depend on how its bytes arrive, and nothing it sends is fatal."""

import asyncio
import itertools
import struct

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from websockets.protocol import Side

from gateway.websocket_wire import IN_THIS_PROCESS, NO_CLOSE, Closed, Wire

MAX_BYTES = 300
TEXT, BINARY, CONT, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
MASK = b"\x11\x22\x33\x44"


class Peer(asyncio.Transport):
    """Takes all that is written to it."""

    def __init__(self):
        super().__init__()
        self.written, self.closing = b"", False

    def write(self, data):
        self.written += bytes(data)

    def can_write_eof(self):
        return True

    def write_eof(self):
        pass

    def is_closing(self):
        return self.closing

    def close(self):
        self.closing = True

    abort = close

    def pause_reading(self):
        pass

    def resume_reading(self):
        pass

    def set_protocol(self, protocol):
        pass

    def get_write_buffer_size(self):
        return 0


def frame(opcode, payload, *, fin=True):
    """As a client sends it (RFC 6455 section 5.2), made without the library that the product reads it with."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack("!H", size)
    masked = bytes(byte ^ MASK[place % 4] for place, byte in enumerate(payload))
    return bytes([(0x80 if fin else 0) | opcode]) + length + MASK + masked


async def _played(pieces):
    wire, peer = Wire(Side.SERVER, max_bytes=MAX_BYTES), Peer()
    wire.begin(peer)
    for piece in pieces:
        wire.data_received(piece)
    wire.eof_received()
    messages = []
    while not isinstance(item := await wire.receive(), Closed):
        messages.append(item)
    wire.connection_lost(None)
    return messages, item, peer.written


def played(data, cuts=()):
    """Messages, how it ended, and what was answered to a client that sends these bytes in pieces and then no more."""
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    pieces = [data[begin:end] for begin, end in itertools.pairwise(places)]
    return asyncio.run(_played(pieces))


texts = st.text(max_size=60)
messages = st.one_of(texts, st.binary(max_size=MAX_BYTES))
cuts = st.lists(st.integers(0, 5000), max_size=12)


@st.composite
def conversations(draw):
    """Whole messages in fragments, with pings between them: the bytes, the messages and the payloads of the pings."""
    sent, pings, data = [], [], b""
    for message in draw(st.lists(messages, max_size=5)):
        payload = message.encode() if isinstance(message, str) else message
        places = sorted({0, len(payload), *draw(st.lists(st.integers(0, len(payload)), max_size=3))})
        parts = [payload[begin:end] for begin, end in itertools.pairwise(places)] or [b""]
        for number, part in enumerate(parts):
            if draw(st.booleans()):
                pings.append(draw(st.binary(max_size=125)))
                data += frame(PING, pings[-1])
            opcode = CONT if number else TEXT if isinstance(message, str) else BINARY
            data += frame(opcode, part, fin=number == len(parts) - 1)
        sent.append(message)
    return data, sent, pings


@settings(deadline=None, max_examples=60)
@given(conversations(), cuts)
def test_messages_arrive_whole_however_they_are_cut(conversation, cuts):
    data, sent, pings = conversation
    got, closed, answered = played(data, cuts)
    assert got == sent
    assert closed == Closed(NO_CLOSE)
    assert answered == b"".join(bytes([0x80 | PONG, len(ping)]) + ping for ping in pings)


@settings(deadline=None, max_examples=60)
@given(conversations(), cuts, st.integers(1000, 4999), st.text(max_size=30))
def test_a_close_is_answered_with_its_code(conversation, cuts, code, reason):
    may_be_sent = code >= 3000 or code in {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014}
    data, sent, _ = conversation
    payload = struct.pack("!H", code) + reason.encode()
    got, closed, answered = played(data + frame(CLOSE, payload), cuts)
    assert got == sent
    if may_be_sent:
        assert (closed.code, closed.reason) == (code, reason)
        assert answered.endswith(bytes([0x88, len(payload)]) + payload)
    else:
        assert closed.code == NO_CLOSE
        assert b"\x03\xea" in answered  # 1002


@settings(deadline=None, max_examples=120)
@given(
    conversations(),
    cuts,
    st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), max_size=4),
    st.binary(max_size=20),
)
@example((frame(BINARY, b"x" * 300, fin=False) + frame(CONT, b"y" * 100), [], []), [7], [], b"")
@example((frame(TEXT, b"\xff"), [], []), [3], [], b"")
def test_nonsense_means_the_same_however_it_is_cut_and_leaves_nothing_behind(conversation, cuts, changes, tail):
    data = bytearray(conversation[0])
    for place, byte in changes:
        if data:
            data[place % len(data)] = byte
    data = bytes(data) + tail
    held = IN_THIS_PROCESS.size
    whole = played(data)
    assert played(data, cuts) == whole
    assert all(len(message) <= MAX_BYTES for message in whole[0])
    assert IN_THIS_PROCESS.size == held


@pytest.mark.parametrize("later", [frame(CLOSE, b"\x03\xe8"), frame(PING, b"?"), frame(TEXT, b"more"), frame(3, b"")])
def test_of_a_peer_that_broke_a_rule_nothing_more_is_read(later):
    got, closed, answered = played(frame(TEXT, b"first") + frame(TEXT, b"\xff") + later)
    assert got == ["first"]
    assert closed == Closed(NO_CLOSE, fault="a text is not UTF-8")
    assert answered == b"\x88\x15\x03\xef" + b"a text is not UTF-8"


def announced(size, opcode=BINARY, *, fin=True):
    """The head of a frame, of which nothing more comes."""
    return bytes([(0x80 if fin else 0) | opcode, 0xFF]) + struct.pack("!Q", size) + MASK


@pytest.mark.parametrize(
    "sent",
    [
        announced(MAX_BYTES + 1),
        frame(BINARY, b"x" * 100, fin=False) + announced(MAX_BYTES - 99, CONT),
        frame(BINARY, b"x" * 50, fin=False) + frame(CONT, b"x" * 50, fin=False) + announced(MAX_BYTES - 99, CONT),
    ],
)
def test_the_head_of_a_frame_shows_that_its_message_is_too_large(sent):
    _, closed, answered = played(sent)
    assert closed.fault
    assert answered[2:4] == b"\x03\xf1"  # 1009


def test_a_full_message_leaves_room_for_a_ping_and_for_the_next_one():
    part = frame(BINARY, b"x" * 200, fin=False)
    whole = part + frame(CONT, b"x" * (MAX_BYTES - 200), fin=False) + frame(PING, b"p" * 125) + frame(CONT, b"")
    got, closed, _ = played(whole + frame(BINARY, b"y" * MAX_BYTES))
    assert got == [b"x" * MAX_BYTES, b"y" * MAX_BYTES]
    assert closed == Closed(NO_CLOSE)
