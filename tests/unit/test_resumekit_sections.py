"""A resume is cut at its headings, however they are written, and at nothing else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resumekit.headings import NAMES, heading_of
from resumekit.sections import missing_of, parts_of, sections_of, text_outside, text_under
from resumekit.words import count_words

UNHURRIED = settings(deadline=None)  # the machine may be busy with something else


def names(text):
    return [part.name for part in parts_of(text)[1:]]


def words(text):
    return {section.name: section.words for section in sections_of(parts_of(text))}


@pytest.mark.parametrize(
    "heading",
    [
        "Experience", "EXPERIENCE", "Experience:", "## Experience", "# EXPERIENCE ##", "### Work Experience",
        "**Experience**", "__Experience__", "Professional Experience", "WORK EXPERIENCE:", "== Experience ==",
        "Experience\n==========", "Experience\n---", "EXPERIENCE\n──────", "  Experience  ", "1. Experience",
        "• Experience", "E X P E R I E N C E", "W O R K   E X P E R I E N C E", "Work & Experience",
        "Employment History", "Berufserfahrung", "BERUFLICHER WERDEGANG", "# experience", "Relevant Work Experience",
    ],
)  # fmt: skip
def test_headings_come_in_many_forms(heading):
    assert words(f"Jane Doe\n{heading}\nBuilt things well\n") == {"experience": 3}


@pytest.mark.parametrize(
    ("heading", "name"),
    [
        ("About me", "summary"), ("Profile", "summary"), ("Technical Skills", "skills"), ("Tech stack:", "skills"),
        ("Education and Training", "education"), ("Education / Certifications", "education"), ("Honours", "awards"),
        ("Publications & Talks", "publications"), ("SPRACHEN", "languages"), ("Contact details", "contact"),
        ("Certificates", "certifications"), ("Side projects", "projects"), ("Hobbies", "interests"),
        ("References available on request", "references"), ("Volunteer Experience", "volunteering"),
        ("Skills, Tools and Technologies", "skills"), ("KEY SKILLS + EXPERTISE", "skills"), ("Bildung", "education"),
    ],
)  # fmt: skip
def test_other_names_mean_the_same(heading, name):
    assert names(f"{heading}\nx") == [name]


@pytest.mark.parametrize(
    "line",
    [
        "", " ", ":", "#", "###", "experience", "skills and more", "Experience with Python", "I have experience",
        "Experienced", "Experience in education and skills, and in many more things than fit into a heading of a page",
        "Skills that matter: Python", "- Skills: Python", "he said: Skills", "12:30", "Education and other things",
    ],
)  # fmt: skip
def test_other_lines_are_no_headings(line):
    assert heading_of(line, "") is None or heading_of(line, "").name is None
    assert names(f"{line}\ntext") == []


def test_an_underline_is_no_text():
    assert words("Skills\n======\nPython\n\nEducation\n---------\nBSc") == {"skills": 1, "education": 1}


def test_a_section_that_comes_again_is_one():
    assert words("Experience\na b\nEducation\nc\nOther experience\nd") == {"experience": 3, "education": 1}


def test_a_heading_of_markdown_that_we_do_not_know_ends_what_it_is_not_part_of():
    text = "# Jane\n## Experience\n### Acme\nwork\n## Miscellaneous\nplay play\n## Skills\nPython"
    assert words(text) == {"experience": 2, "skills": 1}


def test_the_name_of_an_employer_ends_nothing():
    assert words("EXPERIENCE\nACME INC\nwork\n**Initech**\nwork") == {"experience": 5}


def test_a_section_may_begin_in_the_line_of_its_heading():
    assert words("Jane\nSkills: Python, SQL\nand Go\nEducation: BSc") == {"skills": 4, "education": 1}


def test_a_line_of_skills_within_experience_does_not_end_it():
    text = "Experience\nAcme, 2019 - 2021\nSkills: Python\nInitech, 2015 - 2018"
    assert words(text) == {"experience": 6, "skills": 1}
    assert "2015" in text_under(parts_of(text), "experience")


def test_programming_languages_among_the_skills_are_skills():
    assert words("Skills\nLanguages: Python, Java\nTools: Docker") == {"skills": 4}


def test_a_heading_with_nothing_below_is_there_all_the_same():
    assert words("Summary\nSkills\n") == {"summary": 0, "skills": 0}


def test_what_is_missing_is_told_in_the_order_of_a_resume():
    assert missing_of(sections_of(parts_of("nothing"))) == ["summary", "experience", "education", "skills"]
    assert missing_of(sections_of(parts_of("Skills\nx\nProfile\ny\nHobbies\nz"))) == ["experience", "education"]


@UNHURRIED
@given(st.text() | st.text("#=-: \nESsk.illxp*"))
def test_no_text_makes_it_raise_and_no_word_is_counted_twice(text):
    sections = sections_of(parts_of(text))
    assert sum(section.words for section in sections) <= count_words(text)
    assert {section.name for section in sections} <= NAMES.keys()
    assert len({section.name for section in sections}) == len(sections)


@UNHURRIED
@given(st.lists(st.sampled_from(["Skills", "Experience:", "## Other", "a line", "Education: BSc", ""])))
def test_each_line_is_in_one_part_or_a_heading(lines):
    parts = parts_of("\n".join(lines))
    inside, outside = text_under(parts, "skills"), text_outside(parts, "skills")
    kept = f"{inside}\n{outside}".split("\n")
    assert kept.count("a line") == lines.count("a line")
