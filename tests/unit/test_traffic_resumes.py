"""Users and their resumes: the same for the same seed, and nobody has another's."""

from io import BytesIO

import pytest
from pypdf import PdfReader

from traffic.pdf import LINES_ON_A_PAGE, pdf_of
from traffic.people import chance_of, person
from traffic.resumes import job_text_of, resume_of


def made(seed, number):
    chance = chance_of(seed, number)
    return resume_of(chance, person(chance, number, tag="t"))


def text_of(content):
    return "\n".join(page.extract_text() for page in PdfReader(BytesIO(content), strict=True).pages)


def test_a_user_and_her_resume_follow_from_the_seed():
    for number in range(20):
        assert made(7, number) == made(7, number)
    assert made(7, 1) != made(8, 1)
    chance, again = chance_of(7, 1), chance_of(7, 1)
    assert person(chance, 1, tag="t") == person(again, 1, tag="t")


def test_no_two_users_have_the_same_bytes_or_browser_or_address():
    chance = chance_of(1, 0)
    people = [person(chance, number, tag="t") for number in range(200)]
    resumes = {made(1, number).sha256 for number in range(200)}
    assert len(resumes) == len({each.email for each in people}) == len({each.agent for each in people}) == 200


def test_two_runs_have_different_users():
    assert person(chance_of(1, 5), 5, tag="a").email != person(chance_of(1, 5), 5, tag="b").email


def test_all_three_kinds_are_made_and_some_are_long():
    resumes = [made(3, number) for number in range(200)]
    assert {each.content_type for each in resumes} == {"text/plain", "text/markdown", "application/pdf"}
    assert any(len(each.content) > 200_000 for each in resumes)
    assert all(each.filename.endswith(("txt", "md", "pdf")) for each in resumes)


def test_a_resume_has_what_its_reader_must_find():
    for number in range(60):
        chance = chance_of(9, number)
        who = person(chance, number, tag="t")
        resume = resume_of(chance, who)
        is_pdf = resume.content_type == "application/pdf"
        text = text_of(resume.content) if is_pdf else resume.content.decode()
        assert who.email in text
        assert who.name in text
        assert all(skill in text for skill in resume.skills)
        assert 0.9 * resume.words <= len(text.split()) <= 1.2 * resume.words


def test_a_password_is_not_shown_with_its_person():
    who = person(chance_of(1, 1), 1, tag="t")
    assert who.password not in repr(who)


@pytest.mark.parametrize("count", [0, 1, LINES_ON_A_PAGE, LINES_ON_A_PAGE + 1, 3 * LINES_ON_A_PAGE])
def test_a_pdf_has_every_line_on_as_many_pages_as_it_takes(count):
    lines = [f"line {number} (of many) \\ Grün" for number in range(count)]
    reader = PdfReader(BytesIO(pdf_of(lines)), strict=True)
    assert len(reader.pages) == max(1, -(-count // LINES_ON_A_PAGE))
    found = "\n".join(page.extract_text() for page in reader.pages).split("\n")
    assert [line for line in found if line] == lines


def test_a_pdf_shows_a_question_mark_for_what_its_font_has_not():
    assert text_of(pdf_of(["日本 x"])).strip() == "?? x"


def test_an_advertisement_asks_for_some_of_the_skills():
    for number in range(30):
        text = job_text_of(chance_of(1, number), ("Python", "Redis", "SQL"))
        assert sum(skill in text for skill in ("Python", "Redis", "SQL")) >= 2
