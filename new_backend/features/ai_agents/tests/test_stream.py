import asyncio
from collections.abc import AsyncIterator

import pytest

from new_backend.features.ai_agents.stream import Follower, last_event_id
from new_backend.features.ai_agents.tests.doubles import World, claimed, collected
from new_backend.features.upload.repository import ResumeRepository

pytestmark = pytest.mark.anyio


@pytest.fixture
def follower(world: World) -> Follower:
    return Follower(world.jobs, world.changes)


async def next_of(stream: AsyncIterator[bytes]) -> str:
    async with asyncio.timeout(20):
        return (await anext(stream)).decode()


async def test_a_stream_is_byte_for_byte_what_the_contract_says(world: World, follower: Follower) -> None:
    job = await world.start()
    await claimed(world.new)
    await world.jobs.cancel(job.id, user_id=world.user_id)
    assert await collected(follower.follow(job.id, after=0)) == (
        "retry: 1000\n\n"
        'id: 1\nevent: progress\ndata: {"status":"queued","progress":0,"step":null,"attempt":1}\n\n'
        'id: 2\nevent: progress\ndata: {"status":"running","progress":0,"step":"extract","attempt":1}\n\n'
        'id: 3\nevent: progress\ndata: {"status":"cancelled","progress":0,"step":null,"attempt":1}\n\n'
        'event: end\ndata: {"status":"cancelled"}\n\n'
    )


async def test_who_comes_back_is_told_what_came_after(world: World, follower: Follower) -> None:
    job = await world.start()
    await world.jobs.cancel(job.id, user_id=world.user_id)
    told = await collected(follower.follow(job.id, after=1))
    assert ("id: 1\n" in told, "id: 2\n" in told) == (False, True)
    assert await collected(follower.follow(job.id, after=2)) == (
        'retry: 1000\n\nevent: end\ndata: {"status":"cancelled"}\n\n'
    )


async def test_a_job_that_was_tried_again_is_told_to_its_last_end(world: World, follower: Follower) -> None:
    job = await world.start()
    await world.jobs.cancel(job.id, user_id=world.user_id)
    await world.jobs.retry(job.id, user_id=world.user_id)
    await world.new.run(await claimed(world.new))
    told = await collected(follower.follow(job.id, after=0))
    assert told.count("event: end") == 1
    assert told.endswith('event: end\ndata: {"status":"succeeded"}\n\n')


async def test_a_change_here_is_told_without_waiting_for_a_look(
    world: World, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("new_backend.features.ai_agents.stream.LOOK_SECONDS", 3600)
    job = await world.start()
    stream = follower.follow(job.id, after=0)
    assert await next_of(stream) == "retry: 1000\n\n"
    assert '"queued"' in await next_of(stream)
    waiting = asyncio.create_task(next_of(stream))
    await world.new.run(await claimed(world.new))
    assert '"running"' in await waiting


async def test_a_change_elsewhere_is_told_at_the_next_look(world: World, follower: Follower) -> None:
    """What the other side changes rings no bell here."""
    job = await world.start()
    stream = follower.follow(job.id, after=1)
    await next_of(stream)
    waiting = asyncio.create_task(next_of(stream))
    async with world.database.write() as session:
        await ResumeRepository(session).remove_own(world.resume.id, user_id=world.user_id)
    assert await waiting == 'event: end\ndata: {"status":"deleted"}\n\n'


async def test_silence_is_broken_now_and_then(
    world: World, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("new_backend.features.ai_agents.stream.KEEP_ALIVE_SECONDS", 0.05)
    monkeypatch.setattr("new_backend.features.ai_agents.stream.LOOK_SECONDS", 0.01)
    job = await world.start()
    stream = follower.follow(job.id, after=1)
    assert [await next_of(stream) for _ in range(3)] == ["retry: 1000\n\n", ": keep-alive\n\n", ": keep-alive\n\n"]


async def test_a_server_that_stops_ends_its_streams(
    world: World, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("new_backend.features.ai_agents.stream.LOOK_SECONDS", 3600)
    job = await world.start()
    stream = follower.follow(job.id, after=1)
    await next_of(stream)
    rest = asyncio.create_task(collected(stream))
    await asyncio.sleep(0)
    world.changes.close()
    async with asyncio.timeout(20):
        assert await rest == ""


async def test_a_client_that_leaves_is_watched_for_no_longer(world: World, follower: Follower) -> None:
    job = await world.start()
    following = asyncio.create_task(collected(follower.follow(job.id, after=0)))
    async with asyncio.timeout(20):
        while not world.changes._watched:  # noqa: ASYNC110, SLF001  # a poll, with a deadline
            await asyncio.sleep(0.001)
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following
    assert not world.changes._watched  # noqa: SLF001  # there is no other way to see it


async def test_more_events_than_are_read_at_once_are_all_told(
    world: World, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("new_backend.features.ai_agents.stream._EVENTS_AT_ONCE", 2)
    for size in range(3):
        job = await world.start()
        for _ in range(size):
            await world.jobs.cancel(job.id, user_id=world.user_id)
            await world.jobs.retry(job.id, user_id=world.user_id)
        await world.jobs.cancel(job.id, user_id=world.user_id)
        told = await collected(follower.follow(job.id, after=0))
        assert (told.count("\nevent: progress"), told.count("event: end")) == (2 * size + 2, 1)


@pytest.mark.parametrize(
    ("header", "after"),
    [(None, 0), ("", 0), ("3", 3), (" 3 ", 3), ("-1", 0), ("x", 0), ("1.5", 0), ("٣", 0), ("9" * 15, 2**31 - 1)],
)
async def test_what_is_no_number_counts_as_none(header: str | None, after: int) -> None:
    assert last_event_id(header) == after
