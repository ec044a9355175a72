"""How a resume is scored: by criteria with weights. A review is made of them; so is the score of our own analysis.

Only findings are asked, not the text, so that a resume that an AI service has analysed is scored by the same rules.
"""

from pydantic import BaseModel, ConfigDict

from resumekit.results import Findings, Percent, ResumeAnalysis
from resumekit.wording import count_of, duration, listed

WEIGHTS = {"Structure": 25, "Experience": 25, "Skills": 20, "Clarity": 20, "Contact": 10}
WEIGHTS_WITH_MATCH = {"Structure": 20, "Experience": 20, "Skills": 15, "Clarity": 15, "Contact": 10, "Match": 20}
"""Percent, all together 100; the latter when there is an advertisement that could be compared with."""

FEWEST_WORDS, MOST_WORDS = 150, 1200
"""What a resume of one page to two has."""

LONGEST_AVERAGE = 22
"""Words per sentence that are still read in one go."""

HARDEST = 20
"""Flesch's figure, below which technical prose is hard work even for those who know the trade."""


class Criterion(BaseModel):
    """One side of a resume. `weight` is percent; those of a review are 100 together."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    score: Percent
    weight: Percent
    remark: str


class ReviewDraft(BaseModel):
    """A review before anybody has stored it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    score: Percent
    summary: str
    criteria: list[Criterion]


def review_of(analysis: ResumeAnalysis) -> ReviewDraft:
    """The review of an analysis, whoever made that. It asks for no clock and no text: the same on both sides."""
    criteria = criteria_of(analysis)
    return ReviewDraft(score=total_of(criteria), summary=_summary(analysis, criteria), criteria=criteria)


def criteria_of(findings: Findings) -> list[Criterion]:
    """In the order of WEIGHTS; the match is the last one, where there are keywords."""
    judged = {
        "Structure": _structure(findings),
        "Experience": _experience(findings),
        "Skills": _skills(findings),
        "Clarity": _clarity(findings),
        "Contact": _contact(findings),
        "Match": _match(findings),
    }
    weights = WEIGHTS_WITH_MATCH if has_keywords(findings) else WEIGHTS
    return [
        Criterion(name=name, score=_percent(judged[name][0]), weight=weight, remark=judged[name][1])
        for name, weight in weights.items()
    ]


def total_of(criteria: list[Criterion]) -> int:
    """The mean by weight, rounded half up, in integers: equal in each language."""
    return (sum(criterion.score * criterion.weight for criterion in criteria) + 50) // 100


def has_keywords(findings: Findings) -> bool:
    """Whether there is something to match: an advertisement may be there, and say nothing."""
    return findings.keywords is not None and bool(findings.keywords.matched or findings.keywords.missing)


def _percent(score: int) -> int:
    return min(max(score, 0), 100)


def _structure(findings: Findings) -> tuple[int, str]:
    """All expected sections, and neither a note nor a book."""
    missing = findings.missing_sections
    score = 100 - 20 * len(missing)
    remark = f"It has no section on {listed(missing, last='or')}." if missing else "All sections are there."
    if findings.words < FEWEST_WORDS:
        return score - 20, f"{remark} With {count_of(findings.words, 'word')} it is short."
    if findings.words > MOST_WORDS:
        return score - 15, f"{remark} With {count_of(findings.words, 'word')} it is long."
    return score, remark


def _experience(findings: Findings) -> tuple[int, str]:
    """Whether work is told with dates, for three years or more, and without gaps."""
    if not findings.experience_months:
        return 0, "No period of work with its dates is given."
    score = 55 + min(findings.experience_months, 36) * 45 // 36 - 10 * min(len(findings.gaps), 4)
    told = f"It tells of {duration(findings.experience_months)}"
    if not findings.gaps:
        return score, f"{told}, without a gap."
    longest = count_of(max(gap.months for gap in findings.gaps), "month")
    if len(findings.gaps) == 1:
        return score, f"{told}, with a gap of {longest}."
    return score, f"{told}, with {len(findings.gaps)} gaps of up to {longest}."


def _skills(findings: Findings) -> tuple[int, str]:
    """Ten are enough; more are no better."""
    found = len(findings.skills)
    if not found:
        return 0, "It names no skill that is commonly looked for."
    first = listed([skill.name for skill in findings.skills[:3]], last="and")
    return 10 * found, f"It names {count_of(found, 'skill')}, {first} most often."


def _clarity(findings: Findings) -> tuple[int, str]:
    """Sentences that can be read in one go."""
    found = findings.readability
    if found.words_per_sentence <= 0:
        return 30, "There are hardly any sentences to read."
    average = int(max(found.words_per_sentence - LONGEST_AVERAGE, 0))
    hardness = int(max(HARDEST - found.flesch, 0))
    score = 100 - 4 * min(average, 25) - min(hardness, 20) - 6 * min(found.long_sentences, 10)
    if found.long_sentences:
        verb = "is" if found.long_sentences == 1 else "are"
        return score, f"{count_of(found.long_sentences, 'sentence')} {verb} longer than 30 words."
    if hardness:
        return score, "Sentences are short enough, but their words are long."
    if average:
        return score, f"Sentences have {found.words_per_sentence:.1f} words on average, which is a lot."
    return score, f"Sentences are easy to read, with {found.words_per_sentence:.1f} words on average."


def _contact(findings: Findings) -> tuple[int, str]:
    """An e-mail address is what matters most."""
    contacts = findings.contacts
    ways = {"an e-mail address": contacts.email, "a phone number": contacts.phone, "a link": contacts.links > 0}
    score = 60 * contacts.email + 25 * contacts.phone + 15 * (contacts.links > 0)
    missing = [way for way, there in ways.items() if not there]
    if missing:
        return score, f"It lacks {listed(missing, last='and')}."
    return score, "E-mail address, phone number and links are there."


def _match(findings: Findings) -> tuple[int, str]:
    keywords = findings.keywords
    if keywords is None:
        return 0, ""
    total = len(keywords.matched) + len(keywords.missing)
    return keywords.percent, f"It has {len(keywords.matched)} of {count_of(total, 'keyword')} of the advertisement."


def _summary(findings: Findings, criteria: list[Criterion]) -> str:
    """Two sentences, three with an advertisement."""
    score = total_of(criteria)
    grade = "An excellent" if score >= 85 else "A good" if score >= 70 else "A fair" if score >= 50 else "A weak"
    worked = f"{duration(findings.experience_months)} of experience" if findings.experience_months else "no dated work"
    facts = f"{count_of(findings.words, 'word')}, {worked} and {count_of(len(findings.skills), 'skill')}"
    best = max(criteria, key=lambda criterion: criterion.score)
    worst = max(criteria, key=lambda criterion: (100 - criterion.score) * criterion.weight)
    sentences = [f"{grade} resume: {facts}."]
    if worst.score == 100:
        sentences.append("Nothing is left to be wished for.")
    else:
        sentences.append(
            f"Its best side is {best.name.lower()} ({best.score} of 100); "
            f"most is to be won in {worst.name.lower()} ({worst.score} of 100)."
        )
    if findings.keywords is not None and has_keywords(findings):
        sentences.append(f"It has {findings.keywords.percent} % of what the advertisement asks for.")
    return " ".join(sentences)
