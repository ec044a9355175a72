"""Whether a reply is as its step says that it must be, whatever the other side answers."""

import re
from typing import Any

from gateway.compare.words import show
from gateway.rules.compare import ABSENT, compare, type_name
from gateway.rules.json_path import parse_path
from gateway.rules.replies import Reply
from gateway.rules.shapes import parse_shape
from gateway.verify.schema import Expect, Matcher
from gateway.verify.template import Values, fill, fill_json


def unmet(expect: Expect, reply: Reply, values: Values) -> list[str]:
    """What is not as it must be, in words; nothing where all is. Raises UnknownNameError."""
    found = []
    if expect.status is not None and reply.status not in expect.status:
        found.append(f"status {reply.status} instead of {' or '.join(map(str, expect.status))}")
    for name, matcher in expect.headers.items():
        value = reply.header(name.lower())
        found += _unfit(f"header {name.lower()}", ABSENT if value is None else value, matcher, values)
    if expect.text is not None:
        found += _unfit("the text", reply.text(), expect.text, values)
    if expect.json_:
        found += _in_json(expect, reply, values)
    return found


def _in_json(expect: Expect, reply: Reply, values: Values) -> list[str]:
    try:
        content = reply.json()
    except ValueError:
        return [f"the body is no JSON: {show(reply.text())}" if reply.body else "the body is empty, not JSON"]
    found = []
    for path, matcher in expect.json_.items():
        matches = list(parse_path(path).find(content)) or [((), ABSENT)]
        found += [words for _, value in matches for words in _unfit(path, value, matcher, values)]
    return found


def _unfit(place: str, value: Any, matcher: Matcher, values: Values) -> list[str]:
    given = matcher.model_fields_set
    if value is ABSENT or matcher.exists is False:
        if (value is ABSENT) == (matcher.exists is False):
            return []
        return [f"{place} is missing" if value is ABSENT else f"{place} is there: {show(value, place)}"]
    found = []
    if "equals" in given:
        found += _unequal(place, value, fill_json(matcher.equals, values))
    if matcher.type is not None and not (shape := parse_shape(matcher.type)).fits(value):
        found.append(f"{place} is {type_name(value)} {show(value, place)} instead of {shape.noun}")
    if matcher.matches is not None and not (isinstance(value, str) and re.search(matcher.matches, value)):
        found.append(f"{place} is {show(value, place)}, which does not match /{matcher.matches}/")
    if matcher.contains is not None and not (isinstance(value, str) and fill(matcher.contains, values) in value):
        found.append(f"{place} is {show(value, place)}, without {show(matcher.contains)}")
    if matcher.length is not None and not _has_length(value, matcher.length):
        size = f"has {len(value)}" if isinstance(value, (str, list, dict)) else f"is {type_name(value)}"
        found.append(f"{place} {size} instead of {matcher.length} of them")
    return found


def _unequal(place: str, value: Any, wanted: Any) -> list[str]:
    if not compare(wanted, value):
        return []
    if type_name(wanted) != type_name(value):
        return [
            f"{place} is {type_name(value)} {show(value, place)} instead of {type_name(wanted)} {show(wanted, place)}"
        ]
    return [f"{place} is {show(value, place)} instead of {show(wanted, place)}"]


def _has_length(value: Any, length: int) -> bool:
    return isinstance(value, (str, list, dict)) and len(value) == length
