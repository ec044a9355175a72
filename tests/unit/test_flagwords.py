"""How what is held of a list is told."""

import pytest

from gateway.rules.flagmodel import ALLOW, DENY, Hold
from gateway.rules.flagwords import _list_words

ONE, TWO, THREE = frozenset({"a"}), frozenset({"a", "b"}), frozenset({"a", "b", "c"})


@pytest.mark.parametrize(
    ("part", "hold", "force", "seen", "words"),
    [
        (DENY, Hold.LOST, ONE, frozenset(), "the deny list stays (1 entry): Redis lost it"),
        (ALLOW, Hold.LOST, TWO, frozenset(), "the allow list stays (2 entries): Redis lost it"),
        (ALLOW, Hold.RAISES, ONE, TWO, "1 new entry of the allow list waits"),
        (ALLOW, Hold.RAISES, ONE, THREE, "2 new entries of the allow list wait"),
        (DENY, Hold.RAISES, TWO, ONE, "1 entry that left the deny list stays"),
        (DENY, Hold.RAISES, THREE, ONE, "2 entries that left the deny list stay"),
    ],
)
def test_one_entry_is_no_entries(part, hold, force, seen, words):
    assert _list_words(part, hold, force, seen) == words
