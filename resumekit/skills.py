"""Which skills of the vocabulary a text names, and how often. The analysis asks for a resume and for an advertisement.

The text is cut into atoms once, and each is looked up in a table of phrases: time grows with the text alone. Precision
comes before recall, for a resume that is told to know Go because somebody had to "go to" places is not believed again:
what is also an ordinary word counts only where a skill can stand (`_can_stand`), and beside evidence (`_by_its_words`,
`_by_others`).
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from resumekit.contacts import EMAIL, LINK
from resumekit.results import MAX_ITEMS, Skill
from resumekit.vocabulary import VOCABULARY

_ATOM = re.compile(r"(?<!\w)(?:\.(?=net(?!\w)))?+[^\W_]++(?:\+\+|\#)?+(?!_)", re.IGNORECASE)
"""A word with what belongs to it at its edges: C++, C#, .NET; no piece of an identifier_with_underscores."""

_JOINERS = {" ", "-", ".", "/", "\n", " / ", "  ", " \n", "\u2011", "\u2013"}
_BEFORE = re.compile(
    r"(?:^|[,;:|/(•·●▪■◦‣▸►]|(?:^|\s)[-*+\u2013—&]|\b(?P<strong>in|with|using|mit)|\b(?:and|or|und|oder))$",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"\s{0,3}(?:$|[,;|/)•·●]|[&+\u2013—-]\s|\.(?:$|\s{1,3}(?:[A-Z]|$))|\d{1,2}(?![\d%])"
    r"|(?:and|or|und|oder)\b|(?P<strong>programming|programmer|developer|engineer|development|language)\b)"
)
_WINDOW = 24


@dataclass(frozen=True, slots=True)
class Phrase:
    """One way to write a skill, as atoms in lower case. `exact`: the case that it must have, if it matters."""

    skill: str
    atoms: tuple[str, ...]
    exact: str | None
    doubtful: bool


@dataclass(frozen=True, slots=True)
class Hit:
    """A skill that stands at a place of a text."""

    skill: str
    start: int
    end: int
    line: int
    doubtful: bool


def skills_of(text: str) -> list[Skill]:
    """The most often named first, those named alike by name; at most MAX_ITEMS."""
    mentions = Counter(hit.skill for hit in hits_in(text))
    ranked = sorted(mentions.items(), key=lambda item: (-item[1], item[0].casefold(), item[0]))
    return [Skill(name=name, mentions=count) for name, count in ranked[:MAX_ITEMS]]


def hits_in(text: str) -> list[Hit]:
    """Each place at which a skill is named, in order. Names within links and e-mail addresses are none."""
    text = _blank(_blank(text, LINK), EMAIL)
    hits = [hit for hit in _candidates(text) if not hit.doubtful or _can_stand(text, hit)]
    lines = text.split("\n")
    on_line: dict[int, set[str]] = {}
    for hit in hits:
        on_line.setdefault(hit.line, set()).add(hit.skill)
    return [hit for hit in hits if not hit.doubtful or _by_its_words(text, hit) or _by_others(hit, lines, on_line)]


def _blank(text: str, pattern: re.Pattern[str]) -> str:
    """The text with spaces where the pattern is, so that all places stay where they are."""
    return pattern.sub(lambda match: " " * len(match.group()), text)


def _candidates(text: str) -> Iterator[Hit]:
    """The longest phrase at each place, none within another."""
    atoms = list(_ATOM.finditer(text))
    place = line = read = 0
    while place < len(atoms):
        start = atoms[place].start()
        line += text.count("\n", read, start)
        read = start
        phrase = _phrase_at(text, atoms, place)
        if phrase is None:
            place += 1
            continue
        place += len(phrase.atoms)
        yield Hit(phrase.skill, start, atoms[place - 1].end(), line, phrase.doubtful)


def _phrase_at(text: str, atoms: Sequence[re.Match[str]], place: int) -> Phrase | None:
    for phrase in _PHRASES.get(atoms[place].group().lower(), ()):
        matches = atoms[place : place + len(phrase.atoms)]
        if tuple(match.group().lower() for match in matches) != phrase.atoms:
            continue
        if any(text[a.end() : b.start()] not in _JOINERS for a, b in pairwise(matches)):
            continue
        if phrase.exact in {None, text[matches[0].start() : matches[-1].end()]}:
            return phrase
    return None


def _before(text: str, hit: Hit) -> re.Match[str] | None:
    return _BEFORE.search(text[max(0, hit.start - _WINDOW) : hit.start].rpartition("\n")[2].rstrip(" \t"))


def _after(text: str, hit: Hit) -> re.Match[str] | None:
    return _AFTER.match(text[hit.end : hit.end + _WINDOW].partition("\n")[0])


def _can_stand(text: str, hit: Hit) -> bool:
    """As in a list, or after "in" or "with": not "Go to market", not "R&D", not "Plan C"."""
    return _before(text, hit) is not None and _after(text, hit) is not None


def _by_its_words(text: str, hit: Hit) -> bool:
    """Vouched for by what stands beside it: "in Go", "Go developer"."""
    before, after = _before(text, hit), _after(text, hit)
    return bool((before and before["strong"]) or (after and after["strong"]))


def _by_others(hit: Hit, lines: list[str], on_line: dict[int, set[str]]) -> bool:
    """Vouched for by another skill in its line, or, where it has a line to itself, in a line next to that: a driving
    licence "B, C" is no programming language.
    """
    if len(on_line[hit.line]) > 1:
        return True
    alone = len(lines[hit.line]) <= _WINDOW and len(lines[hit.line].split()) <= 2
    return alone and any(on_line.get(hit.line + step, set()) - {hit.skill} for step in (-1, 1))


def _phrases() -> dict[str, list[Phrase]]:
    """The vocabulary by first atom, longest first, and of those as long the surest first."""
    table: dict[str, list[Phrase]] = {}
    lines = (line for line in VOCABULARY.splitlines() if line and not line.startswith("#"))
    for entry in (entry for line in lines for entry in line.split(";")):
        name, _, others = entry.partition(" = ")
        ways = [name, *others.split(",")] if others else [name]
        for way in (way.strip() for way in ways):
            phrase = _phrase(name.strip().lstrip("!?"), way)
            table.setdefault(phrase.atoms[0], []).append(phrase)
    for phrases in table.values():
        phrases.sort(key=lambda phrase: (-len(phrase.atoms), phrase.doubtful, phrase.exact is not None))
    return table


def _phrase(skill: str, way: str) -> Phrase:
    plain = way.lstrip("!?")
    atoms = tuple(match.group().lower() for match in _ATOM.finditer(plain))
    return Phrase(skill, atoms, exact=plain if way != plain else None, doubtful=way.startswith("?"))


_PHRASES = _phrases()
SKILLS = frozenset(phrase.skill for phrases in _PHRASES.values() for phrase in phrases)
"""The names of all that is known."""
