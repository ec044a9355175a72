"""What is written of a comparison as `gateway.rules.replies` takes it: the nearer rules before the wider ones."""

import re

from gateway.config.comparison import HEADER, Compare
from gateway.rules.compare import Rules
from gateway.rules.json_path import Pattern, parse_path
from gateway.rules.replies import ReplyRules
from gateway.rules.shapes import parse_shape


def reply_rules(near: Compare, wide: Compare) -> ReplyRules:
    """Everything of both: of a step and its scenario, of a route and its feature. Headers and body as the nearer says,
    where it says anything.
    """
    both = (near, wide)
    ignored = [place for each in both for place in each.ignore]
    same = [(place, parse_shape(name)) for each in both for place, name in each.same.items()]
    headers = near.headers if "headers" in near.model_fields_set else wide.headers
    return ReplyRules(
        body=Rules(
            ignore=paths_of(ignored),
            unordered=tuple((parse_path(rule.path), rule.by) for each in both for rule in each.unordered),
            tolerance=tuple((parse_path(path), limit) for each in both for path, limit in each.tolerance.items()),
            same=tuple((parse_path(place), shape) for place, shape in same if not place.startswith(HEADER)),
        ),
        headers=None if headers is None else frozenset(name.lower() for name in headers),
        ignore_headers=headers_of(ignored),
        same_headers={_header(place): shape for place, shape in reversed(same) if place.startswith(HEADER)},
        as_=near.body or wide.body,
        mask=tuple(re.compile(text) for each in both for text in each.mask),
    )


def paths_of(places: list[str]) -> tuple[Pattern, ...]:
    """Those of the places that are in bodies."""
    return tuple(parse_path(place) for place in places if not place.startswith(HEADER))


def headers_of(places: list[str]) -> frozenset[str]:
    """Those that are headers, by their names in lower case."""
    return frozenset(_header(place) for place in places if place.startswith(HEADER))


def _header(place: str) -> str:
    return place.removeprefix(HEADER).lower()
