"""A job's life: who may change it, and what becomes of it when its runner does not come back."""

import asyncio
from pathlib import Path

import pytest

from new_backend.features.ai_agents.models import Job
from new_backend.features.ai_agents.runner import LOOK_SECONDS, Runner
from new_backend.features.ai_agents.tests.doubles import HeldAi, World, claimed
from new_backend.features.ai_agents.work import JobWork, Texts
from new_backend.features.upload.repository import ResumeRepository
from new_backend.infrastructure.persistence.redis.cache import NoCache
from new_backend.infrastructure.storage.providers.local import LocalStorage
from new_backend.infrastructure.threads import LongWork
from resumekit.agents import AGENTS
from resumekit.results import ResumeAnalysis, parse_result

pytestmark = pytest.mark.anyio


def held(world: World, storage: LocalStorage, ai: HeldAi) -> Runner:
    """The new side's runner with an AI service that the test steers."""
    work = JobWork(
        database=world.database,
        changes=world.changes,
        ai=ai,
        texts=Texts(storage, NoCache(), LongWork(at_most=2)),
        step_seconds=0,
        now=world.clock,
    )
    return Runner(database=world.database, changes=world.changes, work=work, side="new", now=world.clock)


async def status(world: World, job: Job) -> str:
    return (await world.get(job.id)).status


async def until(world: World, job: Job, wanted: str) -> None:
    async with asyncio.timeout(20):
        with world.changes.watching(job.id) as changed:
            while await status(world, job) != wanted:
                await changed.wait()
                changed.clear()


