"""What a client may ask of a worker, and what each limit answers."""

import asyncio
import contextlib
import functools
import json
import socket
import time
from pathlib import Path

import pytest

from gateway.config.load import load
from gateway.rules.plan import compile_plan
from tests.support.edge_cases import BOTH_LOOPS, EDGE, LAST, assert_refused, play
from tests.support.proxy_harness import BrokenReplyError, gateway, head_of, one
from tests.support.scripted_upstream import OK, answer_all, applies, eventually, heartbeat, longest, mark, serving

BODY = """
version: 1
upstreams: {{old: {{url: "{old}"}}}}
limits: {{max_body_bytes: 10}}
routes:
  - {{path: "/large", upstream: old, max_body_bytes: 1000000}}
  - {{path: "/none", upstream: old, max_body_bytes: 0}}
  - {{path: "/*", upstream: old}}
"""


def limits(**values):
    return f"limits: {json.dumps(values)}"


def sized(size, *, target=b"/", fields=1):
    """A head of exactly so many bytes with its empty line."""
    start = b"GET " + target + b" HTTP/1.1\r\nHost: test\r\n" + b"X-A: b\r\n" * (fields - 1)
    return start + b"X-Pad: " + b"x" * (size - len(start) - len(b"X-Pad: \r\n\r\n")) + b"\r\n\r\n"


# -- heads


