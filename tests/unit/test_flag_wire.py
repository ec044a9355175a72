"""Replies of Redis, piece by piece, and what becomes of those who wait for them."""

import asyncio
from typing import Self

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio.connection import Connection
from redis.exceptions import ConnectionError as StoreConnectionError
from redis.exceptions import InvalidResponse, ResponseError

from gateway.flags.wire import Replies, Wire

replies = st.recursive(
    st.none() | st.binary(max_size=20) | st.integers(-(2**63), 2**63 - 1) | st.just(b"a\r\nb"),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=12,
)


def encoded(reply) -> bytes:
    match reply:
        case None:
            return b"$-1\r\n"
        case bytes():
            return b"$%d\r\n%b\r\n" % (len(reply), reply)
        case int():
            return b":%d\r\n" % reply
        case _:
            return b"*%d\r\n" % len(reply) + b"".join(map(encoded, reply))


@given(st.lists(replies, max_size=4), st.data())
def test_replies_come_whole_wherever_they_are_cut(sent, data):
    raw = b"".join(map(encoded, sent))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=6)))
    reader, found = Replies(), []
    for begin, end in zip([0, *cuts], [*cuts, len(raw)], strict=True):
        found += reader.feed(raw[begin:end])
    assert found == sent


def test_words_nulls_and_refusals():
    status, null, refusal, inner = Replies().feed(b"+OK\r\n*-1\r\n-NOPERM no\r\n*2\r\n-ERR odd\r\n+QUEUED\r\n")
    assert (status, null, inner[1]) == (b"OK", None, b"QUEUED")
    assert isinstance(refusal, ResponseError)
    assert str(refusal) == "NOPERM no"
    assert str(inner[0]) == "odd"


@pytest.mark.parametrize("raw", [b"HTTP/1.1 400 Bad Request\r\n", b"$x\r\n", b"*1.5\r\n", b":\r\n", b"\r\n"])
def test_what_is_no_reply_is_told(raw):
    with pytest.raises(InvalidResponse):
        Replies().feed(raw)


class Peer:
    """What a wire has called, and a connection of redis-py to somebody who says what the test says."""

    def __init__(self) -> None:
        self.lost: list[BaseException] = []
        self.heard: list[object] = []
        self.asked = asyncio.Queue[bytes]()
        self._served = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.connection = Connection(host="127.0.0.1", port=port, protocol=2, driver_info=None)
        await self.connection.connect_check_health()
        self.wire = Wire(self.connection, lost=self.lost.append, hear=self._hear)
        return self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        while data := await reader.read(1 << 16):
            self.asked.put_nowait(data)
        writer.close()
        await writer.wait_closed()
        self._served.set()

    def _hear(self, keys: object) -> None:
        if keys == [b"fault"]:
            raise ZeroDivisionError("a fault of ours")
        self.heard.append(keys)

    async def __aexit__(self, *_: object) -> None:
        await self.connection.disconnect(nowait=True)
        await self._served.wait()
        self._server.close()
        await self._server.wait_closed()


async def answered(peer: Peer, *commands: tuple[str, ...], by: bytes):
    task = asyncio.ensure_future(peer.wire.ask(*commands))
    await peer.asked.get()
    peer.writer.write(by)
    return await asyncio.wait_for(task, 5)


async def with_peer(scenario):
    async with asyncio.timeout(10), Peer() as peer:
        return await scenario(peer)


def test_replies_go_to_those_who_asked_and_messages_to_who_listens():
    async def scenario(peer):
        head = b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n"
        raw = b"+OK\r\n" + head + b"*1\r\n$3\r\nkey\r\n" + b":7\r\n" + head + b"*-1\r\n"
        assert await answered(peer, ("A",), ("B", "c"), by=raw) == [b"OK", 7]
        assert peer.heard == [[b"key"], None]
        assert not peer.wire.owes
        assert peer.lost == []

    asyncio.run(with_peer(scenario))


def test_who_waits_is_told_that_the_connection_is_lost_and_so_is_who_asks_afterwards():
    async def scenario(peer):
        task = asyncio.ensure_future(peer.wire.ask(("A",), ("B",)))
        await peer.asked.get()
        peer.writer.write(b"+OK\r\n")
        peer.writer.close()
        for waiting in (task, peer.wire.ask(("C",))):
            with pytest.raises(StoreConnectionError, match="closed by server"):
                await waiting
        assert len(peer.lost) == 1

    asyncio.run(with_peer(scenario))


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n*1\r\n$5\r\nfault\r\n:1\r\n", ZeroDivisionError),
        (b"?\r\n", InvalidResponse),
    ],
)
def test_a_fault_of_ours_and_a_server_that_is_none_end_the_wire(raw, error):
    async def scenario(peer):
        with pytest.raises(error):
            await answered(peer, ("A",), by=raw)
        assert [type(each) for each in peer.lost] == [error]

    asyncio.run(with_peer(scenario))
