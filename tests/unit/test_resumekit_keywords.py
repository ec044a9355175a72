"""What an advertisement asks for, skills first, and what of it a resume has."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resumekit.keywords import MAX_TERMS, keywords_of
from resumekit.skills import SKILLS

UNHURRIED = settings(deadline=None)  # the machine may be busy with something else

AD = """Backend engineer (m/f/d). You build payment services in Python, and you like Python and Kubernetes. Our payments
are instant payments. Fraud is not: fraud detection matters. Experience with Terraform is a plus. Apply now! We offer a
competitive salary."""


def test_skills_come_first_then_words_that_are_repeated():
    found = keywords_of("I wrote a payment gateway in Python on k8s.", AD)
    assert found.matched[:3] == ["Python", "Kubernetes", "payments"]
    assert found.missing[:2] == ["Terraform", "fraud"]


def test_a_term_matches_in_the_plural_and_under_its_other_names():
    assert keywords_of("batteries, Golang", "battery, battery, with Go").missing == []
    assert keywords_of("battery, with Go", "batteries, batteries, Golang").missing == []


def test_what_only_looks_alike_is_missing():
    assert keywords_of("javascript, paymentology", "Java and payment, payment").matched == []


def test_words_that_every_advertisement_has_are_no_terms():
    found = keywords_of("", "We offer a competitive salary and a great team. Apply now! Great team, great company.")
    assert found.matched + found.missing == []
    assert found.percent == 0


def test_a_short_advertisement_gives_its_single_words():
    found = keywords_of("pastry chef", "Pastry chef with experience in chocolate and catering")
    assert found.matched == ["chef", "pastry"]
    assert found.missing == ["chocolate"]


def test_a_long_one_gives_at_most_thirty():
    found = keywords_of("Python", ", ".join(sorted(SKILLS)) + " word" * 5)
    assert len(found.matched) + len(found.missing) == MAX_TERMS


def test_the_order_does_not_depend_on_the_resume():
    assert keywords_of("", AD).missing == keywords_of(AD, AD).matched


@pytest.mark.parametrize(
    ("text", "percent"), [("", 0), ("Python", 33), ("Python, Docker", 67), ("Docker, Redis, Python", 100)]
)
def test_percent_is_rounded_and_full_only_when_all_are_there(text, percent):
    assert keywords_of(text, "Python, Docker, Redis").percent == percent


@UNHURRIED
@given(
    st.text(),
    st.text() | st.lists(st.sampled_from(["Go", "Python", "fraud", "the", "\u2019s", "ß", "1"])).map(" ".join),
)
def test_no_text_makes_it_raise_and_nothing_is_told_twice(text, job_text):
    found = keywords_of(text, job_text)
    terms = found.matched + found.missing
    assert len(terms) == len(set(terms)) <= MAX_TERMS
    assert 0 <= found.percent <= 100
    assert (found.percent == 100) == (bool(terms) and not found.missing)
    assert keywords_of(text, job_text) == found


@UNHURRIED
@given(st.text())
def test_an_advertisement_has_all_of_its_own_terms(job_text):
    assert keywords_of(job_text, job_text).missing == []
