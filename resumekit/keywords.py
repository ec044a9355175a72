"""What a job advertisement asks for, and how much of that a resume has. Both agents ask.

The terms of an advertisement are the skills of the vocabulary that it names, then the words that it repeats and that
are no ordinary ones; a short one, which repeats nothing, gives some of its single words as well.
"""

import re
from collections import Counter
from collections.abc import Iterator

from resumekit.results import Keywords
from resumekit.skills import Hit, hits_in
from resumekit.stopwords import STOP_WORDS
from resumekit.words import WORD

MAX_TERMS = 30
"""The most that are looked for: nobody reads a longer list."""

_FEW_TERMS = 10
_SHORTEST, _LONGEST = 3, 40
_NO_NOUN = re.compile(r"(?:ly|ful|ous|ive|able|ible|ing|ed|est)$")


def keywords_of(text: str, job_text: str) -> Keywords:
    """Both lists in the order of how much the advertisement makes of a term; `percent` is of their number."""
    hits = hits_in(job_text)
    skills = _ranked(Counter(hit.skill for hit in hits))[:MAX_TERMS]
    words = _words_in(job_text, hits)[: MAX_TERMS - len(skills)]
    if len(skills) + len(words) == 0:
        return Keywords(matched=[], missing=[], percent=0)
    known = {hit.skill for hit in hits_in(text)}
    stems = {_stem(match.group().casefold()) for match in WORD.finditer(text)}
    there = {skill: skill in known for skill in skills} | {word: _stem(word) in stems for word in words}
    matched = [term for term, found in there.items() if found]
    missing = [term for term, found in there.items() if not found]
    return Keywords(matched=matched, missing=missing, percent=(100 * len(matched) + len(there) // 2) // len(there))


def _words_in(job_text: str, hits: list[Hit]) -> list[str]:
    """Those that are repeated; with fewer than a few, counting the skills, some that are not."""
    forms: dict[str, Counter[str]] = {}
    for word in _candidates(job_text, hits):
        forms.setdefault(_stem(word), Counter())[word] += 1
    counts = Counter({_ranked(written)[0]: written.total() for written in forms.values()})
    ranked = _ranked(counts)
    repeated = [word for word in ranked if counts[word] > 1]
    wanted = _FEW_TERMS - len({hit.skill for hit in hits}) - len(repeated)
    once = [word for word in ranked if counts[word] == 1 and not _NO_NOUN.search(word)]
    return repeated + once[: max(wanted, 0)]


def _candidates(job_text: str, hits: list[Hit]) -> Iterator[str]:
    """What could be a term: no skill, for those are named already, no number, and no word that says nothing."""
    named = {hit.skill.casefold() for hit in hits}
    taken = iter([*hits, Hit("", len(job_text), len(job_text), 0, doubtful=False)])
    skill = next(taken)
    for match in WORD.finditer(job_text):
        while match.start() >= skill.end and skill.skill:
            skill = next(taken)
        word = match.group().casefold().replace("\u2019", "'").removesuffix("'s")
        if (
            match.end() <= skill.start
            and _SHORTEST <= len(word) <= _LONGEST
            and word not in named
            and not _is_empty(word)
        ):
            yield word


def _is_empty(word: str) -> bool:
    return word in STOP_WORDS or any(character.isdigit() for character in word)


def _ranked(counts: Counter[str]) -> list[str]:
    """The most frequent first, those as frequent by name."""
    return sorted(counts, key=lambda term: (-counts[term], term.casefold(), term))


def _stem(word: str) -> str:
    """Without the plural: `batteries` and `battery` are one term, `analysis` and `business` stay as they are."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word
