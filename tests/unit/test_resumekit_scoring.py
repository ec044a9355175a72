"""A review is made of criteria whose weights are a hundred together, and says in words what it found."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resumekit.results import Contacts, Gap, Keywords, Readability, ResumeAnalysis, Section, Skill
from resumekit.scoring import WEIGHTS, WEIGHTS_WITH_MATCH, criteria_of, review_of, total_of
from resumekit.suggestions import suggestions_for
from resumekit.wording import count_of, duration, listed

UNHURRIED = settings(deadline=None)  # the machine may be busy with something else

GOOD = ResumeAnalysis(
    words=400,
    sections=[Section(name=name, words=100) for name in ("summary", "experience", "education", "skills")],
    missing_sections=[],
    contacts=Contacts(email=True, phone=True, links=2),
    skills=[Skill(name=f"Skill {number}", mentions=1) for number in range(12)],
    periods=[],
    experience_months=63,
    gaps=[],
    readability=Readability(flesch=45.0, words_per_sentence=14.5, long_sentences=0),
    keywords=None,
    score=0,
    suggestions=[],
)
MANY_MISSING = (
    "If they are true of you, name what the advertisement asks for: a, b, c, d, e, f, g and h (3 more are missing)."
)
GAP = Gap(start="2020-01", end="2020-06", months=6)


def changed(**fields):
    return GOOD.model_copy(update=fields)


def scores(analysis):
    return {criterion.name: criterion.score for criterion in criteria_of(analysis)}


def remark(name, **fields):
    return next(criterion.remark for criterion in criteria_of(changed(**fields)) if criterion.name == name)


counts = st.integers(0, 2**31 - 1)
words = st.text(max_size=30).filter(lambda text: "\x00" not in text)
analyses = st.builds(
    ResumeAnalysis,
    words=counts,
    sections=st.lists(st.builds(Section, name=words, words=counts), max_size=5),
    missing_sections=st.lists(words, max_size=6),
    contacts=st.builds(Contacts, email=st.booleans(), phone=st.booleans(), links=counts),
    skills=st.lists(st.builds(Skill, name=words, mentions=counts), max_size=15),
    periods=st.just([]),
    experience_months=counts,
    gaps=st.lists(st.builds(Gap, start=st.just("2020-01"), end=st.just("2020-06"), months=counts), max_size=5),
    readability=st.builds(
        Readability,
        flesch=st.floats(-1e6, 1e6),
        words_per_sentence=st.floats(-1e6, 1e6),
        long_sentences=counts,
    ),
    keywords=st.none()
    | st.builds(
        Keywords, matched=st.lists(words, max_size=9), missing=st.lists(words, max_size=9), percent=st.integers(0, 100)
    ),
    score=st.integers(0, 100),
    suggestions=st.just([]),
)


@pytest.mark.parametrize("weights", [WEIGHTS, WEIGHTS_WITH_MATCH])
def test_weights_are_a_hundred_together(weights):
    assert sum(weights.values()) == 100


@UNHURRIED
@given(analyses)
def test_any_analysis_has_a_review_whoever_made_it(analysis):
    review = review_of(analysis)
    assert sum(criterion.weight for criterion in review.criteria) == 100
    assert min(scores(analysis).values()) <= review.score <= max(scores(analysis).values())
    assert all(criterion.remark for criterion in review.criteria)
    assert review.summary.endswith(".")
    assert review_of(analysis) == review
    assert all(suggestions_for(analysis))


def test_the_best_resume_has_a_hundred():
    review = review_of(GOOD)
    assert review.score == 100
    assert review.summary == (
        "An excellent resume: 400 words, 5 years and 3 months of experience and 12 skills. "
        "Nothing is left to be wished for."
    )
    assert suggestions_for(GOOD) == []


def test_the_match_counts_only_when_there_is_something_to_match():
    assert "Match" not in scores(GOOD)
    assert "Match" not in scores(changed(keywords=Keywords(matched=[], missing=[], percent=0)))
    assert scores(changed(keywords=Keywords(matched=["a"], missing=["b"], percent=50)))["Match"] == 50


def test_a_summary_tells_what_is_best_and_what_would_bring_most():
    review = review_of(
        changed(
            contacts=Contacts(email=False, phone=False, links=0),
            experience_months=0,
            keywords=Keywords(matched=["a"], missing=["b", "c"], percent=33),
        )
    )
    assert review.score == 57
    assert review.summary == (
        "A fair resume: 400 words, no dated work and 12 skills. "
        "Its best side is structure (100 of 100); most is to be won in experience (0 of 100). "
        "It has 33 % of what the advertisement asks for."
    )


@pytest.mark.parametrize(
    ("name", "fields", "score", "expected"),
    [
        ("Structure", {"missing_sections": ["skills"]}, 80, "It has no section on skills."),
        (
            "Structure",
            {"missing_sections": ["summary", "skills"], "words": 1},
            40,
            "It has no section on summary or skills. With 1 word it is short.",
        ),
        ("Structure", {"words": 1201}, 85, "All sections are there. With 1,201 words it is long."),
        ("Experience", {"experience_months": 0}, 0, "No period of work with its dates is given."),
        ("Experience", {"experience_months": 12}, 70, "It tells of 1 year, without a gap."),
        ("Experience", {"gaps": [GAP]}, 90, "It tells of 5 years and 3 months, with a gap of 6 months."),
        ("Experience", {"gaps": [GAP] * 9}, 60, "It tells of 5 years and 3 months, with 9 gaps of up to 6 months."),
        ("Skills", {"skills": []}, 0, "It names no skill that is commonly looked for."),
        ("Skills", {"skills": [Skill(name="Go", mentions=3)]}, 10, "It names 1 skill, Go most often."),
        ("Contact", {"contacts": Contacts(email=True, phone=False, links=1)}, 75, "It lacks a phone number."),
        (
            "Contact",
            {"contacts": Contacts(email=False, phone=False, links=0)},
            0,
            "It lacks an e-mail address, a phone number and a link.",
        ),
        (
            "Clarity",
            {"readability": Readability(flesch=45, words_per_sentence=14, long_sentences=1)},
            94,
            "1 sentence is longer than 30 words.",
        ),
        (
            "Clarity",
            {"readability": Readability(flesch=5, words_per_sentence=14, long_sentences=0)},
            85,
            "Sentences are short enough, but their words are long.",
        ),
        (
            "Clarity",
            {"readability": Readability(flesch=45, words_per_sentence=25, long_sentences=0)},
            88,
            "Sentences have 25.0 words on average, which is a lot.",
        ),
        (
            "Clarity",
            {"readability": Readability(flesch=0, words_per_sentence=0, long_sentences=0)},
            30,
            "There are hardly any sentences to read.",
        ),
        (
            "Match",
            {"keywords": Keywords(matched=["a"], missing=["b", "c"], percent=33)},
            33,
            "It has 1 of 3 keywords of the advertisement.",
        ),
    ],
)
def test_each_criterion_is_explained(name, fields, score, expected):
    assert scores(changed(**fields))[name] == score
    assert remark(name, **fields) == expected


def test_a_total_is_rounded_half_up():
    criteria = [
        c.model_copy(update={"score": 50, "weight": 1 if c.name == "Contact" else 0}) for c in criteria_of(GOOD)
    ]
    assert total_of(criteria) == 1
    assert total_of([c.model_copy(update={"score": 49}) for c in criteria]) == 0


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"contacts": Contacts(email=False, phone=True, links=1)}, "Give an e-mail address."),
        ({"missing_sections": ["education"]}, "Add a section on education."),
        ({"missing_sections": ["haiku"]}, "Add a section on haiku."),
        ({"sections": [Section(name="skills", words=0)]}, "Nothing stands under the heading of skills."),
        ({"gaps": [GAP]}, "Say in a line what you did from 2020-01 to 2020-06 (6 months)."),
        ({"experience_months": 0}, 'Give the dates of each position, such as "03/2019 - 06/2021".'),
        (
            {"readability": Readability(flesch=45, words_per_sentence=25, long_sentences=2)},
            "2 sentences have more than 30 words: split them.",
        ),
        (
            {"readability": Readability(flesch=45, words_per_sentence=25, long_sentences=0)},
            "Write shorter sentences: they have 25.0 words on average.",
        ),
        (
            {"keywords": Keywords(matched=[], missing=list("abcdefghijk"), percent=0)},
            MANY_MISSING,
        ),
        (
            {"keywords": Keywords(matched=[], missing=[], percent=0)},
            "The advertisement names nothing that a resume could be compared with.",
        ),
        ({"words": 20}, "Say more: 20 words are few for a resume."),
        ({"words": 2000}, "Say less: 2,000 words are more than most readers will read."),
    ],
)
def test_what_could_be_better_is_suggested_and_nothing_else(fields, expected):
    assert suggestions_for(changed(**fields)) == [expected]


@pytest.mark.parametrize(
    ("months", "expected"),
    [(0, "0 months"), (1, "1 month"), (12, "1 year"), (25, "2 years and 1 month"), (13, "1 year and 1 month")],
)
def test_a_duration_in_words(months, expected):
    assert duration(months) == expected


def test_lists_and_counts_in_words():
    assert [listed(list("abc")[:number], last="and") for number in range(4)] == ["", "a", "a and b", "a, b and c"]
    assert [count_of(number, "word") for number in (0, 1, 2000)] == ["0 words", "1 word", "2,000 words"]
