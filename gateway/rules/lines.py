"""Two texts compared by lines, as `diff` tells them. Part of `gateway.rules.replies`.

Lines are compared in their normal form: however they end (CRLF, LF), and without the blanks at their end.
"""

import difflib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from gateway.rules.compare import ABSENT, Difference, Kind

MAX_LINES: Final = 20
"""Lines of text that are told as differences; what follows is the same story."""
MAX_MATCHED: Final = 300
"""Lines between the first and the last that differ, up to which those that moved are looked for. Of more, each is
compared with the one of its number.
"""
MAX_MATCHING: Final = 200_000
"""The same, as a product: lines, times the pairs of lines that are alike. So much may the search take, and where many
lines are alike (rows of a table, blank ones) it takes it.
"""


def compare_lines(legacy: str, new: str) -> list[Difference]:
    """A line that is another is one difference: `line 3`, by legacy's count from 1. Up to MAX_LINES of them."""
    if legacy == new:
        return []
    old_lines, new_lines = _lines(legacy), _lines(new)
    found: list[Difference] = []
    for start, end, new_start, new_end in _changes(old_lines, new_lines):
        for offset in range(max(end - start, new_end - new_start)):
            old_line = old_lines[start + offset] if start + offset < end else ABSENT
            new_line = new_lines[new_start + offset] if new_start + offset < new_end else ABSENT
            kind = Kind.MISSING if new_line is ABSENT else Kind.EXTRA if old_line is ABSENT else Kind.VALUE
            found.append(Difference(kind, f"line {start + offset + 1}", old_line, new_line))
            if len(found) == MAX_LINES:
                return found
    return found


def _may_be_matched(old: Sequence[str], new: Sequence[str]) -> bool:
    most = max(len(old), len(new))
    if most > MAX_MATCHED:
        return False
    counts = Counter(new)
    return most * sum(counts[line] for line in old) <= MAX_MATCHING


def _lines(text: str) -> list[str]:
    return [line.rstrip(" \t") for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]


def _changes(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[int, int, int, int]]:
    """Where they differ: from and to in old, from and to in new."""
    shortest = min(len(old), len(new))
    head = next((at for at in range(shortest) if old[at] != new[at]), shortest)
    tail = next((at for at in range(shortest - head) if old[-1 - at] != new[-1 - at]), shortest - head)
    old_middle, new_middle = old[head : len(old) - tail], new[head : len(new) - tail]
    if not _may_be_matched(old_middle, new_middle):
        shared = min(len(old_middle), len(new_middle))
        yield from ((head + at, head + at + 1) * 2 for at in range(shared) if old_middle[at] != new_middle[at])
        yield head + shared, len(old) - tail, head + shared, len(new) - tail
        return
    matcher = difflib.SequenceMatcher(None, old_middle, new_middle, autojunk=False)
    for tag, start, end, new_start, new_end in matcher.get_opcodes():
        if tag != "equal":
            yield head + start, head + end, head + new_start, head + new_end
