"""resumekit's own analysis, in threads: it takes the processor, which the event loop must keep."""

from datetime import date
from functools import partial

from new_backend.ai_agents.interface import Result
from new_backend.infrastructure.threads import LongWork
from resumekit.agents import Agent
from resumekit.analysis import Analysis


class LocalAi:
    def __init__(self, threads: LongWork) -> None:
        self._threads = threads

    def steps(self, agent: Agent) -> tuple[str, ...]:
        return agent.steps

    def begin(self, agent: Agent, *, text: str, job_text: str | None, today: date) -> "LocalTask":
        return LocalTask(self._threads, Analysis(agent, text=text, job_text=job_text, today=today))


class LocalTask:
    def __init__(self, threads: LongWork, analysis: Analysis) -> None:
        self._threads = threads
        self._analysis = analysis

    async def do(self, step: str) -> None:
        await self._threads.run(partial(self._analysis.do, step))

    def result(self) -> Result:
        return self._analysis.result()
