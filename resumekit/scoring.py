"""How a resume is scored. A review is made of it; so is the score of an analysis."""

from pydantic import BaseModel, ConfigDict

from resumekit.results import Percent, ResumeAnalysis


class Criterion(BaseModel):
    """One side of a resume. `weight` is percent; those of a review are 100 together."""

    model_config = ConfigDict(frozen=True)
    name: str
    score: Percent
    weight: Percent
    remark: str


class ReviewDraft(BaseModel):
    """A review before anybody has stored it."""

    model_config = ConfigDict(frozen=True)
    score: Percent
    summary: str
    criteria: list[Criterion]


def review_of(analysis: ResumeAnalysis) -> ReviewDraft:
    """The review of an analysis, whoever made that."""
    criterion = Criterion(name="Structure", score=analysis.score, weight=100, remark="All in all.")
    return ReviewDraft(
        score=analysis.score, summary=f"The resume scores {analysis.score} of 100.", criteria=[criterion]
    )
