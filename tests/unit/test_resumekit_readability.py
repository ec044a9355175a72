"""Reading ease: sentences as a resume has them, syllables as English mostly has them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resumekit.readability import readability_of, sentences_of, syllables_in

UNHURRIED = settings(deadline=None)  # the machine may be busy with something else


def sentences(text):
    return [" ".join(words) for words in sentences_of(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I build things. You use them! Do they?", ["I build things", "You use them", "Do they"]),
        ("I built things, e.g. in Python, i.e. code.", ["I built things e g in Python i e code"]),
        ("Version 3.5 is out. It works.", ["Version is out", "It works"]),
        ("a line that\ngoes on", ["a line that goes on"]),
        ("a line\nAnother line", ["a line", "Another line"]),
        ("- one item\n- another item", ["one item", "another item"]),
        ("• one item\n  that goes on\n• another", ["one item that goes on", "another"]),
        ("a paragraph\n\nand another", ["a paragraph", "and another"]),
        ('He said "Stop." Then he left', ["He said Stop", "Then he left"]),
        ("", []),
        ("... 42 ---", []),
    ],
)
def test_sentences_end_where_a_reader_pauses(text, expected):
    assert sentences(text) == expected


@pytest.mark.parametrize(
    ("word", "count"),
    [
        ("the", 1), ("a", 1), ("table", 2), ("code", 1), ("codes", 1), ("managed", 2), ("started", 2), ("services", 3),
        ("languages", 3), ("machine", 2), ("people", 2), ("whole", 1), ("rules", 1), ("houses", 2), ("reliable", 4),
        ("period", 3), ("experience", 4), ("Python", 2), ("rhythm", 1), ("PhD", 1), ("queue", 1), ("developed", 3),
        ("社", 1), ("naïve", 1), ("free", 1), ("used", 1),
    ],
)  # fmt: skip
def test_syllables_are_estimated_well(word, count):
    assert syllables_in(word) == count


def test_flesch_is_flesch():
    found = readability_of("The cat sat on the mat. The dog sat on the mat.")
    assert found.words_per_sentence == 6.0
    assert found.flesch == 100.0
    hard = readability_of("Sophisticated organizational responsibilities necessitate extraordinary communication.")
    assert hard.flesch == 0.0
    middle = readability_of("I lead a small team and manage the budget of a large project in Berlin.")
    assert middle.flesch == round(206.835 - 1.015 * 15 - 84.6 * 19 / 15, 1)


def test_a_sentence_is_long_beyond_thirty_words():
    assert readability_of("word " * 30 + ".").long_sentences == 0
    assert readability_of("word " * 31 + ".").long_sentences == 1


def test_headings_and_single_words_do_not_count():
    assert readability_of("SKILLS\n\nPython\nDocker\nKubernetes").words_per_sentence == 0.0
    assert readability_of("SKILLS\n\nI know many things.").words_per_sentence == 4.0


def test_figures_have_one_decimal():
    found = readability_of("One two three. One two three four. One two three four five six.")
    assert found.words_per_sentence == 4.3


@UNHURRIED
@given(st.text() | st.text("ab. !?\n-•A1é"))
def test_no_text_makes_it_raise(text):
    found = readability_of(text)
    assert 0 <= found.flesch <= 100
    assert found.words_per_sentence == round(found.words_per_sentence, 1) >= 0
    assert found.long_sentences <= len(text) / 30


@UNHURRIED
@given(st.text())
def test_each_word_has_a_syllable(word):
    assert 1 <= syllables_in(word) <= max(1, 3 * len(word))
