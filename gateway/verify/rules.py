"""The rules of a step as `gateway.rules.replies` takes them: its own before its scenario's."""

import re

from gateway.rules.compare import Rules
from gateway.rules.json_path import parse_path
from gateway.rules.replies import ReplyRules
from gateway.rules.shapes import parse_shape
from gateway.verify.schema import HEADER, Compare


def reply_rules(step: Compare, scenario: Compare) -> ReplyRules:
    """Everything of both; headers and body as the step says, where it says anything."""
    both = (step, scenario)
    ignored = [place for each in both for place in each.ignore]
    same = [(place, parse_shape(name)) for each in both for place, name in each.same.items()]
    headers = step.headers if "headers" in step.model_fields_set else scenario.headers
    return ReplyRules(
        body=Rules(
            ignore=tuple(parse_path(place) for place in ignored if not place.startswith(HEADER)),
            unordered=tuple((parse_path(rule.path), rule.by) for each in both for rule in each.unordered),
            tolerance=tuple((parse_path(path), limit) for each in both for path, limit in each.tolerance.items()),
            same=tuple((parse_path(place), shape) for place, shape in same if not place.startswith(HEADER)),
        ),
        headers=None if headers is None else frozenset(name.lower() for name in headers),
        ignore_headers=frozenset(_header(place) for place in ignored if place.startswith(HEADER)),
        same_headers={_header(place): shape for place, shape in reversed(same) if place.startswith(HEADER)},
        as_=step.body or scenario.body,
        mask=tuple(re.compile(text) for each in both for text in each.mask),
    )


def _header(place: str) -> str:
    return place.removeprefix(HEADER).lower()
