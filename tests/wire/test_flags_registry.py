"""What workers report to each other by a real server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from redis import Redis

from gateway.flags.registry import HeldFlag, WorkerRegistry, WorkerReport, not_in_force
from tests.support.flagtools import until
from tests.support.valkey_server import ValkeyServer

pytestmark = pytest.mark.anyio

RUNNING = {"auth": HeldFlag(killed=False, basis_points=2500, rev=3)}
KILLED = {"auth": HeldFlag(killed=True, basis_points=2500, rev=4)}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def registry(url: str, worker: str) -> AsyncIterator[WorkerRegistry]:
    made = WorkerRegistry(url=url, namespace="gateway", worker=worker)
    task = asyncio.get_running_loop().create_task(made.run(), name="registry")
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.wait((task,))
        await made.aclose()


async def read_until(reader: WorkerRegistry, condition: Callable[[list[WorkerReport]], bool]) -> list[WorkerReport]:
    async with asyncio.timeout(10):
        while not condition(reports := await reader.read()):
            pass
    return reports


async def test_a_kill_is_in_force_when_every_live_worker_reports_it(own_valkey: ValkeyServer):
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(registry(own_valkey.url, "a:0:1"))
        two = await stack.enter_async_context(registry(own_valkey.url, "b:0:2"))
        one.report(features=RUNNING, config_sha="abc")
        two.report(features=RUNNING, config_sha="abc")
        reports = await read_until(one, lambda reports: len(reports) == 2)
        assert not_in_force(reports, "auth") == ["a:0:1", "b:0:2"]
        assert reports[0].features == RUNNING
        assert reports[0].config_sha == "abc"
        assert reports[0].age_seconds < 5
        one.report(features=KILLED, config_sha="abc")
        reports = await read_until(two, lambda reports: len(not_in_force(reports, "auth")) == 1)
        assert not_in_force(reports, "auth") == ["b:0:2"]
        two.report(features=KILLED, config_sha="abc")
        await read_until(one, lambda reports: not not_in_force(reports, "auth"))
        await one.remove("b:0:2")
        await read_until(one, lambda reports: [report.worker for report in reports] == ["a:0:1"])


async def test_a_worker_that_is_long_silent_is_not_waited_for_and_later_forgotten(
    own_valkey: ValkeyServer, plain: Redis
):
    async with registry(own_valkey.url, "a:0:1") as one:
        one.report(features=RUNNING, config_sha="abc")
        await read_until(one, lambda reports: len(reports) == 1)
        now = int(plain.time()[0])
        for worker, age in (("dead:0:1", 60), ("old:0:1", 4000)):
            plain.hset("gateway:workers", worker, plain.hget("gateway:workers", "a:0:1") or "")
            plain.hset("gateway:beats", worker, now - age)
        plain.hset("gateway:workers", "damaged", "{")
        reports = await one.read()
        assert [(report.worker, report.live) for report in reports] == [("a:0:1", True), ("dead:0:1", False)]
        assert not_in_force(reports, "auth") == ["a:0:1"]
        assert set(plain.hkeys("gateway:workers")) == {"a:0:1", "dead:0:1"}


async def test_a_report_survives_a_store_that_was_away_or_emptied(own_valkey: ValkeyServer, plain: Redis):
    async with registry(own_valkey.url, "a:0:1") as one:
        one.report(features=RUNNING, config_sha="abc")
        await read_until(one, lambda reports: len(reports) == 1)
        own_valkey.kill()
        one.report(features=KILLED, config_sha="abc")
        await until(lambda: one.problem is not None)
        own_valkey.replace_data(None)
        own_valkey.start()
        await until(lambda: one.problem is None)
        assert (await one.read())[0].features == KILLED
        plain.flushall()
        await read_until(one, lambda reports: len(reports) == 1)
