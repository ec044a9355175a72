"""The flags in force: what applies, what is held, and what never happens without an instruction."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model import BasisPoints
from gateway.rules.flagmodel import (
    WRONG_TYPE,
    Configured,
    Event,
    EventKind,
    FeatureFlags,
    FeatureReading,
    Hold,
    Known,
    Reading,
)
from gateway.rules.flagstate import advance, rank
from gateway.rules.flagvalues import parse_flag
from gateway.rules.flagwords import describe_held

MISSING = FeatureReading(flag={})
FALLBACK = BasisPoints(0)


class Store:
    """A server and what is known of it, driven step by step for one feature, `auth`."""

    def __init__(self, fallback: int = 0, shadow: int = 0) -> None:
        self.fallback, self.shadow = BasisPoints(fallback), BasisPoints(shadow)
        self.known: Known | None = None
        self.events: tuple[Event, ...] = ()
        self.epoch, self.run_id = "e1", "r1"

    def read(
        self, *, allow: set[str] | None = None, deny: set[str] | None = None, connected: bool = True, **flag: object
    ) -> FeatureFlags:
        fields = {name.encode(): str(value).encode() for name, value in flag.items()}
        return self.take(FeatureReading(fields, _entries(allow), _entries(deny)), connected=connected)

    def back_with(self, *, same_data: bool = False, **what: object) -> FeatureFlags:
        """The first reading after the server went away: another process, and other data unless told."""
        self.run_id += "x"
        if not same_data:
            self.epoch += "x"
        return self.read(connected=False, **what)  # type: ignore[arg-type]

    def take(self, reading: FeatureReading, *, connected: bool = True) -> FeatureFlags:
        whole = Reading(epoch=self.epoch, run_id=self.run_id, features={"auth": reading}, full=True)
        below = {"auth": Configured(self.fallback, self.shadow)}
        self.known, self.events = advance(self.known, whole, connected=connected, fallbacks=below)
        return self.known.features["auth"]

    def kinds(self) -> list[EventKind]:
        return [event.kind for event in self.events]


def _entries(names: set[str] | None) -> frozenset[bytes]:
    return frozenset(name.encode() for name in names or ())


def test_the_first_reading_applies_as_it_is():
    flags = Store().read(percent=25, enabled="true", allow={"a"}, deny={"b"}, rev=4)
    assert (flags.percent, flags.enabled, flags.allow, flags.deny, flags.rev) == (2500, True, {b"a"}, {b"b"}, 4)
    assert not flags.held


def test_while_connected_every_write_is_an_instruction():
    store = Store()
    store.read(percent=25)
    assert store.read(percent=100, allow={"a"}).percent == 10_000
    assert store.kinds() == [EventKind.CHANGED]
    assert store.read(percent=100, enabled="no").enabled is False
    assert store.read(percent=100).enabled is None


def test_a_bad_value_leaves_the_last_good_one_and_is_told_once():
    store = Store(fallback=10_000)
    store.read(percent=25, enabled="true")
    flags = store.read(percent="25 %%", enabled="true")
    assert flags.percent == 2500
    assert store.kinds() == [EventKind.PROBLEM]
    store.read(percent="25 %%", enabled="true")
    assert store.events == ()
    assert store.read(percent=30, enabled="true").percent == 3000
    assert store.kinds() == [EventKind.SOLVED, EventKind.CHANGED]


def test_a_kill_typed_together_with_a_bad_percent_applies():
    store = Store()
    store.read(percent=25)
    flags = store.read(percent="lots", enabled="false")
    assert (flags.percent, flags.enabled) == (2500, False)


def test_a_bad_value_at_the_first_reading_leaves_the_feature_unreadable_until_it_is_written_well():
    store = Store(fallback=10_000)
    assert store.read(percent="abc").unreadable == {"percent"}
    assert store.read(percent="abcd").unreadable
    flags = store.read(percent="5")
    assert (flags.percent, flags.unreadable) == (500, frozenset())


def test_deleting_what_could_never_be_read_is_no_instruction():
    store = Store(fallback=10_000)
    store.take(FeatureReading(flag=WRONG_TYPE))
    flags = store.take(MISSING)
    assert flags.unreadable
    assert "adopt" in (describe_held("auth", flags) or "")
    assert not store.read(rev=1).unreadable


def test_a_list_that_could_never_be_read_keeps_the_feature_on_legacy():
    store = Store(fallback=10_000)
    assert store.take(FeatureReading({b"percent": b"50"}, WRONG_TYPE)).unreadable == {"allow"}
    flags = store.read(percent=50)
    assert flags.unreadable
    assert flags.held
    assert "allow" in (describe_held("auth", flags) or "")
    assert store.read(percent=50, allow={"a"}).unreadable == frozenset()


def test_a_key_of_the_wrong_type_keeps_the_last_good_values():
    store = Store()
    store.read(percent=25, allow={"a"}, deny={"b"})
    flags = store.take(FeatureReading(WRONG_TYPE, WRONG_TYPE, WRONG_TYPE))
    assert (flags.percent, flags.allow, flags.deny) == (2500, {b"a"}, {b"b"})
    assert len(flags.problems) == 3


def test_a_vanished_key_falls_through_where_that_lowers():
    store = Store(fallback=1000)
    store.read(percent=25)
    flags = store.take(MISSING)
    assert (flags.percent, flags.held) == (None, False)


@pytest.mark.parametrize(("fields", "fallback"), [({"percent": 25}, 5000), ({"enabled": "no"}, 0)])
def test_a_vanished_key_is_held_where_falling_through_would_raise(fields: dict[str, object], fallback: int):
    store = Store(fallback=fallback)
    before = store.read(**fields)  # type: ignore[arg-type]
    flags = store.take(MISSING)
    assert (flags.percent, flags.enabled, flags.hold) == (before.percent, before.enabled, Hold.RAISES)
    assert EventKind.HELD in store.kinds()
    assert store.take(MISSING) is flags
    assert store.read(rev=1).percent is None
    assert EventKind.RELEASED in store.kinds()


def test_a_field_removed_by_hand_is_an_instruction():
    store = Store(fallback=10_000)
    store.read(percent=25, enabled="true")
    assert store.read(enabled="true").percent is None


def test_unset_by_our_tools_is_an_instruction():
    store = Store(fallback=10_000)
    store.read(percent=25, rev=1)
    flags = store.read(rev=2)
    assert (flags.percent, flags.held) == (None, False)


def test_a_hold_ends_by_itself_once_nothing_would_rise():
    store = Store(fallback=5000)
    store.read(percent=25)
    assert store.take(MISSING).held
    store.fallback = BasisPoints(1000)
    flags = store.take(MISSING)
    assert (flags.percent, flags.held) == (None, False)


def test_the_last_deny_entry_vanishing_is_held():
    store = Store()
    store.read(deny={"a"}, percent=1)
    assert store.read(percent=1).deny == {b"a"}
    assert store.read(percent=1, rev=1).deny == frozenset()


def test_the_last_allow_entry_vanishing_applies():
    store = Store()
    store.read(allow={"a"})
    assert store.read().allow == frozenset()


def test_an_empty_server_keeps_everything():
    store = Store(fallback=0)
    store.read(percent=25, enabled="true", allow={"a"}, deny={"b"}, rev=7)
    flags = store.back_with()
    assert (flags.percent, flags.enabled, flags.allow, flags.deny) == (2500, True, {b"a"}, {b"b"})
    assert (flags.hold, flags.hold_allow, flags.hold_deny) == (Hold.LOST, Hold.LOST, Hold.LOST)
    assert store.kinds() == [EventKind.OTHER_DATA, EventKind.HELD]
    assert store.take(MISSING) is flags


def test_a_loss_is_adopted_although_the_new_revision_equals_the_old_one():
    store = Store(fallback=0)
    store.read(percent=25, rev=1)
    store.back_with()
    flags = store.read(rev=1)
    assert (flags.percent, flags.held) == (None, False)


def test_after_a_loss_a_new_write_is_an_instruction():
    store = Store()
    store.read(percent=25)
    store.back_with()
    assert store.read(percent=40).percent == 4000


def test_a_loss_is_kept_when_an_unknown_field_is_all_that_appears():
    store = Store()
    store.read(percent=25)
    store.back_with()
    assert store.read(precent=40).percent == 2500


def test_other_data_that_lowers_applies_at_once():
    store = Store()
    store.read(percent=25)
    assert store.back_with(percent=10).percent == 1000


def test_other_data_that_kills_applies_at_once():
    store = Store()
    store.read(percent=25)
    assert store.back_with(percent=90, enabled="off").enabled is False


def test_other_data_that_raises_is_held_until_it_is_adopted():
    store = Store()
    store.read(percent=25, rev=5)
    flags = store.back_with(percent=90, rev=9)
    assert (flags.percent, flags.hold) == (2500, Hold.RAISES)
    assert "90 %" in (describe_held("auth", flags) or "")
    assert store.read(percent=90, rev=9) == flags
    flags = store.read(percent=90, rev=10)
    assert (flags.percent, flags.held) == (9000, False)


def test_other_data_that_raises_is_held_until_it_is_written_anew():
    store = Store()
    store.read(percent=25)
    store.back_with(percent=90)
    assert store.read(percent=91).percent == 9100


def test_a_bad_write_does_not_end_a_hold():
    store = Store()
    store.read(percent=25)
    store.back_with(percent=90)
    flags = store.read(percent=90, enabled="perhaps")
    assert (flags.percent, flags.held) == (2500, True)


def test_other_data_without_the_kill_does_not_undo_it():
    store = Store()
    store.read(percent=0, enabled="false")
    flags = store.back_with(percent=0, enabled="true")
    assert (flags.enabled, flags.held) == (False, True)


def test_other_data_with_other_lists_takes_keys_from_new_alone():
    store = Store()
    store.read(allow={"a", "b"}, deny={"x", "y"})
    flags = store.back_with(allow={"b", "c"}, deny={"y", "z"})
    assert (flags.allow, flags.deny) == ({b"b"}, {b"x", b"y", b"z"})
    assert (flags.hold_allow, flags.hold_deny) == (Hold.RAISES, Hold.RAISES)
    flags = store.read(allow={"b", "c"}, deny={"y", "z"}, rev=1)
    assert (flags.allow, flags.deny, flags.held) == ({b"b", b"c"}, {b"y", b"z"}, False)


def test_the_right_data_coming_back_ends_a_hold():
    store = Store()
    store.read(percent=25, allow={"a"}, deny={"b"})
    store.back_with()
    assert not store.back_with(percent=25, allow={"a"}, deny={"b"}).held


def test_an_older_revision_of_the_same_data_is_guarded():
    store = Store()
    store.read(percent=25, rev=5)
    assert store.back_with(same_data=True, percent=90, rev=4).percent == 2500


def test_a_newer_revision_of_the_same_data_is_our_own_write_and_applies():
    store = Store()
    store.read(percent=25, rev=5)
    flags = store.back_with(same_data=True, percent=90, rev=6)
    assert (flags.percent, flags.held) == (9000, False)


def test_a_revision_that_is_only_newer_than_the_loss_is_guarded():
    store = Store()
    store.read(percent=25, rev=5)
    store.back_with(same_data=True)
    assert store.back_with(same_data=True, percent=90, rev=4).percent == 2500


def test_a_feature_without_anything_in_redis_stays_with_the_file():
    store = Store(fallback=1000)
    store.read()
    flags = store.back_with()
    assert (flags.percent, flags.held) == (None, False)


def test_a_partial_reading_touches_the_others_in_no_way():
    store = Store()
    store.read(percent=25)
    assert store.known is not None
    part = Reading(epoch="e1", run_id="r1", features={"other": MISSING}, full=False)
    known, _ = advance(store.known, part, connected=True, fallbacks={})
    assert known.features["auth"] is store.known.features["auth"]


def test_a_feature_that_leaves_the_configuration_is_forgotten():
    store = Store()
    store.read(percent=25)
    known, _ = advance(store.known, Reading("e1", "r1", {}, full=True), connected=True, fallbacks={})
    assert known.features == {}


# Properties

PERCENTS = st.sampled_from([None, b"0", b"10", b"50", b"100", b"abc", b""])
SWITCHES = st.sampled_from([None, b"true", b"false", b"perhaps"])
REVS = st.sampled_from([None, b"1", b"2", b"3", b"x"])
LISTS = st.one_of(st.frozensets(st.sampled_from([b"a", b"b", b"c"])), st.just(WRONG_TYPE))


@st.composite
def readings(draw: st.DrawFn) -> FeatureReading:
    if draw(st.integers(0, 9)) == 0:
        return FeatureReading(WRONG_TYPE, draw(LISTS), draw(LISTS))
    fields = {
        b"percent": draw(PERCENTS),
        b"enabled": draw(SWITCHES),
        b"shadow_percent": draw(PERCENTS),
        b"rev": draw(REVS),
    }
    flag = {name: value for name, value in fields.items() if value is not None}
    return FeatureReading(flag, draw(LISTS), draw(LISTS))


STEPS = st.tuples(readings(), st.booleans(), st.booleans())
"""A reading; whether the session went on; whether, if not, the data set is the same."""


def _walk(steps: list[tuple[FeatureReading, bool, bool]], fallback: int) -> Store:
    """The file says of shadows what it says of the percent: of every fallback there is an example for both."""
    store = Store(fallback, fallback)
    for reading, connected, same_data in steps:
        if not connected:
            store.run_id += "x"
            if not same_data:
                store.epoch += "x"
        store.take(reading, connected=connected)
    return store


def _shadow(flags: FeatureFlags, fallback: BasisPoints) -> BasisPoints:
    return fallback if flags.shadow is None else flags.shadow


def _rises(before: FeatureFlags, after: FeatureFlags, fallback: BasisPoints) -> bool:
    return (
        _shadow(after, fallback) > _shadow(before, fallback)
        or rank(after, fallback) > rank(before, fallback)
        or bool(before.unreadable - after.unreadable)
        or not after.allow <= before.allow
        or not after.deny >= before.deny
    )


WALKS = st.lists(STEPS, min_size=1, max_size=6)
FALLBACKS = st.sampled_from([0, 1000, 10_000])


@given(WALKS, FALLBACKS, readings())
def test_other_data_never_raises_anything(steps, fallback, reading):
    store = _walk(steps, fallback)
    assert store.known is not None
    before = store.known.features["auth"]
    store.epoch, store.run_id = "other", "other"
    assert not _rises(before, store.take(reading, connected=False), store.fallback)


@given(WALKS, FALLBACKS)
def test_a_loss_never_raises_anything_while_connected(steps, fallback):
    store = _walk(steps, fallback)
    assert store.known is not None
    before = store.known.features["auth"]
    assert not _rises(before, store.take(MISSING), store.fallback)


@given(WALKS, FALLBACKS, st.booleans())
def test_what_was_read_already_never_raises_anything(steps, fallback, connected):
    store = _walk(steps, fallback)
    assert store.known is not None
    before = store.known.features["auth"]
    assert not _rises(before, store.take(before.seen, connected=connected), store.fallback)


def test_a_write_to_one_field_ends_the_hold_of_another_that_raises_nothing():
    store = Store(0)
    store.take(FeatureReading(WRONG_TYPE, frozenset(), frozenset()), connected=False)
    store.run_id = "other"
    store.take(replace(MISSING, flag={b"percent": b"0", b"enabled": b"true"}), connected=False)
    flags = store.take(replace(MISSING, flag={b"enabled": b"true"}))
    assert (flags.percent, flags.enabled, flags.hold) == (None, True, Hold.NO)


@given(WALKS, FALLBACKS, readings(), st.booleans())
def test_reading_the_same_again_changes_nothing_and_tells_nothing(steps, fallback, reading, connected):
    store = _walk(steps, fallback)
    flags = store.take(reading, connected=connected)
    assert store.take(reading) is flags
    assert store.events == ()


@given(WALKS, FALLBACKS, readings())
def test_a_bumped_revision_puts_everything_good_in_force(steps, fallback, reading):
    store = _walk(steps, fallback)
    if reading.flag is WRONG_TYPE:
        return
    flags = store.take(replace(reading, flag={**reading.flag, b"rev": b"77"}))
    fields = parse_flag(reading.flag)
    assert "percent" in fields.bad or flags.percent == fields.percent
    assert "enabled" in fields.bad or flags.enabled == fields.enabled
    assert "shadow_percent" in fields.bad or flags.shadow == fields.shadow
    assert reading.allow is WRONG_TYPE or flags.allow == reading.allow
    assert reading.deny is WRONG_TYPE or flags.deny == reading.deny
    assert (flags.hold, flags.hold_shadow) == (Hold.NO, Hold.NO)


@given(WALKS, FALLBACKS, st.integers(0, 100))
def test_a_percent_written_while_connected_is_in_force(steps, fallback, percent):
    store = _walk(steps, fallback)
    store.take(replace(MISSING, flag={b"percent": b"3.33"}))
    store.take(replace(MISSING, flag={b"percent": str(percent).encode()}))
    assert store.known is not None
    assert store.known.features["auth"].percent == percent * 100


@given(WALKS, FALLBACKS, st.integers(0, 100))
def test_a_percent_of_shadows_written_while_connected_is_in_force(steps, fallback, percent):
    store = _walk(steps, fallback)
    store.take(replace(MISSING, flag={b"shadow_percent": b"3.33"}))
    flags = store.take(replace(MISSING, flag={b"shadow_percent": str(percent).encode()}))
    assert (flags.shadow, flags.hold_shadow) == (percent * 100, Hold.NO)


@given(WALKS, FALLBACKS, PERCENTS)
def test_a_write_of_shadows_alone_changes_nothing_about_who_is_on_new(steps, fallback, percent):
    store = _walk(steps, fallback)
    assert store.known is not None
    before = store.known.features["auth"]
    if before.seen.flag is WRONG_TYPE:
        return
    fields = {name: value for name, value in before.seen.flag.items() if name != b"shadow_percent"}
    flag = fields if percent is None else {**fields, b"shadow_percent": percent}
    after = store.take(replace(before.seen, flag=flag))
    if flag or not before.seen.flag:
        assert rank(after, store.fallback) <= rank(before, store.fallback)
        assert after.unreadable == before.unreadable


@given(WALKS, FALLBACKS, readings(), st.booleans(), st.booleans())
def test_a_kill_applies_however_it_is_read(steps, fallback, reading, connected, same_data):
    store = _walk(steps, fallback)
    if reading.flag is WRONG_TYPE:
        return
    killed = replace(reading, flag={**reading.flag, b"enabled": b"false"})
    before = store.known
    if not connected:
        store.run_id += "x"
        store.epoch += "" if same_data else "x"
    flags = store.take(killed, connected=connected)
    already = before is not None and before.features["auth"].seen == killed and connected
    assert already or flags.enabled is False


def test_a_kill_and_its_end_by_hand_do_not_release_a_percent_that_was_lost():
    store = Store(fallback=10_000)
    store.read(percent=25)
    store.back_with()
    flags = store.read(enabled="false")
    assert (flags.percent, flags.enabled, flags.hold) == (2500, False, Hold.LOST)
    flags = store.read(enabled="true")
    assert (flags.percent, flags.enabled, flags.hold) == (2500, True, Hold.LOST)


def test_a_kill_and_its_end_by_hand_do_not_release_a_percent_that_is_held():
    store = Store()
    store.read(percent=25)
    store.back_with(percent=80)
    assert store.read(percent=80, enabled="false").percent == 2500
    assert store.read(percent=80, enabled="false").percent == 2500
    flags = store.read(percent=80, enabled="true")
    assert (flags.percent, flags.enabled, flags.hold) == (2500, True, Hold.RAISES)
    assert store.read(percent=81, enabled="true").percent == 8100


def test_other_data_that_kills_applies_the_kill_and_holds_its_higher_percent():
    store = Store()
    store.read(percent=25)
    flags = store.back_with(percent=80, enabled="false")
    assert (flags.percent, flags.enabled, flags.hold) == (2500, False, Hold.RAISES)
    assert store.read(percent=80, enabled="true").percent == 2500


# Shadows


def test_shadows_are_read_and_changed_like_a_percent():
    store = Store()
    assert store.read(shadow_percent=5).shadow == 500
    assert store.read(shadow_percent=50).shadow == 5000
    assert "shadows of 5 % -> shadows of 50 %" in store.events[0].text
    flags = store.read(shadow_percent="half")
    assert (flags.shadow, store.kinds()) == (5000, [EventKind.PROBLEM])


def test_a_bad_percent_of_shadows_at_the_first_reading_means_none_and_moves_nobody():
    store = Store(shadow=10_000)
    flags = store.read(percent=25, shadow_percent="5 percent")
    assert (flags.percent, flags.shadow, flags.unreadable) == (2500, 0, frozenset())
    assert store.read(percent=25, shadow_percent=5).shadow == 500
    assert store.read(percent=25).shadow is None  # an instruction: the file speaks


def test_a_vanished_flag_lets_the_file_speak_of_shadows_where_that_lowers_and_is_held_where_it_would_raise():
    store = Store(shadow=100)
    store.read(shadow_percent=5)
    assert store.take(MISSING).shadow is None
    store = Store(shadow=5000)
    store.read(shadow_percent=5)
    flags = store.take(MISSING)
    assert (flags.shadow, flags.hold_shadow, flags.hold) == (500, Hold.RAISES, Hold.NO)
    held = describe_held("auth", flags)
    assert held == "shadows of 5 % stay: Redis holds no flag. `gateway flag adopt auth` takes what Redis says"
    assert store.read(rev=1).shadow is None


def test_an_empty_server_keeps_shadows_and_other_data_only_lowers_them():
    store = Store()
    store.read(shadow_percent=5)
    flags = store.back_with()
    assert (flags.shadow, flags.hold_shadow) == (500, Hold.LOST)
    assert store.back_with(shadow_percent=1).shadow == 100
    flags = store.back_with(shadow_percent=90)
    assert (flags.shadow, flags.hold_shadow) == (100, Hold.RAISES)
    assert "Redis says shadows of 90 %" in (describe_held("auth", flags) or "")
    flags = store.read(shadow_percent=90, rev=1)
    assert (flags.shadow, flags.held) == (9000, False)


def test_shadows_and_the_switch_are_held_apart():
    store = Store()
    store.read(percent=25, shadow_percent=5)
    flags = store.back_with(percent=90, shadow_percent=90)
    assert (flags.percent, flags.shadow) == (2500, 500)
    flags = store.read(percent=90, shadow_percent=10)
    assert (flags.percent, flags.hold, flags.shadow, flags.hold_shadow) == (2500, Hold.RAISES, 1000, Hold.NO)
    flags = store.read(percent=91, shadow_percent=10)
    assert (flags.percent, flags.held) == (9100, False)


def test_writing_shadows_does_not_make_a_percent_readable_that_never_was():
    store = Store(fallback=10_000)
    store.read(percent="abc")
    assert store.read(percent="abc", shadow_percent=5).unreadable == {"percent"}
    assert store.read(shadow_percent=6).unreadable == frozenset()  # the bad field was taken out: an instruction
