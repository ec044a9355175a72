"""How easily a text is read: Flesch's reading ease (206.835 - 1.015 words per sentence - 84.6 syllables per word).

A resume is more list than prose, so an item of a list is a sentence, and a line that goes on in the next one is not.
Pieces of fewer than three words (headings, single skills) are left out.
"""

import re
from collections.abc import Iterator

from resumekit.results import Readability
from resumekit.words import WORD

LONG_SENTENCE = 30
"""Words. What is longer is counted as hard to read."""

_SHORTEST = 3
_STOP = re.compile(r"[.!?…](?:[\"'\u2019”)\]]{0,3})\s")
_NEW_ITEM = re.compile(r"\n\s{0,20}(?:[•·●▪■◦‣▸►*#|+>-]|\n)")
_VOWELS = re.compile(r"[aeiouyàáâãäåæèéêëìíîïòóôõöøœùúûüý]++", re.IGNORECASE)
_SILENT = re.compile(r"(?:[^laeiouy]e|[^laeiouyscxzgh]es|[^aeiouytd]ed|[aeiouy]les?)$")
_TWO = re.compile(r"(?<![tcsgx])i(?:a|o|en)")  # one group of vowels, and yet two syllables: re-li-a-ble, pe-ri-od


def readability_of(text: str) -> Readability:
    """All zero when there is no sentence. Flesch's figure is held within 0 (hard) and 100 (easy)."""
    sentences = [words for words in sentences_of(text) if len(words) >= _SHORTEST]
    words = sum(map(len, sentences))
    if not words:
        return Readability(flesch=0, words_per_sentence=0, long_sentences=0)
    per_sentence = words / len(sentences)
    per_word = sum(syllables_in(word) for sentence in sentences for word in sentence) / words
    flesch = 206.835 - 1.015 * per_sentence - 84.6 * per_word
    return Readability(
        flesch=min(100.0, max(0.0, flesch)),
        words_per_sentence=per_sentence,
        long_sentences=sum(len(sentence) > LONG_SENTENCE for sentence in sentences),
    )


def sentences_of(text: str) -> Iterator[list[str]]:
    """The words of each sentence; what has no letter is no word here."""
    sentence: list[str] = []
    end = 0
    for match in WORD.finditer(text):
        word = match.group()
        if sentence and _ends_sentence(text[end : match.start()], word):
            yield sentence
            sentence = []
        if not word.isdigit():
            sentence.append(word)
        end = match.end()
    if sentence:
        yield sentence


def _ends_sentence(between: str, following: str) -> bool:
    """What stands between two words decides, and how the second one begins: "e.g. in" goes on, and so does a line
    whose next one begins in lower case.
    """
    if "\n" in between and _NEW_ITEM.search(between):
        return True
    return ("\n" in between or _STOP.search(between) is not None) and not following[0].islower()


def syllables_in(word: str) -> int:
    """By groups of vowels, less a silent one at the end; at least one. An estimate, as all that know no dictionary."""
    word = word.lower()
    groups = len(_VOWELS.findall(word)) + len(_TWO.findall(word))
    if groups > 1 and _SILENT.search(word[-4:]):
        groups -= 1
    return max(groups, 1)
