"""What would make a resume better, in words, the weightiest first. The last step of an analysis."""

from collections.abc import Iterator

from resumekit.readability import LONG_SENTENCE
from resumekit.results import Findings, Keywords
from resumekit.scoring import FEWEST_WORDS, LONGEST_AVERAGE, MOST_WORDS
from resumekit.wording import count_of, listed

_HINTS = {
    "summary": "Begin with a summary: two or three lines on who you are and what you look for.",
    "experience": "Add a section on experience, with employer, role and dates of each position.",
    "education": "Add a section on education.",
    "skills": "Add a section that lists your skills, so that they are found at a glance.",
}
_MOST_NAMED = 8
_FEW_SKILLS = 5


def suggestions_for(findings: Findings) -> list[str]:
    """None of them when there is nothing to be said."""
    return [*_on_contacts(findings), *_on_structure(findings), *_on_dates(findings), *_on_words(findings),
            *on_keywords(findings.keywords)]  # fmt: skip


def on_keywords(keywords: Keywords | None) -> Iterator[str]:
    """Also for an agent that looks at nothing else."""
    if keywords is None:
        return
    if not keywords.matched and not keywords.missing:
        yield "The advertisement names nothing that a resume could be compared with."
    elif keywords.missing:
        named = listed(keywords.missing[:_MOST_NAMED], last="and")
        more = len(keywords.missing) - _MOST_NAMED
        others = "" if more <= 0 else " (1 more is missing)" if more == 1 else f" ({more} more are missing)"
        yield f"If they are true of you, name what the advertisement asks for: {named}{others}."


def _on_contacts(findings: Findings) -> Iterator[str]:
    if not findings.contacts.email:
        yield "Give an e-mail address."
    if not findings.contacts.phone:
        yield "Give a phone number."
    if not findings.contacts.links:
        yield "Link to a profile or to work of yours."


def _on_structure(findings: Findings) -> Iterator[str]:
    for name in findings.missing_sections:
        yield _HINTS.get(name, f"Add a section on {name}.")
    for section in findings.sections:
        if not section.words:
            yield f"Nothing stands under the heading of {section.name}."
    if len(findings.skills) < _FEW_SKILLS:
        yield "Name the tools, languages and methods that you work with."
    if findings.words < FEWEST_WORDS:
        yield f"Say more: {count_of(findings.words, 'word')} are few for a resume."
    if findings.words > MOST_WORDS:
        yield f"Say less: {count_of(findings.words, 'word')} are more than most readers will read."


def _on_dates(findings: Findings) -> Iterator[str]:
    if not findings.experience_months:
        yield 'Give the dates of each position, such as "03/2019 - 06/2021".'
    for gap in findings.gaps[:3]:
        months = count_of(gap.months, "month")
        between = gap.start if gap.start == gap.end else f"{gap.start} to {gap.end}"
        yield f"Say in a line what you did from {between} ({months})."


def _on_words(findings: Findings) -> Iterator[str]:
    found = findings.readability
    if found.long_sentences:
        verb = "has" if found.long_sentences == 1 else "have"
        yield f"{count_of(found.long_sentences, 'sentence')} {verb} more than {LONG_SENTENCE} words: split them."
    elif found.words_per_sentence > LONGEST_AVERAGE:
        yield f"Write shorter sentences: they have {found.words_per_sentence:.1f} words on average."
