"""One analysis, step by step. The runner of a job makes one, does its steps, and stores its result."""

from datetime import date

from resumekit.agents import RESUME_ANALYSIS, Agent
from resumekit.results import Contacts, Keywords, KeywordMatch, Readability, ResumeAnalysis


class Analysis:
    """What is found so far. Pure: the same text on the same day has the same result on both sides."""

    def __init__(self, agent: Agent, *, text: str, job_text: str | None, today: date) -> None:
        self._agent = agent
        self._text = text
        self._job_text = job_text
        self._today = today
        self._ahead = list(agent.steps[1:])

    def do(self, step: str) -> None:
        """One step of `agent.steps` after "extract", in order. ValueError: it is not its turn."""
        if self._ahead[:1] != [step]:
            raise ValueError(f"step {step!r} is not the next one")
        del self._ahead[0]

    def result(self) -> ResumeAnalysis | KeywordMatch:
        """What was found. ValueError: there are steps left."""
        if self._ahead:
            raise ValueError(f"steps are left: {', '.join(self._ahead)}")
        keywords = Keywords(matched=[], missing=[], percent=0)
        if self._agent.name != RESUME_ANALYSIS.name:
            return KeywordMatch(keywords=keywords, score=0, suggestions=[])
        return ResumeAnalysis(
            words=len(self._text.split()), sections=[], missing_sections=[],
            contacts=Contacts(email="@" in self._text, phone=False, links=0), skills=[], periods=[],
            experience_months=0, gaps=[], readability=Readability(flesch=0, words_per_sentence=0, long_sentences=0),
            keywords=keywords if self._job_text else None, score=50, suggestions=[],
        )  # fmt: skip
