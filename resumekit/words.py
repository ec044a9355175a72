"""Words, as everything here counts them. A leaf.

No pattern of this library may take more than linear time, whatever it is given: here each place begins a match or fails
at once, and elsewhere every repetition has a small bound.
"""

import re
from collections.abc import Iterator

WORD = re.compile(r"[^\W_]++(?:['\u2019-][^\W_]++)*+")
"""Letters and digits of any script; an apostrophe or a hyphen may join them."""

_BULLETS = "•·●▪■◦‣▸►\u2013—*+-"


def words_of(text: str) -> Iterator[str]:
    """Each word of a text, as it is written."""
    return (match.group() for match in WORD.finditer(text))


def count_words(text: str) -> int:
    return sum(1 for _ in WORD.finditer(text))


def is_bulleted(line: str) -> bool:
    """Whether a line is an item of a list: a bullet and a space, then something."""
    item = line.lstrip()
    return len(item) > 2 and item[0] in _BULLETS and item[1].isspace()


def without_bullet(line: str) -> str:
    """What an item of a list says; any other line as it is, without the space around it."""
    item = line.strip()
    return item[1:].lstrip() if is_bulleted(item) else item
