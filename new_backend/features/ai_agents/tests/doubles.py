"""What the tests of jobs need together."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import select

from new_backend.ai_agents.interface import EXTRACT, AiError, Result
from new_backend.ai_agents.providers.local import LocalTask
from new_backend.conftest import Clock
from new_backend.features.ai_agents.changes import Changes
from new_backend.features.ai_agents.models import Job, JobEvent
from new_backend.features.ai_agents.runner import Runner
from new_backend.features.ai_agents.schemas import StartJobRequest
from new_backend.features.ai_agents.service import JobService
from new_backend.features.upload.models import Resume
from new_backend.infrastructure.persistence.postgres.connection import Database
from new_backend.infrastructure.threads import LongWork
from resumekit.agents import Agent
from resumekit.analysis import Analysis


@dataclass(frozen=True, slots=True)
class World:
    database: Database
    changes: Changes
    jobs: JobService
    new: Runner
    legacy: Runner
    resume: Resume
    user_id: str
    clock: Clock

    async def start(self, agent: str = "resume-analysis") -> Job:
        request = StartJobRequest.model_validate({"resume_id": self.resume.id, "agent": agent, "job_text": "Python"})
        return await self.jobs.start(request, user_id=self.user_id)

    async def get(self, job_id: str) -> Job:
        return await self.jobs.get(job_id, user_id=self.user_id)

    async def events(self, job_id: str) -> list[tuple[int, str, int, str | None, int]]:
        async with self.database.read() as session:
            rows = await session.scalars(select(JobEvent).where(JobEvent.job_id == job_id).order_by(JobEvent.seq))
            return [(row.seq, row.status, row.progress, row.step, row.attempt) for row in rows]


async def claimed(runner: Runner) -> Job:
    """The next job, of which there must be one."""
    job = await runner.claim()
    assert job is not None
    return job


@dataclass
class HeldAi:
    """An AI service whose one step waits until it is let go, or fails with words."""

    words: str | None = None
    began: asyncio.Event = field(default_factory=asyncio.Event)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)

    def steps(self, agent: Agent) -> tuple[str, ...]:
        return (EXTRACT, "think")

    def begin(self, agent: Agent, *, text: str, job_text: str | None, today: date) -> "HeldTask":
        return HeldTask(self, Analysis(agent, text=text, job_text=job_text, today=today), agent)


@dataclass
class HeldTask:
    ai: HeldAi
    analysis: Analysis
    agent: Agent

    async def do(self, step: str) -> None:
        self.ai.began.set()
        await self.ai.let_go.wait()
        if self.ai.words is not None:
            raise AiError(self.ai.words)
        task = LocalTask(LongWork(at_most=1), self.analysis)
        for own in self.agent.steps[1:]:
            await task.do(own)

    def result(self) -> Result:
        return self.analysis.result()


async def collected(stream: AsyncIterator[bytes]) -> str:
    return b"".join([piece async for piece in stream]).decode()
