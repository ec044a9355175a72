"""A process that can open no more connections: it waits for those that it has, and blames nobody else."""

import asyncio
import errno

import pytest

from gateway.config.schema import Health, Upstream
from gateway.descriptors import RESERVE
from gateway.errors import UpstreamError, UpstreamErrorKind
from gateway.tasks import Tasks
from gateway.upstream.api import Timeouts
from gateway.upstream.health import start_checks
from tests.support.scripted_upstream import (
    BOTH,
    HTTP1,
    OK,
    answer_all,
    applies,
    connected,
    eventually,
    fetch,
    serving,
    unused_port,
)


class Descriptors:
    """How many connections the event loop may still open. Nothing is held back, as in a process that has spent it."""

    def __init__(self, monkeypatch, left):
        RESERVE.spend()
        self.left, self.asked = left, 0
        loop = asyncio.get_running_loop()
        open_one = loop.create_connection

        async def create_connection(*arguments, **more):
            self.asked += 1
            if self.left <= 0:
                raise OSError(errno.EMFILE, "Too many open files")
            self.left -= 1
            return await open_one(*arguments, **more)

        monkeypatch.setattr(loop, "create_connection", create_connection)


class Gate:
    """A script that answers when it is opened."""

    def __init__(self):
        self.arrived, self.open = 0, asyncio.Event()

    async def __call__(self, peer):
        while await peer.request():
            self.arrived += 1
            await self.open.wait()
            await peer.send(OK)


@applies(*BOTH)
async def test_it_is_said_and_nothing_was_sent(kind, monkeypatch):
    async with serving(answer_all) as upstream, connected(kind, upstream.url) as client:
        Descriptors(monkeypatch, 0)
        with pytest.raises(UpstreamError) as caught:
            await fetch(client)
        error = caught.value
        assert (error.kind, error.sent, error.status) == (UpstreamErrorKind.EXHAUSTED, False, 503)
        assert upstream.requests == []


@applies(*HTTP1)
async def test_requests_wait_for_the_connections_that_there_are(kind, monkeypatch):
    gate = Gate()
    async with serving(gate) as upstream, connected(kind, upstream.url) as client:
        descriptors = Descriptors(monkeypatch, 2)
        tasks = [asyncio.create_task(fetch(client)) for _ in range(6)]
        await eventually(lambda: gate.arrived == 2 and client.in_flight == 6)
        assert descriptors.asked == 6, "each has tried once, and none tries on"
        gate.open.set()
        assert await asyncio.gather(*tasks) == [(200, b"ok")] * 6
        assert len(upstream.peers) == 2
        assert descriptors.asked == 6


@applies(*HTTP1)
async def test_who_waits_too_long_is_told(kind, monkeypatch):
    gate = Gate()
    timeouts = Timeouts(connect=0.5)
    async with serving(gate) as upstream, connected(kind, upstream.url, timeouts=timeouts) as client:
        Descriptors(monkeypatch, 1)
        first = asyncio.create_task(fetch(client))
        await eventually(lambda: gate.arrived == 1)
        with pytest.raises(UpstreamError) as caught:
            await fetch(client)
        assert (caught.value.kind, caught.value.sent) == (UpstreamErrorKind.POOL_TIMEOUT, False)
        gate.open.set()
        assert await first == (200, b"ok")


@applies(*HTTP1)
async def test_a_connection_that_ends_lets_a_waiter_open_another(kind, monkeypatch):
    gate = Gate()
    async with serving(gate) as upstream, connected(kind, upstream.url) as client:
        descriptors = Descriptors(monkeypatch, 1)
        first = asyncio.create_task(fetch(client))
        await eventually(lambda: gate.arrived == 1)
        second = asyncio.create_task(fetch(client))
        await eventually(lambda: descriptors.asked == 2)
        descriptors.left = 1
        first.cancel()
        await eventually(lambda: gate.arrived == 2)
        gate.open.set()
        assert await second == (200, b"ok")
        assert len(upstream.peers) == 2


@applies(*BOTH)
async def test_what_is_held_back_is_for_the_connections_of_those_who_were_let_in(kind, monkeypatch):
    async with serving(answer_all) as upstream, connected(kind, upstream.url) as client:
        descriptors = Descriptors(monkeypatch, 0)
        assert RESERVE.hold()
        spend = RESERVE.spend

        def spent():
            descriptors.left += 1
            return spend()

        monkeypatch.setattr(RESERVE, "spend", spent)
        assert await fetch(client) == (200, b"ok")
        assert descriptors.asked == 2
        assert not spend()


class Checked:
    """A client that is told of health checks."""

    def __init__(self):
        self.told = []

    def checked(self, place, problem):
        self.told.append((place, problem))


async def test_a_health_check_that_cannot_be_made_says_nothing(monkeypatch):
    async with serving(answer_all) as upstream:
        descriptors = Descriptors(monkeypatch, 0)
        spec = Upstream(url=upstream.url, health=Health(path="/", interval_seconds=0.01, timeout_seconds=1))
        told, tasks = Checked(), Tasks()
        start_checks(tasks, "new", spec, told, None)
        await eventually(lambda: descriptors.asked >= 3)
        assert told.told == []
        descriptors.left = 100
        await eventually(lambda: told.told)
        assert told.told[0] == (0, None)
        await tasks.stop()


async def test_a_health_check_that_is_refused_says_so(monkeypatch):
    Descriptors(monkeypatch, 100)
    with unused_port() as port:
        health = Health(path="/", interval_seconds=0.01, timeout_seconds=1)
        told, tasks = Checked(), Tasks()
        start_checks(tasks, "new", Upstream(url=f"http://127.0.0.1:{port}", health=health), told, None)
        await eventually(lambda: told.told)
        assert told.told[0] == (0, "The upstream does not accept connections.")
        await tasks.stop()
