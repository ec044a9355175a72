import pytest

from new_backend.ai_agents.providers.local import LocalAi
from new_backend.conftest import Clock
from new_backend.features.ai_agents.changes import Changes
from new_backend.features.ai_agents.runner import Runner
from new_backend.features.ai_agents.service import JobService
from new_backend.features.ai_agents.tests.doubles import World
from new_backend.features.ai_agents.work import JobWork, Texts
from new_backend.features.upload.models import Resume
from new_backend.features.upload.repository import ResumeRepository
from new_backend.infrastructure.persistence.postgres.connection import Database
from new_backend.infrastructure.persistence.redis.cache import NoCache
from new_backend.infrastructure.storage.providers.local import LocalStorage
from new_backend.infrastructure.threads import LongWork

TEXT = "Ada Lovelace\n\nExperience\n2019-01 - 2021-06 Engineer: Python and SQL\n\nSkills\nPython, SQL\n"


@pytest.fixture
async def resume(database: Database, storage: LocalStorage, user_id: str, clock: Clock) -> Resume:
    """With its file."""
    key = "files/ab/cv"
    async with storage.receive() as incoming:
        await incoming.write(TEXT.encode())
        sha256 = await incoming.keep(key)
    resume = Resume(
        user_id=user_id,
        filename="cv.txt",
        size_bytes=len(TEXT),
        created_at=clock(),
        content_type="text/plain",
        sha256=sha256,
        storage_key=key,
    )
    async with database.write() as session:
        return await ResumeRepository(session).add(resume)


@pytest.fixture
def world(database: Database, storage: LocalStorage, resume: Resume, user_id: str, clock: Clock) -> World:
    """Both sides, on one database."""
    changes = Changes()
    threads = LongWork(at_most=2)

    def runner(side: str) -> Runner:
        texts = Texts(storage, NoCache(), threads)
        work = JobWork(database=database, changes=changes, ai=LocalAi(threads), texts=texts, step_seconds=0, now=clock)
        return Runner(database=database, changes=changes, work=work, side=side, now=clock)

    return World(
        database=database,
        changes=changes,
        jobs=JobService(database=database, changes=changes, side="new", now=clock),
        new=runner("new"),
        legacy=runner("legacy"),
        resume=resume,
        user_id=user_id,
        clock=clock,
    )