@applies(*EDGE)
@pytest.mark.parametrize("pieces", [1, 2, 50])
@pytest.mark.parametrize(("size", "status"), [(4000, 200), (4002, 200), (4003, 431), (100_000, 431), (400_000, 431)])
async def test_the_size_of_a_head(size, status, pieces):
    text = sized(size)
    step = -(-size // pieces)
    cut = [text[at : at + step] for at in range(0, size, step)]
    seen = await play(*cut, *([LAST] if status == 200 else []), top=limits(max_head_bytes=4000))
    assert seen.statuses == [status] + [200] * (status == 200)
    assert len(seen.requests) == 2 * (status == 200)


@applies(*EDGE)
@pytest.mark.parametrize("unit", [b"X-A: b\r\n", b"x"])
async def test_a_head_without_an_end(unit):
    """Not one byte more is kept of it than is allowed."""
    await assert_refused(b"GET / HTTP/1.1\r\nHost: test\r\n" + unit * (60_000 // len(unit)), 431)


@applies(*EDGE)
@pytest.mark.parametrize(("fields", "status"), [(9, 200), (10, 431), (200, 431)])
async def test_the_number_of_fields(fields, status):
    seen = await play(sized(2000, fields=fields), *([LAST] if status == 200 else []), top=limits(max_headers=10))
    assert seen.statuses[0] == status


@applies(*EDGE)
@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize(("length", "status"), [(299, 200), (300, 200), (301, 414), (60_000, 414)])
async def test_the_length_of_a_target(length, status, ended):
    line = b"GET /" + b"a" * (length - 1)
    if status == 200:
        assert (await play(line + LAST[9:], top=limits(max_target_bytes=300))).statuses == [200]
    else:
        seen = await play(line + (LAST[9:] if ended else b"a" * 20), top=limits(max_target_bytes=300))
        assert (seen.statuses, seen.requests) == ([414], [])


@applies(*EDGE)
async def test_a_name_that_is_longer_than_any():
    await assert_refused(b"GET / HTTP/1.1\r\nHost: test\r\n" + b"x" * 257 + b": y\r\n\r\n", 400)


@applies(*EDGE)
async def test_the_shipped_limits_leave_room_for_what_is_usual():
    lines = [b"Cookie: " + b"c" * 8000, b"Authorization: Bearer " + b"t" * 8000, *(b"X-%d: y" % n for n in range(90))]
    request = b"\r\n".join([b"GET /" + b"q" * 8000 + b" HTTP/1.1", b"Host: test", *lines, b"", b""])
    assert (await play(request + LAST)).statuses == [200, 200]


# -- bodies


@applies(*EDGE)
@pytest.mark.parametrize(("path", "size", "status"), [
    ("/a", 10, 200), ("/a", 11, 413), ("/a", 10**17, 413), ("/none", 0, 200), ("/none", 1, 413),
    ("/large", 1_000_000, 200), ("/large", 1_000_001, 413),
])  # fmt: skip
async def test_a_declared_body(path, size, status):
    async with serving(answer_all) as old, gateway(BODY.format(old=old.url)) as gw, gw.client() as client:
        await client.send(head_of("POST", path, f"content-length: {size}"))
        if status == 200:
            await client.send(b"x" * size)
        reply = await client.reply()
        assert reply.status == status
        assert len(old.requests) == (status == 200)
        assert bool(old.peers) == (status == 200)


@applies(*EDGE)
@pytest.mark.parametrize(("path", "sizes", "status"), [
    ("/a", [5, 5], 200), ("/a", [5, 6], 413), ("/a", [11], 413), ("/a", [1] * 50, 413), ("/none", [], 200),
    ("/none", [1], 413), ("/large", [200_000] * 5, 200), ("/large", [200_000] * 5 + [1], 413),
    ("/large", [16_000_000], 413),
])  # fmt: skip
async def test_a_chunked_body_as_it_arrives(path, sizes, status):
    async with serving(answer_all) as old, gateway(BODY.format(old=old.url)) as gw, gw.client() as client:
        await client.send(head_of("POST", path, "transfer-encoding: chunked"))
        with contextlib.suppress(ConnectionError):
            for size in sizes:
                await client.send(b"%x\r\n%b\r\n" % (size, b"x" * size))
            await client.send(b"0\r\n\r\n")
        assert (await client.reply()).status == status
        await gw.until_counted()
        assert len(old.requests) == (status == 200)
        assert gw.requests == {("none", "fixed", str(status)): 1}
        assert ("fixed", "truncated") not in gw.attempts


# -- time


@applies(*BOTH_LOOPS)
@pytest.mark.parametrize("ahead", [False, True])
async def test_a_head_that_does_not_end(ahead):
    """However lively it arrives: the limit is for the whole of it."""
    top = limits(head_timeout_seconds=0.3)
    async with serving(answer_all) as old, gateway(one(old, top=top)) as gw, gw.client() as client:
        if ahead:
            assert (await client.get()).status == 200
        began = time.monotonic()
        await client.send(b"GET / HTTP/1.1\r\nHost: test\r\n")
        reply = asyncio.ensure_future(client.reply())
        while not reply.done():
            await client.send(b"x")
            await asyncio.wait((reply,), timeout=0.01)
        assert 0.2 < time.monotonic() - began < 5
        assert ((await reply).status, (await reply)[b"connection"]) == (408, b"close")
        assert len(old.requests) == ahead


@applies(*BOTH_LOOPS)
@pytest.mark.parametrize("sent", [b"", b"\r\n"])
async def test_a_connection_on_which_nothing_comes_is_closed_without_a_word(sent):
    async with (
        serving(answer_all) as old,
        gateway(one(old, top=limits(head_timeout_seconds=0.1))) as gw,
        gw.client() as client,
    ):
        await client.send(sent)
        assert await client.closed() == b""
        assert gw.requests == {}


@applies(*BOTH_LOOPS)
async def test_an_idle_connection_is_closed_without_a_word():
    async with (
        serving(answer_all) as old,
        gateway(one(old, top=limits(keep_alive_seconds=0.1))) as gw,
        gw.client() as client,
    ):
        assert (await client.get()).status == 200
        assert await client.closed() == b""
        assert gw.requests == {("none", "fixed", "200"): 1}


@applies(*BOTH_LOOPS)
@pytest.mark.parametrize("framing", ["content-length: 100", "transfer-encoding: chunked"])
@pytest.mark.parametrize("begun", [b"", b"4\r\nhalf\r\n"])
async def test_a_body_that_stops(framing, begun):
    async with (
        serving(answer_all) as old,
        gateway(one(old, top=limits(body_timeout_seconds=0.1))) as gw,
        gw.client() as client,
    ):
        await client.send(head_of("POST", "/", framing) + begun)
        reply = await client.reply()
        assert (reply.status, reply[b"connection"]) == (408, b"close")
        assert await client.closed() == b""
        await gw.until_counted()
        assert old.requests == []
        assert gw.upstream_errors == {}


@applies(*BOTH_LOOPS)
@pytest.mark.parametrize(("rate", "status"), [(1_000_000, 408), (0, 200)])
async def test_a_body_that_trickles(rate, status):
    """A byte now and then is never late by itself: without a rate, a client holds an upstream's connection for days.
    A client that the machine pauses for as long as a byte may take is late, though, and tries again.
    """
    top = limits(body_timeout_seconds=0.4, min_body_bytes_per_second=rate)
    async with serving(answer_all) as old, gateway(one(old, top=top)) as gw:
        for attempt in range(1, 6):
            async with gw.client() as client:
                got, longest_gap = await trickle(client)
            await gw.until_counted(total=attempt)
            if got == status or longest_gap < 0.35:
                break
        assert got == status, f"the longest time between two bytes was {longest_gap:.2f} s"
        assert len(old.requests) == (status == 200)
        assert gw.upstream_errors == {}


async def trickle(client):
    """Sends 50 bytes one by one, in a second: the status of the answer, and the longest time between two of them."""
    times = []
    mark(times)
    await client.send(head_of("POST", "/", "content-length: 50"))
    reply = asyncio.ensure_future(client.reply())
    for _ in range(50):
        mark(times)
        with contextlib.suppress(ConnectionError):
            await client.send(b"x")
        await asyncio.wait((reply,), timeout=0.02)
        if reply.done():
            break
    got = (await reply).status
    mark(times)
    return got, longest(times)


@applies(*BOTH_LOOPS)
async def test_a_body_that_stops_after_its_answer_has_begun_is_cut():
    async def script(peer):
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")
        await peer.closed()
        ended.set()

    ended = asyncio.Event()
    async with (
        serving(script) as old,
        gateway(one(old, top=limits(body_timeout_seconds=0.1))) as gw,
        gw.client() as client,
    ):
        await client.send(head_of("POST", "/", "content-length: 100") + b"begun")
        with pytest.raises(BrokenReplyError):
            await client.reply()
        await ended.wait()


@applies(*BOTH_LOOPS)
async def test_a_client_is_not_blamed_for_an_upstream_that_does_not_read():
    async def script(peer):
        peer.writer.transport.pause_reading()
        asyncio.get_running_loop().call_later(0.5, peer.writer.transport.resume_reading)
        if await peer.request():
            await peer.send(OK)

    size = 8_000_000
    async with serving(script) as old, gateway(one(old, top=limits(body_timeout_seconds=0.2))) as gw:
        for _ in range(5):
            async with gw.client() as client, heartbeat() as beats:
                with contextlib.suppress(ConnectionError):
                    await client.send(head_of("POST", "/", f"content-length: {size}") + b"x" * size)
                reply = await client.reply()
            if reply.status == 200 or longest(beats) < 0.15:  # a client that was paused for as long is to blame
                break
        assert reply.status == 200
        assert len(old.requests[0].body) == size


@applies(*BOTH_LOOPS)
async def test_a_client_that_does_not_read_its_answer_is_cut():
    async def script(peer):
        await peer.request()
        peer.writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n" + b"x" * 50_000_000)
        await peer.closed()
        ended.set()

    ended = asyncio.Event()
    async with serving(script) as old, gateway(one(old, top=limits(send_timeout_seconds=0.2))) as gw:
        with socket.create_connection(("127.0.0.1", gw.port)) as client:
            client.sendall(head_of("GET", "/"))
            await ended.wait()
            await gw.until_counted()
            assert gw.requests == {("none", "fixed", "499"): 1}
            assert gw.attempts == {("fixed", "client_gone"): 1}


@applies(*BOTH_LOOPS)
async def test_a_client_that_does_not_read_the_end_of_its_answer_is_cut():
    """Its answer is complete, and waits in our own buffers."""
    body = b"x" * 30_000_000

    async def script(peer):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)

    async with serving(script) as old, gateway(one(old, top=limits(send_timeout_seconds=0.2))) as gw:
        with socket.create_connection(("127.0.0.1", gw.port)) as client:
            client.sendall(head_of("GET", "/", "connection: close"))
            await eventually(lambda: gw.server.server_state.swept)
            await eventually(lambda: not gw.server.server_state.swept)


@applies(*BOTH_LOOPS)
async def test_a_client_that_reads_slowly_is_served():
    async def script(peer):
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 4000000\r\n\r\n" + b"x" * 4_000_000)

    async with (
        serving(script) as old,
        gateway(one(old, top=limits(send_timeout_seconds=0.3))) as gw,
    ):
        for _ in range(5):
            async with gw.client(limit=1024) as client, heartbeat() as beats:
                left = await read_slowly(client, 4_000_000)
            if not left or longest(beats) < 0.25:  # a client that was paused for as long took nothing
                break
        assert not left


async def read_slowly(client, size):
    """How much of an answer of so many bytes is missing."""
    await client.send(head_of("GET", "/"))
    await client.head()
    loop = asyncio.get_running_loop()
    client.reader._limit = 1
    with contextlib.suppress(ConnectionError):
        while size and (piece := await client.reader.read(400_000)):
            size -= len(piece)
            tick = loop.create_future()
            loop.call_later(0.02, tick.set_result, None)
            await tick
    return size


# -- numbers


@applies(*BOTH_LOOPS)
@pytest.mark.parametrize("limit", ["max_connections", "max_connections_per_client"])
async def test_one_connection_too_many_is_503_and_the_next_is_served(limit):
    async with serving(answer_all) as old, gateway(one(old, top=limits(**{limit: 2}))) as gw, gw.client() as first:
        assert (await first.get()).status == 200
        async with gw.client() as second, gw.client() as third:
            assert (await second.get()).status == 200
            await third.send(LAST)
            reply = await third.reply()
            assert (reply.status, reply[b"retry-after"], reply[b"connection"]) == (503, b"1", b"close")
            assert await third.closed() == b""
            assert (await second.get()).status == 200
        await eventually(lambda: len(gw.server.server_state.swept) == 1)
        async with gw.client() as fourth:
            assert (await fourth.get()).status == 200
        assert gw.requests[("none", "none", "503")] == 1


@applies(*BOTH_LOOPS)
@pytest.mark.parametrize("limit", ["max_connections", "max_connections_per_client"])
async def test_connections_that_are_told_no_have_a_bound_too(limit, monkeypatch):
    """Each holds a descriptor until it has closed: a flood of them must not use up those kept for upstreams."""
    from gateway.edge import protocol, state

    monkeypatch.setattr(state.resource, "getrlimit", lambda _: (1024, 1024))  # 128 are kept, 32 are told no
    monkeypatch.setattr(protocol, "LINGER_SECONDS", 60.0)
    async with serving(answer_all) as old, gateway(one(old, top=limits(**{limit: 2}))) as gw, gw.client() as first:
        assert (await first.get()).status == 200
        edge = gw.server.server_state
        async with contextlib.AsyncExitStack() as held:
            clients = [await held.enter_async_context(gw.client()) for _ in range(50)]
            await eventually(lambda: gw.requests[("none", "none", "503")] == 32)
            for client in clients[33:]:
                assert await client.closed() == b""
            assert len(edge.swept) == 34
            assert (await first.get()).status == 200
        await eventually(lambda: len(edge.swept) == 1)
        async with gw.client() as next_one:
            assert (await next_one.get()).status == 200


@applies(*EDGE)
async def test_a_trusted_proxy_brings_many_clients():
    top = limits(max_connections_per_client=1) + "\ntrusted_proxies: ['127.0.0.0/8']"
    async with (
        serving(answer_all) as old,
        gateway(one(old, top=top)) as gw,
        gw.client() as first,
        gw.client() as second,
    ):
        assert [(await first.get()).status, (await second.get()).status] == [200, 200]


@applies(*BOTH_LOOPS)
async def test_one_request_too_many_is_503_and_the_next_is_served():
    async def script(peer):
        while request := await peer.request():
            if b"slow" in request.line:
                await go.wait()
            await peer.send(OK)

    go = asyncio.Event()
    top = limits(max_requests_in_flight=1)
    async with serving(script) as old, gateway(one(old, top=top)) as gw, gw.client() as slow, gw.client() as other:
        await slow.send(head_of("GET", "/slow"))
        await eventually(lambda: old.requests)
        reply = await other.get()
        assert (reply.status, reply[b"retry-after"]) == (503, b"1")
        go.set()
        assert (await slow.reply()).status == 200
        assert (await other.get()).status == 200


@applies(*EDGE)
async def test_an_edit_is_in_force_for_the_next_request_of_an_open_connection():
    async with serving(answer_all) as old, gateway(one(old)) as gw, gw.client() as client:
        long = "/" + "a" * 400
        assert (await client.get(long)).status == 200
        loaded = load(one(old, top=limits(max_target_bytes=300)))
        gw.plan = compile_plan(loaded.routes, loaded.sha256)
        assert (await client.get(long)).status == 414


# -- many at once


def without_a_core():
    """Seconds that the main thread was ready to run and waited; 0 where the kernel does not tell (/proc schedstat)."""
    told = Path("/proc/self/schedstat")
    return int(told.read_text().split()[1]) / 1e9 if told.exists() else 0.0


@applies(*EDGE)
async def test_two_thousand_slow_connections_leave_the_others_untouched():
    """Half of them in a head, half in a body. The slowest of 300 requests beside them is still a quick one, by the
    clock, less what this thread, which has all three sides, waited for a core that others on the machine had.
    """

    async def slow(number):
        _, writer = await asyncio.open_connection("127.0.0.1", gw.port)
        begun = head_of("POST", "/slow", "content-length: 9")
        writer.write(begun if number % 2 else begun[: 10 + number % 30])
        return writer

    def holds(gw, number):
        return len(gw.server.server_state.swept) == number

    async def timed(client):
        began = time.perf_counter() - without_a_core()
        assert (await client.get("/normal")).status == 200
        return time.perf_counter() - without_a_core() - began

    async with serving(answer_all) as old, gateway(one(old, options="max_connections: 4000")) as gw:
        writers = []
        for start in range(0, 2000, 50):
            writers += await asyncio.gather(*(slow(number) for number in range(start, start + 50)))
            await eventually(functools.partial(holds, gw, len(writers)))
        async with gw.client() as client:
            times = sorted([await timed(client) for _ in range(300)])
        for writer in writers:
            writer.transport.abort()
        await eventually(lambda: not gw.busy)
        assert times[285] < 0.05
        assert times[-1] < 1
        assert sum(b"/normal" in request.line for request in old.requests) == 300


@applies(*EDGE)
async def test_descriptors_are_kept_for_upstreams(monkeypatch):
    from gateway.edge import state

    monkeypatch.setattr(state.resource, "getrlimit", lambda _: (1024, 1024))
    async with serving(answer_all) as old, gateway(one(old)) as gw, gw.client() as client:
        assert gw.server.server_state.most_connections == 896
        assert (await client.get()).status == 200
