"""Flags that are moved and put back; one that somebody else has changed is theirs."""

from dataclasses import replace

import pytest

from traffic.flags import Changed, Flag, FlagsError, TakenOverError
from traffic.mover import Mover, movable

AUTH = Flag("auth", "100", "file", 3, (), held=False, reversible=True)
UPLOAD = replace(AUTH, feature="upload", percent="25", source="redis", rev=0)


class Store:
    """An admin port: flags with revisions. `lost`: changes that are made and not answered; `away`: nothing is."""

    def __init__(self, *flags):
        self.flags = {flag.feature: flag for flag in flags}
        self.file = {flag.feature: flag.percent for flag in flags}
        self.said = []
        self.lost, self.away, self.before_change, self.missing = set(), False, None, ()

    async def read(self, feature):
        if self.away:
            raise FlagsError("away")
        return self.flags[feature]

    async def set_percent(self, feature, percent, *, expected_rev):
        return await self._change(feature, expected_rev, percent=percent, source="redis")

    async def unset(self, feature, *, expected_rev):
        return await self._change(feature, expected_rev, percent=self.file[feature], source="file", killed_by=())

    async def _change(self, feature, expected_rev, **fields):
        if self.away:
            raise FlagsError("away")
        if self.before_change is not None:
            self.before_change()
        flag = self.flags[feature]
        if flag.rev != expected_rev:
            raise TakenOverError("somebody else was quicker")
        self.flags[feature] = replace(flag, rev=flag.rev + 1, **fields)
        self.said.append((feature, fields["percent"]))
        if fields["percent"] in self.lost:
            self.lost.remove(fields["percent"])
            raise FlagsError("no answer")
        return Changed(flag.rev + 1, self.missing)

    async def close(self):
        pass


class Clock:
    def __init__(self, slow=0.0, rests=10**6):
        self.now, self.slow, self.rests = 0.0, slow, rests

    def __call__(self):
        return self.now

    async def rest(self, seconds):
        self.now += seconds + self.slow
        self.rests -= 1
        return self.rests >= 0


def mover(store, plan=("1", "50", "100"), clock=None):
    clock = clock or Clock()
    before = list(store.flags.values())
    plans = {flag.feature: plan for flag in before}
    return Mover(before, plans, flags=lambda: store, every=1.0, clock=clock, rest=clock.rest)


async def played(moving):
    await moving.begin()
    await moving.move()


async def test_flags_are_moved_by_their_plan_and_put_back_as_they_were():
    store = Store(AUTH, UPLOAD)
    moving = mover(store)
    await played(moving)
    assert [percent for feature, percent in store.said if feature == "auth"] == ["1", "50", "100"]
    assert await moving.put_back()
    assert (store.flags["auth"].percent, store.flags["auth"].source) == ("100", "file")
    assert (store.flags["upload"].percent, store.flags["upload"].source) == ("25", "redis")
    assert [each.changes for each in moving.moved.values()] == [3, 3]


async def test_a_flag_that_was_never_moved_is_not_touched():
    store = Store(AUTH)
    moving = mover(store, clock=Clock(rests=0))
    assert await moving.put_back()
    assert store.said == []


async def test_the_first_percent_is_there_before_anybody_comes_and_nothing_more_after_a_stop():
    store = Store(AUTH)
    moving = mover(store, clock=Clock(rests=0))
    await moving.begin()
    assert store.said == [("auth", "1")]
    await moving.move()
    assert store.said == [("auth", "1")]


async def test_a_change_that_takes_long_leaves_out_the_next_but_never_the_last():
    store = Store(AUTH)
    moving = mover(store, [str(number) for number in range(1, 11)], Clock(slow=2.5))
    await played(moving)
    assert moving.moved["auth"].skipped > 3
    assert store.said[-1] == ("auth", "10")


@pytest.mark.parametrize("ending", ["during", "after"])
async def test_what_somebody_else_has_changed_is_left_as_they_want_it(ending):
    store = Store(AUTH)
    moving = mover(store)

    def theirs():
        store.flags["auth"] = replace(store.flags["auth"], percent="7", rev=store.flags["auth"].rev + 1)
        store.before_change = None

    if ending == "during":
        store.before_change = theirs
        await played(moving)
    else:
        await played(moving)
        theirs()
    assert await moving.put_back()
    assert store.flags["auth"].percent == "7"
    assert moving.moved["auth"].taken_over
    assert "somebody else" in moving.moved["auth"].notes[-1]


async def test_what_is_changed_while_it_is_put_back_is_left_too():
    store = Store(AUTH)
    moving = mover(store)
    await played(moving)

    def theirs():
        store.flags["auth"] = replace(store.flags["auth"], percent="7", rev=99)

    store.before_change = theirs
    assert await moving.put_back()
    assert store.flags["auth"].percent == "7"


async def test_a_change_whose_answer_is_lost_is_still_ours():
    store = Store(AUTH)
    store.lost = {"50"}
    moving = mover(store, ("1", "50", "60", "100"))
    await played(moving)
    assert store.said[-1] == ("auth", "100")
    assert await moving.put_back()
    assert not moving.moved["auth"].taken_over
    assert store.flags["auth"].source == "file"


async def test_a_last_change_whose_answer_is_lost_is_put_back():
    store = Store(AUTH)
    store.lost = {"100"}
    moving = mover(store)
    await played(moving)
    assert await moving.put_back()
    assert store.flags["auth"].source == "file"


async def test_a_kill_by_hand_outlives_the_run():
    store = Store(AUTH)
    moving = mover(store)
    await played(moving)
    store.flags["auth"] = replace(store.flags["auth"], killed_by=("redis",))  # HSET: no new revision
    assert await moving.put_back()
    assert store.flags["auth"].killed_by == ("redis",)
    assert store.flags["auth"].percent == "100"


async def test_flags_that_cannot_be_put_back_are_told_with_what_to_type():
    store = Store(AUTH, UPLOAD)
    moving = mover(store)
    await played(moving)
    store.away = True
    assert not await moving.put_back()
    assert "gateway flag unset auth" in moving.moved["auth"].notes[-1]
    assert "gateway flag set upload 25" in moving.moved["upload"].notes[-1]


async def test_an_admin_port_that_is_away_for_a_while_costs_changes_and_nothing_more():
    store = Store(AUTH)
    moving = mover(store)
    store.away = True
    await played(moving)
    store.away = False
    assert moving.moved["auth"].skipped == 3
    assert await moving.put_back()
    assert store.flags["auth"].percent == "100"


async def test_workers_that_have_not_confirmed_are_counted():
    store = Store(AUTH)
    store.missing = ("w1",)
    moving = mover(store)
    await played(moving)
    assert moving.moved["auth"].unconfirmed == 3
    assert await moving.put_back()
    assert "w1" in moving.moved["auth"].notes[-1]


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"killed_by": ("redis",)}, "killed"), ({"held": True}, "held"), ({"reversible": False}, "not reversible")],
)
def test_a_flag_that_cannot_be_moved_says_why(fields, words):
    assert words in movable(replace(AUTH, **fields))
    assert movable(AUTH) == ""
