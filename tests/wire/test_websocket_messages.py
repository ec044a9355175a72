"""Frames end at both sides of the gateway: what passes of them, what does not, and at what pace (RFC 6455, 5)."""

import asyncio
import contextlib
import functools
import hashlib
import os
import tracemalloc

import pytest

from gateway import websocket_wire
from tests.support.proxy_harness import ANY_SERVER, OUR_EDGE, gateway, one
from tests.support.scripted_upstream import applies, eventually, serving
from tests.support.websocket_peer import (
    BINARY,
    CLOSE,
    CONT,
    PING,
    PONG,
    TEXT,
    Upstreams,
    VanishedError,
    echo,
    frame,
    upgrade,
)


@contextlib.asynccontextmanager
async def pair(server, *, top="", noise=()):
    """A WebSocket through a gateway: the gateway, the client's end and the upstream's."""
    ends = Upstreams()
    async with serving(ends) as old, gateway(one(old, top=top), server, noise=noise) as gw, gw.client() as client:
        here = await upgrade(client)
        there = await ends.next()
        try:
            yield gw, here, there
        finally:
            there.done.set()


@applies(*ANY_SERVER)
@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 1_000_003])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
async def test_messages_pass_both_ways_unchanged(server, opcode, size):
    data = b"\xc3\xa4z"[: size % 2 * 3] + b"a" * size if opcode == TEXT else os.urandom(size)
    async with pair(server) as (_, here, there):
        for sender, receiver in [(here, there), (there, here)]:
            await sender.send(opcode, data)
            got = await receiver.expect(opcode, data)
            assert got.fin


@applies(*ANY_SERVER)
async def test_fragments_become_one_message_and_control_frames_between_them_are_answered_at_each_side(server):
    async with pair(server) as (_, here, there):
        for sender, receiver in [(here, there), (there, here)]:
            await sender.send(TEXT, b"gr\xc3", fin=False)
            await sender.send(PING, b"now")
            await sender.expect(PONG, b"now")
            await sender.send(CONT, b"", fin=False)
            await sender.send(PONG, b"nobody asked")
            await sender.send(CONT, b"\xbc\xc3\x9f", fin=False)
            await sender.send(CONT, b"e")
            await receiver.expect(TEXT, "grüße".encode())


@applies(*ANY_SERVER)
async def test_every_ping_is_answered_in_order_and_none_is_passed_on(server):
    async with pair(server) as (_, here, there):
        for sender, receiver in [(here, there), (there, here)]:
            await sender.write(b"".join(sender.bytes_of(PING, b"%d" % number) for number in range(50)))
            for number in range(50):
                await sender.expect(PONG, b"%d" % number)
            await sender.send(PING, b"x" * 125)
            await sender.expect(PONG, b"x" * 125)
            await sender.text("only this")
            await receiver.expect(TEXT, b"only this")


@applies(*ANY_SERVER)
async def test_frames_in_any_pieces_are_the_same_frames(server):
    async with pair(server) as (_, here, there):
        for sender, receiver in [(here, there), (there, here)]:
            for byte in sender.bytes_of(TEXT, b"hello") + sender.bytes_of(BINARY, bytes(200)):
                await sender.write(bytes([byte]))
            await receiver.expect(TEXT, b"hello")
            await receiver.expect(BINARY, bytes(200))
            await sender.write(b"".join(sender.bytes_of(TEXT, b"%d" % number) for number in range(1000)))
            for number in range(1000):
                await receiver.expect(TEXT, b"%d" % number)


MASK = b"\1\2\3\4"
BROKEN = {
    "reserved bit 1": ((TEXT, b"a"), {"rsv": 4}, 1002),
    "reserved bit 3": ((BINARY, b"a"), {"rsv": 1}, 1002),
    "reserved opcode 3": ((3, b"a"), {}, 1002),
    "reserved opcode 11": ((11, b""), {}, 1002),
    "a ping of 126 bytes": ((PING, bytes(126)), {}, 1002),
    "a fragmented ping": ((PING, b"a"), {"fin": False}, 1002),
    "a continuation of nothing": ((CONT, b"a"), {}, 1002),
    "text that is not UTF-8": ((TEXT, b"\xff\xfe"), {}, 1007),
    "text that ends inside a character": ((TEXT, b"\xc3"), {}, 1007),
    "text with a surrogate": ((TEXT, b"\xed\xa0\x80"), {}, 1007),
    "a Close of one byte": ((CLOSE, b"\x03"), {}, 1002),
    "a Close with 1005": ((CLOSE, b"\x03\xed"), {}, 1002),
    "a Close with 1006": ((CLOSE, b"\x03\xee"), {}, 1002),
    "a Close with 999": ((CLOSE, b"\x03\xe7"), {}, 1002),
    "a Close with 1004": ((CLOSE, b"\x03\xec"), {}, 1002),
    "a Close with 5000": ((CLOSE, b"\x13\x88"), {}, 1002),
    "a Close whose reason is not UTF-8": ((CLOSE, b"\x03\xe8\xff"), {}, 1007),
    "a Close of 126 bytes": ((CLOSE, b"\x03\xe8" + b"a" * 124), {}, 1002),
}


