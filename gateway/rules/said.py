"""What a text says by a secret's name: `token=...`, `"token": "..."`, `<password>...</password>`, a field of HTML; also
where quotes are escaped or written as entities, as in JSON in a text of JSON, or in an attribute.

For `gateway.rules.secret_values`. Names are looked for by the words that are in them, which stand in few texts, and
patterns are tried there alone: one that is tried at each place of a long text would keep requests waiting. Whoever asks
or answers chooses these texts, so all here is linear in their length.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gateway.rules.secrecy import SPELLED

_QUOTE: Final = r"""(?:\\{0,8}["']|&quot;|&apos;|&\#0{0,3}3[49];|&\#x0{0,3}2[27];)"""
_SIGN: Final = r"(?::=?|=(?:>|&gt;)?)"
_MAX_TAG: Final = 2000
"""Characters of one before a name, and behind it."""

_SAID: Final = re.compile(
    rf"""(?ix){_QUOTE}?\]?\s*+{_SIGN}\s*+(
      "(?:[^"\\\r\n]|\\[^\r\n])*+"?
    | '(?:[^'\\\r\n]|\\[^\r\n])*+'?
    | (?P<escape>\\{{1,8}})(?P<quote>["'])(?:(?!(?<!\\)(?P=escape)(?P=quote))[^\r\n])*+
    | (?P<entity>&quot;|&apos;|&\#0{{0,3}}3[49];|&\#x0{{0,3}}2[27];)(?:(?!(?P=entity))[^\r\n<>])*+
    | [^\s&,;)<>"']+
    )"""
)
_HOLDS_MORE: Final = re.compile(
    rf"(?i){_QUOTE}?\]?(?:\s*+{_SIGN}\s*+[\[{{]|[ \t]*+:[ \t]*+[|>]?[-+]?[ \t]*+\r?\n[ \t]++[^\s<])"
)
_ELEMENT: Final = re.compile(r"(?:\s[^<>]*+)?>\s*+(<!\[CDATA\[(?s:(?!\]\]>).)*+|[^<\s][^<]*+)")
_ELEMENT_HOLDS_MORE: Final = re.compile(r"(?:\s[^<>]*+)?>\s*+<(?!/|!\[CDATA\[)")
_MAX_NAME: Final = 100
_REST: Final = re.compile(r"[\w-]++")
_TAG_BEFORE: Final = re.compile(r"[\w.:-]*")
_NAMES_BEFORE: Final = re.compile(r"""(?i)\b(?:name|id|key|property|itemprop)\s*=\s*["']?[^"'\s<>=]*\Z""")
_VALUES: Final = re.compile(r"""(?i)(?<![\w-])(?:value|content)\s*+=\s*+(?:"([^"]*+)|'([^']*+)|([^\s"'<>]++))""")


@dataclass(frozen=True, slots=True)
class Said:
    """start, end: of the value. begin, until: of all that says it, name included."""

    start: int
    end: int
    begin: int
    until: int


def said(text: str) -> list[Said]:
    """All that is said by secrets' names, in order, without what is said within that."""
    found: list[Said] = []
    has_tags = "<" in text
    read, tag_read = 0, 0
    for begin, end in _names(text):
        match = _SAID.match(text, end) if begin >= read else None
        if match is None and has_tags and begin >= read and _opens(text, begin):
            match = _ELEMENT.match(text, end)
        if match is not None:
            read = match.start(1) + len(match[1].rstrip())
            found.append(Said(match.start(1), read, begin, read))
        if has_tags and begin >= tag_read:
            tag = _tag_around(text, begin, end)
            if tag is not None:
                tag_read = tag[1]
                found += [Said(*each, *tag) for each in _values_in(text, *tag)]
    return _without_overlaps(found)


def holds_more(text: str, *, is_html: bool = False) -> bool:
    """Whether something that goes by a secret's name is a list, an object, a block of YAML or an element with others in
    it, but for HTML, where names of elements say little.
    """
    for begin, end in _names(text):
        if _HOLDS_MORE.match(text, end) is not None:
            return True
        if not is_html and _opens(text, begin) and _ELEMENT_HOLDS_MORE.match(text, end) is not None:
            return True
    return False


def count_of_names(text: str) -> int:
    """At most: a name may have several words in it."""
    lowered = text.lower()
    return sum(lowered.count(word) for word in SPELLED)


def _names(text: str) -> Iterator[tuple[int, int]]:
    """From and to of each whole name that has a secret's word in it. Of a very long one not from its beginning."""
    lowered = text.replace("\u0130", "i").lower()  # the one letter that becomes two
    places = {place for word in SPELLED for place in _places(lowered, word)}
    read = 0
    for place in sorted(places):
        if place < read:
            continue
        begin, first = place, max(read, place - _MAX_NAME)
        while begin > first and (text[begin - 1].isalnum() or text[begin - 1] in "_-"):
            begin -= 1
        found = _REST.match(text, place)
        read = found.end() if found is not None else place
        yield begin, read


def _places(text: str, word: str) -> Iterator[int]:
    place = text.find(word)
    while place >= 0:
        yield place
        place = text.find(word, place + len(word))


def _opens(text: str, begin: int) -> bool:
    """Whether a name is an element's, with whatever prefix."""
    if text[begin - 1 : begin] not in ("<", ":", "."):
        return False
    tag = text.rfind("<", max(0, begin - 100), begin)
    return tag >= 0 and _TAG_BEFORE.fullmatch(text, tag + 1, begin) is not None


def _tag_around(text: str, begin: int, end: int) -> tuple[int, int] | None:
    """The tag that a name stands in, where that is the tag's own or names what the tag has the value of."""
    if not text[begin - 1 : begin].strip():
        return None
    tag = text.rfind("<", max(0, begin - _MAX_TAG), begin)
    if tag < 0 or text.find(">", tag, begin) >= 0:
        return None
    if not _opens(text, begin) and _NAMES_BEFORE.search(text[max(tag, begin - 100) : begin]) is None:
        return None
    until = text.find(">", end, end + _MAX_TAG)
    return tag, until if until >= 0 else min(len(text), end + _MAX_TAG)


def _values_in(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    for match in _VALUES.finditer(text, start, end):
        yield match.span(match.lastindex or 0)


def _without_overlaps(found: list[Said]) -> list[Said]:
    kept: list[Said] = []
    for each in sorted(found, key=lambda one: (one.start, -one.end)):
        if each.start < each.end and (not kept or each.start >= kept[-1].end):
            kept.append(each)
    return kept
