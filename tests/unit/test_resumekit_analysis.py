"""A whole analysis: what it finds in a resume, in which order, and that nothing can make it fail or take long."""

import sys
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resumekit.agents import AGENTS, KEYWORD_MATCH, RESUME_ANALYSIS
from resumekit.analysis import Analysis
from resumekit.limits import MAX_CHARACTERS
from resumekit.results import parse_result
from resumekit.scoring import review_of

UNHURRIED = settings(deadline=None)  # the machine may be busy with something else

TODAY = date(2026, 11, 30)
RESUME = """\
Jane Doe
Berlin | jane.doe@example.com | +49 30 1234567 | github.com/janedoe

SUMMARY
Backend engineer with ten years of experience in payment systems. I build services that stay up, and I like to
explain how they work.

WORK EXPERIENCE
Senior Engineer, Acme Pay                                   Mar 2019 - present
- Moved a monolith of 400,000 lines to services in Python and Go, without downtime
- Led a team of six engineers; introduced code review and on-call
Skills: Python, Kubernetes, PostgreSQL

Engineer, Initech                                           06/2014 - 08/2018
- Built REST APIs with Django and Redis
- Cut the response time of search from 900 ms to 80 ms

E D U C A T I O N
BSc Computer Science, TU Berlin, 2010 - 2014

Skills & Tools
Python, Go, SQL, k8s, AWS, Docker, C++, Node.js, CI/CD, Kafka
"""
AD = "Backend engineer: Python, Go and Kubernetes. You build payment services; payments are instant. And Terraform."


def analyse(agent=RESUME_ANALYSIS, *, text=RESUME, job_text=None, today=TODAY):
    analysis = Analysis(agent, text=text, job_text=job_text, today=today)
    for step in agent.steps[1:]:
        analysis.do(step)
    return analysis.result()


def test_a_resume_is_read_as_a_person_would():
    found = analyse(job_text=AD)
    assert [section.name for section in found.sections] == ["summary", "experience", "skills", "education"]
    assert found.missing_sections == []
    assert found.contacts.model_dump() == {"email": True, "phone": True, "links": 1}
    assert [(skill.name, skill.mentions) for skill in found.skills][:3] == [("Python", 3), ("Go", 2), ("Kubernetes", 2)]
    assert [(period.start, period.end, period.months) for period in found.periods] == [
        ("2019-03", None, 93),
        ("2014-06", "2018-08", 51),
        ("2010-01", "2014-12", 60),
    ]
    assert found.experience_months == 93 + 51
    assert [gap.model_dump() for gap in found.gaps] == [{"start": "2018-09", "end": "2019-02", "months": 6}]
    assert found.keywords.matched[:3] == ["Go", "Kubernetes", "Python"]
    assert found.keywords.missing[0] == "Terraform"
    assert found.readability.long_sentences == 0
    assert 80 <= found.score <= 95


def test_without_an_advertisement_there_are_no_keywords():
    assert analyse(job_text=None).keywords is None
    assert analyse(job_text=" \n").keywords is None


def test_where_no_section_is_called_experience_periods_of_study_are_none_of_work():
    found = analyse(text="Jane\n2019 - 2020 Acme\n2022 - 2023 Initech\n\nEducation\n2010 - 2014 TU Berlin")
    assert found.experience_months == 48
    assert [gap.months for gap in found.gaps] == [12]
    assert len(found.periods) == 3


def test_the_score_of_an_analysis_is_that_of_its_review():
    for job_text in (None, AD, "and"):
        found = analyse(job_text=job_text)
        assert review_of(found).score == found.score


def test_keyword_match_is_about_keywords_alone():
    found = analyse(KEYWORD_MATCH, job_text=AD)
    assert found.keywords == analyse(job_text=AD).keywords
    assert found.suggestions == [analyse(job_text=AD).suggestions[-1]]