async def test_a_job_runs_through_its_steps_to_a_result(world: World) -> None:
    job = await world.start()
    await world.new.run(await claimed(world.new))
    done = await world.get(job.id)
    assert (done.status, done.progress, done.step, done.error) == ("succeeded", 100, None, None)
    assert (done.claim, done.lease_until, done.finished_at) == (None, None, world.clock())
    assert isinstance(parse_result(AGENTS[job.agent], done.result or ""), ResumeAnalysis)
    steps = AGENTS[job.agent].steps
    running = [(n + 2, "running", 100 * n // len(steps), step, 1) for n, step in enumerate(steps)]
    end = (len(steps) + 2, "succeeded", 100, None, 1)
    assert await world.events(job.id) == [(1, "queued", 0, None, 1), *running, end]


async def test_of_any_number_of_workers_one_claims_a_job(world: World) -> None:
    await world.start()
    got = await asyncio.gather(*(world.new.claim() for _ in range(6)))
    assert len([job for job in got if job is not None]) == 1


async def test_the_job_that_waits_longest_is_first(world: World) -> None:
    first = await world.start()
    world.clock.advance(1)
    await world.start()
    assert (await claimed(world.new)).id == first.id


async def test_the_other_sides_job_is_taken_after_ten_seconds(world: World) -> None:
    job = await world.start()
    world.clock.advance(9.9)
    assert await world.legacy.claim() is None
    world.clock.advance(0.1)
    assert (await claimed(world.legacy)).id == job.id
    assert await world.new.claim() is None


async def test_a_job_whose_file_is_missing_fails_in_words(world: World, storage: LocalStorage) -> None:
    job = await world.start()
    await storage.delete(str(world.resume.storage_key))
    await world.new.run(await claimed(world.new))
    failed = await world.get(job.id)
    assert (failed.status, failed.error) == ("failed", "The file cannot be read: it is missing")
    assert (failed.step, failed.result, failed.finished_at) == (None, None, world.clock())


async def test_a_job_whose_file_cannot_be_read_fails_in_resumekits_words(world: World, tmp_path: Path) -> None:
    job = await world.start()
    (tmp_path / "files" / str(world.resume.storage_key)).write_bytes(b" ")
    await world.new.run(await claimed(world.new))
    assert ((await world.get(job.id)).error or "").startswith("The file cannot be read: ")


async def test_what_the_ai_service_says_fails_the_job(world: World, storage: LocalStorage) -> None:
    ai = HeldAi(words="x" * 600)
    ai.let_go.set()
    job, runner = await world.start(), held(world, storage, ai)
    await runner.run(await claimed(runner))
    failed = await world.get(job.id)
    assert (failed.status, failed.progress, failed.error) == ("failed", 50, "x" * 500)


async def test_a_fault_of_ours_fails_the_job_without_its_words(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    job = await world.start()
    taken = await claimed(world.new)
    monkeypatch.setattr("new_backend.features.ai_agents.work.text_of", lambda *_, **__: 1 / 0)
    await world.new.run(taken)
    failed = await world.get(job.id)
    assert (failed.status, failed.error) == ("failed", "The analysis failed")


async def test_a_cancelled_job_is_dropped_by_whoever_runs_it(world: World, storage: LocalStorage) -> None:
    ai = HeldAi()
    job, runner = await world.start(), held(world, storage, ai)
    running = asyncio.create_task(runner.run(await claimed(runner)))
    await ai.began.wait()
    await world.jobs.cancel(job.id, user_id=world.user_id)
    ai.let_go.set()
    await running
    dropped = await world.get(job.id)
    assert (dropped.status, dropped.result, dropped.claim) == ("cancelled", None, None)


async def test_a_job_that_is_lost_during_a_long_step_is_given_up(
    world: World, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("new_backend.features.ai_agents.work.RENEW_SECONDS", 0.01)
    ai = HeldAi()
    job, runner = await world.start(), held(world, storage, ai)
    running = asyncio.create_task(runner.run(await claimed(runner)))
    await ai.began.wait()
    await world.jobs.cancel(job.id, user_id=world.user_id)
    async with asyncio.timeout(20):
        await running  # although the step is never let go


async def test_a_long_step_keeps_its_lease(
    world: World, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("new_backend.features.ai_agents.work.RENEW_SECONDS", 0.01)
    ai = HeldAi()
    job, runner = await world.start(), held(world, storage, ai)
    running = asyncio.create_task(runner.run(await claimed(runner)))
    await ai.began.wait()
    lease = (await world.get(job.id)).lease_until
    world.clock.advance(29)
    async with asyncio.timeout(20):
        while (await world.get(job.id)).lease_until == lease:  # noqa: ASYNC110  # a poll, with a deadline
            await asyncio.sleep(0.01)
    world.clock.advance(20)
    await world.legacy.look()
    ai.let_go.set()
    await running
    assert await status(world, job) == "succeeded"


async def test_a_job_deleted_with_its_resume_is_dropped(world: World, storage: LocalStorage) -> None:
    ai = HeldAi()
    job, runner = await world.start(), held(world, storage, ai)
    running = asyncio.create_task(runner.run(await claimed(runner)))
    await ai.began.wait()
    async with world.database.write() as session:
        await ResumeRepository(session).remove_own(world.resume.id, user_id=world.user_id)
    ai.let_go.set()
    await running
    assert await world.events(job.id) == []


async def test_a_job_taken_over_is_the_new_claims_alone(world: World) -> None:
    job = await world.start()
    late = await claimed(world.new)
    world.clock.advance(31)
    await world.legacy.look()
    taken = await claimed(world.legacy)
    await world.new.run(late)
    assert (await world.get(job.id)).claim == taken.claim
    await world.legacy.run(taken)
    assert await status(world, job) == "succeeded"


async def test_a_lease_that_holds_is_left_alone(world: World) -> None:
    job = await world.start()
    await claimed(world.new)
    world.clock.advance(30)
    await world.legacy.look()
    assert await status(world, job) == "running"


async def test_an_interruption_queues_and_the_third_fails(world: World) -> None:
    job = await world.start()
    for time in (1, 2):
        await claimed(world.new if time == 1 else world.legacy)
        world.clock.advance(31)
        await world.legacy.look()
        again = await world.get(job.id)
        assert (again.status, again.interruptions, again.progress, again.step) == ("queued", time, 0, None)
        assert (again.claim, again.lease_until, again.started_at) == (None, None, None)
        assert (again.side, again.queued_at, again.attempt) == ("legacy", world.clock(), 1)
    await claimed(world.legacy)
    world.clock.advance(31)
    await asyncio.gather(world.legacy.look(), world.new.look())
    failed = await world.get(job.id)
    assert (failed.status, failed.interruptions, failed.error) == ("failed", 3, "The analysis was interrupted")
    assert [event[0] for event in await world.events(job.id)] == list(range(1, 8))


async def test_a_side_that_shuts_down_puts_its_jobs_back_uncounted(world: World, storage: LocalStorage) -> None:
    ai = HeldAi()
    job, runner = await world.start(), held(world, storage, ai)
    async with runner.running():
        await ai.began.wait()
    back = await world.get(job.id)
    assert (back.status, back.interruptions, back.claim, back.progress) == ("queued", 0, None, 0)
    assert (await world.events(job.id))[-1][1:] == ("queued", 0, None, 1)
    await world.new.run(await claimed(world.new))
    assert await status(world, job) == "succeeded"


async def test_two_run_at_a_time_and_a_new_job_does_not_wait_for_a_look(world: World, storage: LocalStorage) -> None:
    ai = HeldAi()
    async with held(world, storage, ai).running():
        started = asyncio.get_running_loop().time()
        jobs = [await world.start() for _ in range(3)]
        for job in jobs[:2]:
            await until(world, job, "running")
        assert asyncio.get_running_loop().time() - started < LOOK_SECONDS * 5
        assert await status(world, jobs[2]) == "queued"
        ai.let_go.set()
        for job in jobs:
            await until(world, job, "succeeded")