@applies(*OUR_EDGE)
@pytest.mark.parametrize("case", list(BROKEN))
async def test_a_client_that_breaks_a_rule_is_told_which_and_the_upstream_that_it_is_gone(server, case):
    (opcode, data), options, code = BROKEN[case]
    async with pair(server) as (gw, here, there):
        await here.text("good")
        await here.write(frame(opcode, data, mask=MASK, **options) + here.bytes_of(TEXT, b"never"))
        await here.expect_close(code)
        await here.gone()
        await there.expect(TEXT, b"good")
        await there.expect_close(1001)
        await there.close(1001)
        await gw.until_counted()
        assert gw.attempts == {("fixed", "ok"): 1}
        assert gw.upstream_errors == {}


@applies(*OUR_EDGE)
@pytest.mark.parametrize("case", list(BROKEN))
async def test_an_upstream_that_breaks_a_rule_is_told_which_and_blamed(server, case):
    (opcode, data), options, code = BROKEN[case]
    async with pair(server) as (gw, here, there):
        await there.text("good")
        await there.write(frame(opcode, data, **options) + there.bytes_of(TEXT, b"never"))
        await there.expect_close(code)
        await here.expect(TEXT, b"good")
        await here.expect_close(1011)
        await here.close(1011)
        await here.gone()
        await gw.until_counted()
        assert gw.attempts == {("fixed", "truncated"): 1}
        assert gw.upstream_errors == {("old", "malformed"): 1}


@applies(*OUR_EDGE)
async def test_frames_without_a_mask_from_the_client_and_with_one_from_the_upstream_are_refused(server):
    async with pair(server) as (_, here, there):
        await here.write(frame(TEXT, b"plain"))
        await here.expect_close(1002)
        await there.expect_close(1001)
    async with pair(server) as (_, here, there):
        await there.write(frame(TEXT, b"masked", mask=MASK))
        await there.expect_close(1002)
        await here.expect_close(1011)


@applies(*OUR_EDGE)
async def test_a_new_message_inside_a_fragmented_one_is_refused(server):
    async with pair(server) as (_, here, there):
        await here.send(TEXT, b"a", fin=False)
        await here.send(TEXT, b"b")
        await here.expect_close(1002)
        await there.expect_close(1001)


LIMIT = "websocket: {max_message_bytes: 1000}"


@applies(*OUR_EDGE)
@pytest.mark.parametrize(
    "pieces",
    [(1001,), (500, 501), (1000, 0, 1), (2**20,)],
    ids=["one frame", "fragments", "an empty one", "a mebibyte"],
)
async def test_a_message_over_the_limit_is_refused_to_its_sender(server, pieces):
    for inward in (True, False):
        async with pair(server, top=LIMIT) as (gw, here, there):
            sender, receiver = (here, there) if inward else (there, here)
            await sender.send(BINARY, bytes(1000))
            await receiver.expect(BINARY, bytes(1000))
            for number, size in enumerate(pieces):
                fin = number == len(pieces) - 1
                with contextlib.suppress(ConnectionError):
                    await sender.send(CONT if number else BINARY, bytes(size), fin=fin)
            await sender.expect_close(1009)
            await receiver.expect_close(1001 if inward else 1011)
            await receiver.close()
            await gw.until_counted()
            assert gw.attempts == {("fixed", "ok" if inward else "truncated"): 1}


@applies(*OUR_EDGE)
async def test_a_message_of_the_limit_passes_with_control_frames_between_its_fragments(server):
    async with pair(server, top=LIMIT) as (_, here, there):
        await here.send(BINARY, bytes(1000), fin=False)
        await here.send(PING, b"still here")
        await here.expect(PONG, b"still here")
        await here.send(CONT, b"")
        await there.expect(BINARY, bytes(1000))


@applies(*OUR_EDGE)
@pytest.mark.parametrize("inward", [True, False])
async def test_what_all_unfinished_messages_hold_has_a_bound(server, inward, monkeypatch):
    """Each is within its own limit; together they would be as much memory as there is."""
    monkeypatch.setattr(websocket_wire, "HELD_BYTES", 1_600_000)
    held = websocket_wire.IN_THIS_PROCESS
    whole = bytes(400_000)
    async with contextlib.AsyncExitStack() as stack:
        senders, receivers = [], []
        for number in range(1, 6):
            top = "websocket: {max_message_bytes: 400000}"
            _, here, there = await stack.enter_async_context(pair(server, top=top))
            senders.append(here if inward else there)
            receivers.append(there if inward else here)
            mask = MASK if inward else None
            begun = frame(BINARY, whole, mask=mask)[:390_000]
            with contextlib.suppress(ConnectionError):
                await senders[-1].write(begun)
            if number < 5:
                await eventually(functools.partial(lambda most: held.size > most, number * 389_000))
        await senders[4].expect_close(1013)
        await receivers[4].expect_close(1001 if inward else 1011)
        assert held.size < 1_600_000
        await senders[0].write(frame(BINARY, whole, mask=mask)[390_000:])
        await receivers[0].expect(BINARY, whole)
        await senders[4].close()
        await receivers[4].close()
    await eventually(lambda: not held.size)


