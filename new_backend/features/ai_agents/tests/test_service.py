import asyncio

import pytest
from sqlalchemy import text

from new_backend.features.ai_agents.schemas import JobResponse, StartJobRequest
from new_backend.features.ai_agents.service import JobEndedError, JobNotFoundError, NotRetriableError
from new_backend.features.ai_agents.tests.doubles import World, claimed
from new_backend.features.upload.service import ResumeNotFoundError

pytestmark = pytest.mark.anyio
STRANGER = "00000000-0000-0000-0000-000000000000"


async def test_a_new_job_is_queued(world: World) -> None:
    job = JobResponse.model_validate(await world.start())
    assert (job.status, job.progress, job.step, job.attempt) == ("queued", 0, None, 1)
    assert (job.error, job.result, job.started_at, job.finished_at) == (None, None, None, None)
    assert await world.events(job.id) == [(1, "queued", 0, None, 1)]


@pytest.mark.parametrize("wrong", ["", "\0", "nonsense", STRANGER])
async def test_a_job_needs_a_resume(world: World, wrong: str) -> None:
    with pytest.raises(ResumeNotFoundError):
        await world.jobs.start(StartJobRequest(resume_id=wrong), user_id=world.user_id)


async def test_a_job_needs_a_resume_of_ones_own(world: World) -> None:
    with pytest.raises(ResumeNotFoundError):
        await world.jobs.start(StartJobRequest(resume_id=world.resume.id), user_id=STRANGER)


async def test_what_is_no_job_of_ones_own_is_not_found(world: World) -> None:
    job = await world.start()
    for call in (world.jobs.get, world.jobs.cancel, world.jobs.retry):
        for job_id, user_id in (("\0", world.user_id), (STRANGER, world.user_id), (job.id, STRANGER)):
            with pytest.raises(JobNotFoundError):
                await call(job_id, user_id=user_id)


async def test_a_running_job_is_cancelled_at_once(world: World) -> None:
    job = await world.start()
    await claimed(world.new)
    cancelled = await world.jobs.cancel(job.id, user_id=world.user_id)
    assert (cancelled.status, cancelled.step, cancelled.claim) == ("cancelled", None, None)
    assert cancelled.finished_at == world.clock()
    with pytest.raises(JobEndedError):
        await world.jobs.cancel(job.id, user_id=world.user_id)


async def test_of_two_who_cancel_at_once_one_does(world: World) -> None:
    job = await world.start()
    calls = (world.jobs.cancel(job.id, user_id=world.user_id) for _ in range(4))
    done = await asyncio.gather(*calls, return_exceptions=True)
    assert sorted(type(each).__name__ for each in done) == ["Job", *["JobEndedError"] * 3]
    assert len(await world.events(job.id)) == 2


async def test_a_retry_begins_anew_and_counts(world: World) -> None:
    job = await world.start()
    async with world.database.write() as session:
        await session.execute(
            text("UPDATE ai_jobs SET status = 'failed', error = 'x', interruptions = 3, progress = 50, side = 'legacy'")
        )
    world.clock.advance(5)
    again = await world.jobs.retry(job.id, user_id=world.user_id)
    assert (again.status, again.progress, again.attempt, again.interruptions) == ("queued", 0, 2, 0)
    assert (again.error, again.result, again.started_at, again.finished_at) == (None, None, None, None)
    assert (again.side, again.queued_at) == ("new", world.clock())
    with pytest.raises(NotRetriableError):
        await world.jobs.retry(job.id, user_id=world.user_id)
    await world.new.run(await claimed(world.new))
    with pytest.raises(NotRetriableError):
        await world.jobs.retry(job.id, user_id=world.user_id)


async def test_jobs_are_listed_newest_first(world: World) -> None:
    made = []
    for _ in range(3):
        made.append((await world.start()).id)
        world.clock.advance(1)
    jobs, total = await world.jobs.list(world.user_id, limit=2, offset=1)
    assert ([job.id for job in jobs], total) == ([made[1], made[0]], 3)
