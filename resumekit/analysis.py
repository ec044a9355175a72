"""One analysis, step by step. The runner of a job makes one, does its steps, and stores its result."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

from resumekit.agents import KEYWORD_MATCH, Agent
from resumekit.contacts import contacts_of
from resumekit.keywords import keywords_of
from resumekit.limits import MAX_CHARACTERS
from resumekit.periods import spans_in
from resumekit.readability import readability_of
from resumekit.results import Findings, KeywordMatch, Keywords, Readability, ResumeAnalysis, Skill
from resumekit.scoring import criteria_of, total_of
from resumekit.sections import Part, missing_of, parts_of, sections_of, text_outside, text_under
from resumekit.skills import SKILLS, skills_of
from resumekit.suggestions import on_keywords, suggestions_for
from resumekit.timeline import Timeline, timeline_of
from resumekit.words import count_words

_NO_WORK = ("education", "projects", "certifications", "publications", "awards", "volunteering", "interests")
"""Where periods are none of work, in a resume that has no section on experience."""


@dataclass(slots=True)
class _Work:
    """What is given, and then what the steps have found: each fills in its own."""

    agent: Agent
    text: str
    job_text: str | None
    today: date
    parts: list[Part] = field(default_factory=list)
    skills: list[Skill] = field(default_factory=list)
    timeline: Timeline | None = None
    readability: Readability | None = None
    keywords: Keywords | None = None
    result: ResumeAnalysis | KeywordMatch | None = None


class Analysis:
    """Pure, and in linear time: the same text on the same day has the same result on both sides. No text makes it
    raise; what is beyond MAX_CHARACTERS is not looked at.
    """

    def __init__(self, agent: Agent, *, text: str, job_text: str | None, today: date) -> None:
        job_text = job_text[:MAX_CHARACTERS] if job_text and job_text.strip() else None
        self._work = _Work(agent, text[:MAX_CHARACTERS], job_text, today)
        self._left = list(agent.steps[1:])

    def do(self, step: str) -> None:
        """The next step of `agent.steps`, beginning after "extract". Raises ValueError when it is not its turn."""
        if self._left[:1] != [step]:
            raise ValueError(f"{step!r} is not the next step")
        _STEPS[step](self._work)
        del self._left[0]

    def result(self) -> ResumeAnalysis | KeywordMatch:
        """What all steps have found. Raises ValueError while there are some left."""
        if self._work.result is None:
            raise ValueError(f"there are steps left: {', '.join(self._left)}")
        return self._work.result


def _sections(work: _Work) -> None:
    work.parts = parts_of(work.text)


def _skills(work: _Work) -> None:
    work.skills = skills_of(work.text)


def _dates(work: _Work) -> None:
    """All periods are told; what counts as experience, and has gaps, is under that heading, or, where there is no such
    heading, not under one of something else.
    """
    experience = text_under(work.parts, "experience") or text_outside(work.parts, *_NO_WORK)
    work.timeline = timeline_of(
        spans_in(work.text, today=work.today), experience=spans_in(experience, today=work.today)
    )


def _readability(work: _Work) -> None:
    work.readability = readability_of(work.text)


def _keywords(work: _Work) -> None:
    if work.job_text is not None:
        work.keywords = keywords_of(work.text, work.job_text)


def _score(work: _Work) -> None:
    work.result = _match_of(work) if work.agent.name == KEYWORD_MATCH.name else _analysis_of(work)


def _analysis_of(work: _Work) -> ResumeAnalysis:
    if work.timeline is None or work.readability is None:
        raise ValueError("an agent that scores a resume looks at its dates and its readability first")
    sections = sections_of(work.parts)
    findings = Findings(
        words=count_words(work.text),
        sections=sections,
        missing_sections=missing_of(sections),
        contacts=contacts_of(work.text),
        skills=work.skills,
        periods=work.timeline.periods,
        experience_months=work.timeline.experience_months,
        gaps=work.timeline.gaps,
        readability=work.readability,
        keywords=work.keywords,
    )
    score = total_of(criteria_of(findings))
    return ResumeAnalysis(**dict(findings), score=score, suggestions=suggestions_for(findings))


def _match_of(work: _Work) -> KeywordMatch:
    """A skill that matches counts twice as much as another word."""
    keywords = work.keywords or Keywords(matched=[], missing=[], percent=0)
    matched, missing = _weight(keywords.matched), _weight(keywords.missing)
    score = 100 * matched // (matched + missing) if matched else 0
    return KeywordMatch(keywords=keywords, score=score, suggestions=list(on_keywords(keywords)))


def _weight(terms: list[str]) -> int:
    return sum(2 if term in SKILLS else 1 for term in terms)


_STEPS: Mapping[str, Callable[[_Work], None]] = {
    "sections": _sections,
    "skills": _skills,
    "dates": _dates,
    "readability": _readability,
    "keywords": _keywords,
    "score": _score,
}
