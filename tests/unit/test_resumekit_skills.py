"""Skills are found under each of their names, and not where a word only looks like one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resumekit.results import MAX_ITEMS
from resumekit.skills import SKILLS, hits_in, skills_of
from resumekit.vocabulary import VOCABULARY

UNHURRIED = settings(deadline=None)  # the machine may be busy with something else


def found(text):
    return {skill.name: skill.mentions for skill in skills_of(text)}


@pytest.mark.parametrize(
    ("text", "skills"),
    [
        ("k8s", {"Kubernetes"}), ("Kubernetes and kubernetes", {"Kubernetes"}), ("C++/C#", {"C++", "C#"}),
        ("C++.", {"C++"}), ("C++11", {"C++"}), (".NET", {".NET"}), ("ASP.NET", {".NET"}), ("(.net)", {".NET"}),
        ("Node.js", {"Node.js"}), ("node js", {"Node.js"}), ("NodeJS", {"Node.js"}), ("F#", {"F#"}),
        ("CI/CD", {"CI/CD"}), ("machine\nlearning", {"Machine Learning"}), ("Objective-C", {"Objective-C"}),
        ("React Native", {"React Native"}), ("React, Native", {"React"}), ("PL/SQL", {"PL/SQL"}),
        ("scikit-learn", {"scikit-learn"}), ("HTML/CSS", {"HTML", "CSS"}), ("T-SQL", {"SQL"}), ("golang", {"Go"}),
        ("Postgres", {"PostgreSQL"}), ("REST", {"REST"}), ("ms excel", {"Microsoft Excel"}), ("S3", {"Amazon S3"}),
        ("A/B testing", {"A/B Testing"}), ("Python-based", {"Python"}), ("PYTHON", {"Python"}),
        ("Spring Boot", {"Spring Boot"}), ("Ruby on Rails", {"Ruby on Rails"}),
        ("Domain Driven Design", {"Domain-Driven Design"}),
    ],
)  # fmt: skip
def test_a_skill_has_many_names(text, skills):
    assert found(text).keys() == skills


@pytest.mark.parametrize(
    ("text", "skills"),
    [
        ("Python, Go, R and C", {"Python", "Go", "R", "C"}), ("Written in Go.", {"Go"}), ("Go developer", {"Go"}),
        ("services with Go and gRPC", {"Go", "gRPC"}), ("Skills: Go, R", {"Go", "R"}), ("C/C++", {"C", "C++"}),
        ("- Go\n- Python", {"Go", "Python"}), ("* R\n* Go", {"R", "Go"}), ("R programming", {"R"}),
        ("Java, Spring, Hibernate", {"Java", "Spring", "Hibernate"}), ("Python | Go | Rust", {"Python", "Go", "Rust"}),
        ("Go 1.21, Python 3", {"Go", "Python"}), ("Swift & Kotlin", {"Swift", "Kotlin"}), ("(Go, SQL)", {"Go", "SQL"}),
        ("Excel, Word and SAP", {"Microsoft Excel", "Microsoft Word", "SAP"}),
    ],
)  # fmt: skip
def test_an_ordinary_word_is_a_skill_where_skills_stand(text, skills):
    assert found(text).keys() == skills


@pytest.mark.parametrize(
    "text",
    [
        "I had to go to Boston", "Go to market", "Go! Now.", "R&D", "the R&D department", "Plan C.", "C-level",
        "Vitamin C", "J. R. Smith", "Driving licence: B, C", "the rest of it", "Excel at what you do",
        "swift answers", "Swift answers", "a network", "the .network", "internet", "spring 2019",
        "Interned in Spring 2019", "express delivery", "Express yourself", "In a word", "access", "Chef de partie",
        "C. elegans", "C3PO", "unity is strength", "less is more", "javascripts", "pythonic", "sqlx", "go-to person",
        "Go-to person, expert", "it is", "ai", "us", "section C, page 4", "and Go away", "rusty", "R2D2", "JSON-LD",
        "Salesforces", "github_token", "the_python_way",
    ],
)  # fmt: skip
def test_an_ordinary_word_is_none_elsewhere(text):
    assert found(text) == {}


@pytest.mark.parametrize(
    "text", ["https://github.com/jane/python", "github.com/jane/docker", "python@example.com", "www.python.org/docker"]
)
def test_links_and_addresses_name_no_skill(text):
    assert found(text) == {}


def test_mentions_are_counted_and_the_longest_name_wins():
    assert found("AWS Lambda, AWS, aws, React Native, React") == {
        "AWS": 2, "AWS Lambda": 1, "React": 1, "React Native": 1,
    }  # fmt: skip


def test_the_most_often_named_come_first_and_ties_by_name():
    text = "SQL Docker Python SQL docker ansible Django"
    assert [skill.name for skill in skills_of(text)] == ["Docker", "SQL", "Ansible", "Django", "Python"]


def test_no_more_are_told_than_a_result_holds():
    everything = "\n".join(SKILLS)
    assert len(skills_of(everything)) == MAX_ITEMS


def test_the_vocabulary_is_large_and_says_nothing_twice():
    assert len(SKILLS) > 250
    lines = [line for line in VOCABULARY.splitlines() if line and not line.startswith("#")]
    ways = [
        way.strip().lstrip("!?")
        for line in lines
        for entry in line.split("; ")
        for way in entry.replace(" = ", ",").split(",")
    ]
    assert sorted(way for way in set(ways) if ways.count(way) > 1) == []
    assert all(way and way == way.strip() for way in ways)


@pytest.mark.parametrize("name", sorted(SKILLS))
def test_each_skill_is_found_in_a_list_of_skills(name):
    assert name in found(f"Python, {name}, Docker")


@UNHURRIED
@given(st.lists(st.sampled_from([*SKILLS, "and", ",", ".", "go", "\n", "-", "/", "é", "🙂"])), st.text())
def test_hits_lie_in_the_text_and_do_not_overlap(words, text):
    text = " ".join(words) + text
    end = 0
    for hit in hits_in(text):
        assert end <= hit.start < hit.end <= len(text)
        assert hit.skill in SKILLS
        assert hit.line == text.count("\n", 0, hit.start)
        end = hit.end
