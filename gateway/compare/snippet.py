"""Suggested rules as YAML, to be pasted under `features.NAME.compare`."""

import json
from collections.abc import Iterator, Sequence
from typing import Final

from gateway.compare.suggest import Key, Rule, Suggestion
from gateway.telemetry.redact import clean_text

INDENT: Final = " " * 6
"""As deep as `compare` of a feature holds its keys in the usual layout."""
KEYS: Final[tuple[Key, ...]] = ("same", "tolerance", "unordered", "ignore")


def snippet(feature: str, suggestion: Suggestion) -> str:
    """With a comment for each rule, and for each difference that no rule is suggested for."""
    return "\n".join(f"{INDENT}{line}".rstrip() for line in _lines(feature, suggestion)) + "\n"


def _lines(feature: str, suggestion: Suggestion) -> Iterator[str]:
    yield f"# features.{feature}.compare"
    for key in KEYS:
        rules = [rule for rule in suggestion.rules if rule.key == key]
        if rules:
            yield f"{key}:"
            yield from _rules(rules)
    for left in suggestion.left:
        yield _comment(f"no rule for {left.place}: {left.why}")


def _rules(rules: Sequence[Rule]) -> Iterator[str]:
    for rule in rules:
        yield f"  {_comment(rule.because)}"
        yield f"  {_written(rule)}"


def _written(rule: Rule) -> str:
    place = quoted(rule.place)
    if rule.key == "ignore":
        return f"- {place}"
    if rule.key == "unordered":
        return f"- {{path: {place}, by: {quoted(rule.value)}}}" if rule.value else f"- {place}"
    return f"{place}: {rule.value}"


def _comment(text: str) -> str:
    return f"# {clean_text(text, one_line=True)}"


def quoted(text: str) -> str:
    """In double quotes; what JSON writes so, YAML reads so."""
    return json.dumps(text, ensure_ascii=False)
