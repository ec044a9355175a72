"""From a change of a flag to what was seen of it."""

import pytest

from bench.flags import effects
from bench.measure import MeasureError
from bench.wire import Side

MADE = [(1.0, Side.NEW), (2.0, Side.LEGACY)]


def test_the_first_on_its_side_after_a_change_is_its_effect():
    seen = [(0.5, Side.NEW), (1.004, Side.NEW), (1.005, Side.LEGACY), (1.006, Side.NEW), (2.003, Side.LEGACY)]
    assert effects(MADE, seen) == pytest.approx([4.0, 3.0])


def test_the_order_in_which_they_were_seen_does_not_matter():
    assert effects(MADE, [(2.003, Side.LEGACY), (1.5, Side.NEW), (1.004, Side.NEW)]) == pytest.approx([4.0, 3.0])


def test_a_change_without_an_effect_is_an_error():
    with pytest.raises(MeasureError, match="a change to new had no effect before the next one"):
        effects(MADE, [(2.003, Side.LEGACY), (2.1, Side.NEW)])
