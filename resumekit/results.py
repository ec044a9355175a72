"""What an agent finds, as both sides answer and store it: `ResumeAnalysis` and `KeywordMatch` of the contract.

Everything is frozen and bounded, whether we found it or an AI service said it, so that a result always fits into a
row and an answer. Text without NUL, numbers that are finite and have one decimal: equal in each database and language.
"""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from resumekit.agents import RESUME_ANALYSIS, Agent

MAX_ITEMS = 100
"""The most that any list in a result holds."""

MAX_TEXT = 500
"""The most characters that any text in a result has."""


def _without_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("NUL is not allowed")
    return text


Text = Annotated[str, Field(max_length=MAX_TEXT), AfterValidator(_without_nul)]
Month = Annotated[str, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$", description="YYYY-MM")]
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
Percent = Annotated[int, Field(ge=0, le=100)]
Decimal1 = Annotated[float, Field(allow_inf_nan=False, ge=-1e6, le=1e6), AfterValidator(lambda value: round(value, 1))]
Texts = Annotated[list[Text], Field(max_length=MAX_ITEMS)]


class Result(BaseModel):
    """The base of all that is below: frozen, and nothing in it that the contract does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Section(Result):
    name: Text
    words: Count


class Contacts(Result):
    email: bool
    phone: bool
    links: Count


class Skill(Result):
    name: Text
    mentions: Count


class Period(Result):
    start: Month
    end: Month | None = Field(description="YYYY-MM, null for until now")
    months: Count


class Gap(Result):
    start: Month
    end: Month
    months: Count


class Readability(Result):
    flesch: Decimal1
    words_per_sentence: Decimal1
    long_sentences: Count


class Keywords(Result):
    matched: Texts
    missing: Texts
    percent: Percent


class Findings(Result):
    """A resume analysis before it is scored: all that the score and the suggestions are made of."""

    words: Count
    sections: list[Section] = Field(max_length=MAX_ITEMS)
    missing_sections: Texts
    contacts: Contacts
    skills: list[Skill] = Field(max_length=MAX_ITEMS)
    periods: list[Period] = Field(max_length=MAX_ITEMS)
    experience_months: Count = Field(description="Overlaps counted once")
    gaps: list[Gap] = Field(max_length=MAX_ITEMS)
    readability: Readability
    keywords: Keywords | None


class ResumeAnalysis(Findings):
    """The result of `resume-analysis`."""

    score: Percent
    suggestions: Texts


class KeywordMatch(Result):
    """The result of `keyword-match`."""

    keywords: Keywords
    score: Percent
    suggestions: Texts


def result_type(agent: Agent) -> type[ResumeAnalysis] | type[KeywordMatch]:
    """The model of what an agent finds."""
    return ResumeAnalysis if agent.name == RESUME_ANALYSIS.name else KeywordMatch


def parse_result(agent: Agent, text: str | bytes) -> ResumeAnalysis | KeywordMatch:
    """A result from JSON: one that was stored, or what an AI service answered. Raises ValueError for all else."""
    return result_type(agent).model_validate_json(text)
