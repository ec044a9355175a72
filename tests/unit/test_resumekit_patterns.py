"""No regular expression of the library can be made to take more than linear time: their parts are counted.

From one place of a text, a pattern may try only so many ways, whatever the text is; and one that may read on without
a bound either succeeds, and goes on behind what it has read, or is not tried again within it.
"""

import importlib
import math
import pkgutil
import re
from re import _constants as op
from re import _parser

import pytest

import resumekit

MOST_WAYS = 20_000
UNBOUNDED = op.MAXREPEAT
START_OF_WORD = re.compile(r"(?<!\w)")
BOUNDED_INPUT = {
    "headings._UNDERLINE",  # a line of 120 characters at most
    "headings._SPACED",  # a line of 80
}


def all_patterns():
    for info in pkgutil.iter_modules(resumekit.__path__):
        module = importlib.import_module(f"resumekit.{info.name}")
        for name, value in vars(module).items():
            if isinstance(value, re.Pattern):
                yield f"{info.name}.{name}", value


PATTERNS = dict(all_patterns())


def parts_of(node):
    """What is inside of a repetition, a group or an assertion."""
    kind, value = node
    if kind in {op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT}:
        return [value[2]]
    if kind is op.SUBPATTERN:
        return [value[3]]
    if kind in {op.ASSERT, op.ASSERT_NOT}:
        return [value[1]]
    if kind is op.ATOMIC_GROUP:
        return [value]
    return value[1] if kind is op.BRANCH else []


def ways(sequence):
    """An upper bound of the ways to match from one place: what comes one after the other multiplies."""
    return math.prod(ways_of(node) for node in sequence)


def most_ways(sequence):
    """Of the pattern, and of each part of it: an atomic group is one way for what stands around it, not within."""
    inner = [most_ways(part) for node in sequence for part in parts_of(node)]
    return max([ways(sequence), *inner])


def ways_of(node):
    kind, value = node
    inside = [ways(part) for part in parts_of(node)]
    if kind is op.BRANCH:
        return sum(inside)
    if kind in {op.MAX_REPEAT, op.MIN_REPEAT}:
        least, most, _ = value
        return math.inf if most is UNBOUNDED else sum(inside[0] ** count for count in range(least, most + 1))
    # A possessive repetition and an atomic group never give back; an assertion is tried once.
    return 1 if kind in {op.POSSESSIVE_REPEAT, op.ATOMIC_GROUP} else math.prod(inside)


def is_unbounded(node):
    kind, value = node
    own = kind in {op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT} and value[1] is UNBOUNDED
    return own or any(is_unbounded(child) for part in parts_of(node) for child in part)


def may_fail(node):
    kind, value = node
    return not (kind in {op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT} and value[0] == 0)


def test_there_are_patterns_to_look_at():
    assert {"words.WORD", "skills._ATOM", "contacts.EMAIL", "periods._RANGE"} <= PATTERNS.keys()


@pytest.mark.parametrize("name", sorted(PATTERNS.keys() - BOUNDED_INPUT))
def test_a_pattern_tries_few_ways_from_one_place(name):
    pattern = PATTERNS[name]
    assert most_ways(_parser.parse(pattern.pattern, pattern.flags)) <= MOST_WAYS


@pytest.mark.parametrize("name", PATTERNS)
def test_a_pattern_that_reads_on_without_a_bound_does_not_read_twice(name):
    pattern = PATTERNS[name]
    nodes = list(_parser.parse(pattern.pattern, pattern.flags))
    first = next((place for place, node in enumerate(nodes) if is_unbounded(node)), len(nodes))
    guarded = pattern.pattern.startswith(START_OF_WORD.pattern)
    assert guarded or not any(may_fail(node) for node in nodes[first + 1 :])


@pytest.mark.parametrize(
    "pattern", [r"(a+)+b", r"\w+@", r"(?>(?:a{0,50}b{0,50}){0,50})", r"(?:a{0,50}b{0,50}){0,50}", r".*x"]
)
def test_what_would_be_slow_is_seen(pattern):
    assert most_ways(_parser.parse(pattern)) > MOST_WAYS


def test_what_would_read_twice_is_seen():
    nodes = list(_parser.parse(r"\w++@"))
    assert is_unbounded(nodes[0])
    assert may_fail(nodes[1])
