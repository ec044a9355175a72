"""What a job's runner needs of an AI service, whoever provides it."""

from datetime import date
from typing import Protocol

from resumekit.agents import Agent
from resumekit.results import KeywordMatch, ResumeAnalysis

Result = ResumeAnalysis | KeywordMatch

EXTRACT = "extract"
"""The first step of every agent with every provider: the runner's own, for it reads the file."""


class AiError(Exception):
    """The job fails; `str(error)` says why, in words that the user may read."""


class Task(Protocol):
    """One job's analysis."""

    async def do(self, step: str) -> None:
        """One step after EXTRACT, in order. Raises AiError."""
        ...

    def result(self) -> Result:
        """Once all steps are done."""
        ...


class AiService(Protocol):
    def steps(self, agent: Agent) -> tuple[str, ...]:
        """The first is always EXTRACT."""
        ...

    def begin(self, agent: Agent, *, text: str, job_text: str | None, today: date) -> Task:
        """`text` is that of the resume, `job_text` an advertisement's."""
        ...