@pytest.mark.parametrize(
    ("text", "score"), [("Python, fraud", 100), ("Python", 66), ("fraud", 33), ("", 0), ("Python Python", 66)]
)
def test_in_a_match_a_skill_counts_twice_as_much_as_a_word(text, score):
    assert analyse(KEYWORD_MATCH, text=text, job_text="Python against fraud; fraud").score == score


@pytest.mark.parametrize("job_text", [None, "", "and the"])
def test_a_match_with_nothing_to_match_says_so(job_text):
    found = analyse(KEYWORD_MATCH, job_text=job_text)
    assert found.score == 0
    assert found.suggestions == ["The advertisement names nothing that a resume could be compared with."]


def test_steps_come_in_order():
    analysis = Analysis(RESUME_ANALYSIS, text=RESUME, job_text=None, today=TODAY)
    for wrong in ("extract", "skills", "score", "ask", ""):
        with pytest.raises(ValueError, match="not the next step"):
            analysis.do(wrong)
    analysis.do("sections")
    with pytest.raises(ValueError, match="not the next step"):
        analysis.do("sections")
    with pytest.raises(ValueError, match="steps left: skills, dates"):
        analysis.result()


def test_what_is_beyond_the_limit_is_not_looked_at():
    assert analyse(text=" " * (MAX_CHARACTERS - 6) + "Python").skills
    assert not analyse(text=" " * MAX_CHARACTERS + "Python").skills


@UNHURRIED
@given(st.text(), st.none() | st.text(), st.dates(), st.sampled_from(list(AGENTS.values())))
def test_no_text_makes_it_raise_and_a_result_survives_json(text, job_text, today, agent):
    found = analyse(agent, text=text, job_text=job_text, today=today)
    assert parse_result(agent, found.model_dump_json()) == found
    assert analyse(agent, text=text, job_text=job_text, today=today) == found


LINES = [*RESUME.split("\n"), "Skills:", "2019 - 2021", "since 2020", "# Other", "====", "\ud800", "\x00"]


@UNHURRIED
@given(st.lists(st.sampled_from(LINES) | st.text(max_size=20)).map("\n".join))
def test_no_resume_makes_it_raise(text):
    found = analyse(text=text, job_text=text)
    assert parse_result(RESUME_ANALYSIS, found.model_dump_json()) == found
    assert found.experience_months <= sum(period.months for period in found.periods) or len(found.periods) == 100
    assert sum(section.words for section in found.sections) <= found.words
    assert found.keywords is None or found.keywords.missing == []


HOSTILE = [
    "a", "a ", " ", "\n", "@", "a@", "a@b.", ".", ". ", "1", "1 ", "+1 ", "(0", "2019 - ", "2019-", "Mar ",
    "Mar 2019 - ", "since ", "Go, ", "Go\n", "C++", "node.", "machine ", ".net", "x_", "https://", "https://a ",
    "# \n", "Skills:\n", "Skills: x\n", "Skills\n---\n", "E ", "and ", "- ", "-", "'", "a'", "\u0301", "\U0001f642",
    "a-", "batteries ", "tel", "Experience\n2019 - 2020\n", "<resume>", "\t", "A. ", "e", "*", "\u4e2d",
]  # fmt: skip


def calls_of(text):
    """How many calls of functions, of Python and of C, it takes to analyse a text."""
    calls = 0

    def count(*_):
        nonlocal calls
        calls += 1

    sys.setprofile(count)
    try:
        analyse(text=text, job_text=text)
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("piece", HOSTILE)
def test_work_grows_with_the_text_and_not_faster(piece):
    once, twice = (calls_of(piece * (size // len(piece))) for size in (4000, 8000))
    assert twice <= 2.1 * once + 200


@pytest.mark.slow
@pytest.mark.parametrize("piece", ["a", "Go\n"])
def test_the_longest_hostile_text_is_analysed(piece):
    text = piece * (MAX_CHARACTERS // len(piece))
    found = analyse(text=text, job_text=text[:20_000])
    assert parse_result(RESUME_ANALYSIS, found.model_dump_json()) == found
