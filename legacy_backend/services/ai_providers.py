"""Who does the thinking: `resumekit` in a thread, or (openai_provider) a server that speaks OpenAI's protocol."""

from asyncio import get_running_loop
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Protocol

from legacy_backend.core.security import now
from resumekit.agents import Agent
from resumekit.analysis import Analysis
from resumekit.results import KeywordMatch, ResumeAnalysis

EXTRACT = "extract"
"""The first step of every agent and provider; the runner does it itself."""

Result = ResumeAnalysis | KeywordMatch


class Work(Protocol):
    """One analysis."""

    async def do(self, step: str) -> None:
        """The steps after EXTRACT, in order. Raises AnalysisError."""

    def result(self) -> Result: ...


class AIProvider(Protocol):
    def connected(self) -> AbstractAsyncContextManager[object]:
        """Entered in the lifespan, before anything else is asked."""

    def steps(self, agent: Agent) -> tuple[str, ...]: ...

    def begin(self, agent: Agent, text: str, job_text: str | None) -> Work: ...


class LocalProvider:
    """The pool is the analyses' alone: a slow one must not keep files and passwords waiting."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool

    def connected(self) -> AbstractAsyncContextManager[object]:
        return nullcontext()

    def steps(self, agent: Agent) -> tuple[str, ...]:
        return agent.steps

    def begin(self, agent: Agent, text: str, job_text: str | None) -> Work:
        analysis = Analysis(agent, text=text, job_text=job_text, today=now().date())
        return _LocalWork(analysis, self._pool)


class _LocalWork:
    def __init__(self, analysis: Analysis, pool: ThreadPoolExecutor) -> None:
        self._analysis = analysis
        self._pool = pool

    async def do(self, step: str) -> None:
        await get_running_loop().run_in_executor(self._pool, self._analysis.do, step)

    def result(self) -> Result:
        return self._analysis.result()
