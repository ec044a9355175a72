"""Results are what the contract says, frozen, bounded, and the same after a way through JSON."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from resumekit.agents import AGENTS, KEYWORD_MATCH, RESUME_ANALYSIS
from resumekit.results import (
    MAX_ITEMS,
    MAX_TEXT,
    Contacts,
    Gap,
    KeywordMatch,
    Keywords,
    Period,
    Readability,
    ResumeAnalysis,
    Section,
    Skill,
    parse_result,
)

UNHURRIED = settings(deadline=None)  # the machine may be busy with something else

CONTRACT = Path(__file__).parents[2] / "contract" / "openapi.yaml"

counts = st.integers(0, 2**31 - 1)
words = st.text(max_size=20).filter(lambda text: "\x00" not in text)
months = st.dates().map(lambda day: f"{day:%Y-%m}".zfill(7))
keywords = st.builds(
    Keywords, matched=st.lists(words, max_size=3), missing=st.lists(words, max_size=3), percent=st.integers(0, 100)
)
analyses = st.builds(
    ResumeAnalysis,
    words=counts,
    sections=st.lists(st.builds(Section, name=words, words=counts), max_size=3),
    missing_sections=st.lists(words, max_size=3),
    contacts=st.builds(Contacts, email=st.booleans(), phone=st.booleans(), links=counts),
    skills=st.lists(st.builds(Skill, name=words, mentions=counts), max_size=3),
    periods=st.lists(st.builds(Period, start=months, end=st.none() | months, months=counts), max_size=3),
    experience_months=counts,
    gaps=st.lists(st.builds(Gap, start=months, end=months, months=counts), max_size=3),
    readability=st.builds(
        Readability, flesch=st.floats(-1e6, 1e6), words_per_sentence=st.floats(-1e6, 1e6), long_sentences=counts
    ),
    keywords=st.none() | keywords,
    score=st.integers(0, 100),
    suggestions=st.lists(words, max_size=3),
)
matches = st.builds(KeywordMatch, keywords=keywords, score=st.integers(0, 100), suggestions=st.lists(words, max_size=3))
EMPTY = KeywordMatch(keywords=Keywords(matched=[], missing=[], percent=0), score=0, suggestions=[])


@UNHURRIED
@given(analyses)
def test_an_analysis_is_the_same_after_a_way_through_json(analysis):
    text = analysis.model_dump_json()
    assert parse_result(RESUME_ANALYSIS, text) == analysis
    assert parse_result(RESUME_ANALYSIS, text.encode()).model_dump_json() == text


@UNHURRIED
@given(matches)
def test_a_match_is_the_same_after_a_way_through_json(match):
    assert parse_result(KEYWORD_MATCH, match.model_dump_json()) == match


@pytest.mark.parametrize(
    "text",
    [
        "", "null", "[]", "{}", "no json", '{"score": 1}', b"\xff", EMPTY.model_dump_json()[:-1],
        EMPTY.model_copy(update={"score": 101}).model_dump_json(),
        EMPTY.model_copy(update={"score": -1}).model_dump_json(),
        EMPTY.model_copy(update={"suggestions": ["a" * (MAX_TEXT + 1)]}).model_dump_json(),
        EMPTY.model_copy(update={"suggestions": ["a"] * (MAX_ITEMS + 1)}).model_dump_json(),
        EMPTY.model_copy(update={"suggestions": ["NUL \x00"]}).model_dump_json(),
        EMPTY.model_dump_json().replace('"score"', '"extra": 1, "score"'),
        EMPTY.model_dump_json().replace('"suggestions":[]', '"suggestions":["\\ud800"]'),
    ],
)  # fmt: skip
def test_other_json_is_refused(text):
    with pytest.raises(ValueError, match="validation error"):
        parse_result(KEYWORD_MATCH, text)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "1e7"])
def test_figures_are_finite(number):
    text = f'{{"flesch": {number}, "words_per_sentence": 1.0, "long_sentences": 0}}'
    with pytest.raises(ValidationError):
        Readability.model_validate_json(text)


def test_figures_have_one_decimal_wherever_they_come_from():
    found = Readability.model_validate_json('{"flesch": 61.349999, "words_per_sentence": 14, "long_sentences": 0}')
    assert (found.flesch, found.words_per_sentence) == (61.3, 14.0)
    assert found.model_dump_json() == '{"flesch":61.3,"words_per_sentence":14.0,"long_sentences":0}'


@pytest.mark.parametrize(
    "month",
    [
        "2019",
        "2019-13",
        "2019-00",
        "19-01",
        "2019-1",
        "2019-01-01",
        "2019-01\n",
        "\u0662\u0660\u0661\u0669-\u0660\u0661",
    ],
)
def test_months_have_one_form(month):
    with pytest.raises(ValidationError):
        Gap(start=month, end="2020-01", months=1)


def test_a_result_is_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        EMPTY.score = 1


@pytest.mark.parametrize("agent", AGENTS.values(), ids=list(AGENTS))
def test_a_result_of_another_agent_is_none_of_this(agent):
    assert isinstance(parse_result(KEYWORD_MATCH, EMPTY.model_dump_json()), KeywordMatch)
    with pytest.raises(ValidationError):
        parse_result(agent, '{"keywords": null}')


def shape(schema, schemas):
    """What a schema allows, in a form that the contract's and pydantic's have in common."""
    if "$ref" in schema:
        return shape(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    options = schema.get("oneOf", schema.get("anyOf"))
    if options:
        return frozenset(shape(option, schemas) for option in options)
    if isinstance(schema["type"], list):
        return frozenset(shape({"type": name}, schemas) for name in schema["type"])
    if schema["type"] == "object":
        fields = [(name, shape(field, schemas)) for name, field in schema["properties"].items()]
        return ("object", tuple(fields), schema["additionalProperties"], tuple(schema["required"]))
    return ("array", shape(schema["items"], schemas)) if schema["type"] == "array" else schema["type"]


@pytest.mark.parametrize("model", [ResumeAnalysis, KeywordMatch, Keywords])
def test_results_have_the_fields_of_the_contract_in_its_order(model: type[BaseModel]):
    contract = yaml.safe_load(CONTRACT.read_text("utf-8"))["components"]["schemas"]
    ours = model.model_json_schema()
    assert shape(ours, ours.get("$defs", {})) == shape(contract[model.__name__], contract)


def test_agents_are_those_of_the_contract():
    assert list(AGENTS) == ["resume-analysis", "keyword-match"]
    assert all(agent.name == name and agent.steps[0] == "extract" for name, agent in AGENTS.items())
    assert [agent.needs_job_text for agent in AGENTS.values()] == [False, True]
