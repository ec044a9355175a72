"""The shared words."""

from gateway.model import ShadowOutcome


def test_a_shadow_that_was_dropped_says_so_in_its_outcome():
    dropped = {each for each in ShadowOutcome if each.is_dropped}
    assert dropped == {each for each in ShadowOutcome if each.name.startswith("DROPPED_")}
    assert ShadowOutcome.MISMATCH not in dropped
    assert ShadowOutcome("dropped_budget").is_dropped
