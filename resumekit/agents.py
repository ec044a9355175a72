"""The agents that a resume can be given to. Both sides list them, in this order, and run their steps."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Agent:
    """What a user chooses. `steps[0]` is always "extract", which reads the file; the others are `Analysis.do`'s."""

    name: str
    description: str
    steps: tuple[str, ...]
    needs_job_text: bool


RESUME_ANALYSIS = Agent(
    name="resume-analysis",
    description="Reads a resume: its sections, contacts, skills, periods and gaps, readability, and how it fits an "
    "advertisement if there is one.",
    steps=("extract", "sections", "skills", "dates", "readability", "keywords", "score"),
    needs_job_text=False,
)
KEYWORD_MATCH = Agent(
    name="keyword-match",
    description="Compares a resume with a job advertisement: which of its keywords are there, and which are missing.",
    steps=("extract", "keywords", "score"),
    needs_job_text=True,
)
AGENTS: Mapping[str, Agent] = MappingProxyType({agent.name: agent for agent in (RESUME_ANALYSIS, KEYWORD_MATCH)})
"""By name, in the order in which they are listed."""