@applies(*OUR_EDGE)
async def test_a_frame_that_announces_too_much_is_refused_before_it_comes(server):
    async with pair(server) as (_, here, there):
        await here.write(frame(BINARY, b"", mask=MASK, length=64 * 2**20 + 126))
        await here.expect_close(1009)
        await there.expect_close(1001)


@applies(*OUR_EDGE)
async def test_sixty_four_mebibytes_pass_both_ways(server):
    data = os.urandom(2**20) * 64
    want = hashlib.sha256(data).digest()
    async with serving(echo) as old, gateway(one(old), server) as gw, gw.client(limit=2**20) as client:
        socket = await upgrade(client)
        half = len(data) // 2
        await socket.send(BINARY, data[:half], fin=False)
        await socket.send(CONT, data[half:])
        assert hashlib.sha256(await socket.message()).digest() == want
        await socket.close(1000)
        await socket.expect_close(1000)


BLOCK = bytes(2**18)
BOUND = 24 * 2**20
"""More than both kernels and all buffers between hold; far less than what is sent."""
MANY = 400


@applies(*ANY_SERVER)
@pytest.mark.parametrize("inward", [True, False], ids=["up", "down"])
async def test_a_reader_that_stops_stops_its_sender(server, inward):
    async with pair(server) as (_, here, there):
        sender, receiver = (here, there) if inward else (there, here)
        sent, stopped = 0, asyncio.Event()

        async def send():
            nonlocal sent
            for _ in range(MANY):
                sender.writer.write(sender.bytes_of(BINARY, BLOCK))
                sent += 1
                try:
                    async with asyncio.timeout(1.0):
                        await sender.writer.drain()
                except TimeoutError:
                    stopped.set()
                    await sender.writer.drain()

        sending = asyncio.ensure_future(send())
        await stopped.wait()
        assert sent * len(BLOCK) < BOUND
        for _ in range(MANY):
            await receiver.expect(BINARY, BLOCK)
        await sending


@applies(*ANY_SERVER)
@pytest.mark.parametrize("inward", [True, False], ids=["up", "down"])
async def test_the_other_direction_goes_on_while_one_stands_still(server, inward):
    async with pair(server) as (_, here, there):
        sender, receiver = (here, there) if inward else (there, here)
        blocked = False
        for _ in range(MANY):
            sender.writer.write(sender.bytes_of(BINARY, BLOCK))
            try:
                async with asyncio.timeout(0.5):
                    await sender.writer.drain()
            except TimeoutError:
                blocked = True
                break
        assert blocked
        for number in range(100):
            await receiver.text(f"back {number}")
            await sender.expect(TEXT, b"back %d" % number)


@applies(*OUR_EDGE)
async def test_a_flood_of_pings_from_one_who_does_not_read_is_held_nowhere(server):
    async with pair(server) as (gw, here, there):
        ping = here.bytes_of(PING, bytes(125))
        for _ in range(300):
            here.writer.write(ping * 1000)
            await here.writer.drain()
            (connection,) = gw.server.server_state.connections
            assert connection.transport.get_write_buffer_size() < 2**20
        here.writer.write(here.bytes_of(PING, b"the last one") + here.bytes_of(TEXT, b"done"))
        await there.expect(TEXT, b"done")
        while (got := await here.next()).data != b"the last one":
            assert got.opcode == PONG


@applies(*OUR_EDGE)
async def test_many_small_fragments_cost_no_more_than_their_bytes(server):
    async with pair(server) as (_, here, there):
        await here.send(BINARY, b"", fin=False)
        piece = here.bytes_of(CONT, b"x", fin=False) * 1000
        for _ in range(100):
            await here.write(piece)
        await here.send(CONT, b"end")
        assert len(await there.message()) == 100_003


@applies(*OUR_EDGE)
async def test_what_is_on_the_way_when_a_sender_vanishes_is_delivered(server):
    async with pair(server) as (_, here, there):
        await here.write(b"".join(here.bytes_of(TEXT, b"%d" % number) for number in range(100)))
        here.writer.write_eof()
        for number in range(100):
            await there.expect(TEXT, b"%d" % number)
        with pytest.raises(VanishedError):
            await there.next()


@applies(*OUR_EDGE)
async def test_a_message_that_has_passed_is_held_by_nobody(server):
    async with pair(server) as (_, here, there):
        tracemalloc.start()
        try:
            for sender, receiver in [(here, there), (there, here)]:
                sending = asyncio.ensure_future(sender.send(BINARY, bytes(2**24)))
                assert len(await receiver.message()) == 2**24
                await sending
                del sending
                await receiver.text("thanks")  # both pumps have turned since
                await sender.expect(TEXT)
            assert tracemalloc.get_traced_memory()[0] < 2**22
        finally:
            tracemalloc.stop()
