"""The oracle itself: each thing that it is to find is shown to it once, so that its silence means something."""

import json

import pytest
import xxhash

from tests.faults.catalogue import BY_NAME, FAULTS, Spell, explained, may_divert
from tests.faults.client import Answer, Ask
from tests.faults.drill import Account
from tests.faults.oracle import LEGACY, NEW, Arrival, Outcome, Splits, doubled, judge, repeated, strays
from tests.faults.origin import big_body
from tests.faults.schedule import Schedule
from tests.faults.soak import Series


@pytest.fixture
def splits():
    return Splits({"auth": 4_000})


def users_of(splits, side):
    return next(f"u{number}" for number in range(100) if splits.sides("auth", f"u{number}", 0, 1) == {side})


def asked(user="u1", *, feature="auth", method="GET", path="/auth/me", body=b""):
    return Ask("id-1", user, feature, method, path, body)


def signed(ask, side, *, reason="split", said=None, **changes):
    body = {"side": side, "id": ask.id, "user": ask.user, "length": len(ask.body)}
    body = json.dumps(body | {"digest": xxhash.xxh64_hexdigest(ask.body)} | changes).encode()
    fields = {"x-served-by": side, "x-gateway-side": said or side, "x-gateway-reason": reason}
    return Answer(0.0, 1.0, status=200, fields=fields, body=body)


def test_the_right_answer_is_well(splits):
    for side in (LEGACY, NEW):
        ask = asked(users_of(splits, side))
        assert judge(ask, signed(ask, side), splits).verdict == "well"


@pytest.mark.parametrize("changes", [{"id": "id-2"}, {"user": "somebody"}, {"length": 3}, {"digest": "0"}, {"x": 1}])
def test_somebody_elses_answer_is_wrong(splits, changes):
    ask = asked(users_of(splits, NEW), body=b"form", method="POST")
    assert judge(ask, signed(ask, NEW, **changes), splits).verdict == "wrong"


def test_what_the_gateway_says_must_be_true(splits):
    ask = asked(users_of(splits, NEW))
    assert judge(ask, signed(ask, NEW, said=LEGACY), splits).verdict == "wrong"


def test_a_big_body_is_looked_at_to_its_end(splits):
    ask = asked(users_of(splits, NEW), path="/auth/big")
    answer = signed(ask, NEW)
    answer.body = big_body(NEW, ask.id)
    assert judge(ask, answer, splits).verdict == "well"
    for body in (answer.body[:-1], answer.body[:-1] + b"?", b""):
        answer.body = body
        assert judge(ask, answer, splits).verdict == "wrong"


def test_the_other_side_is_misrouted_unless_legacy_helps_out(splits):
    on_legacy, on_new = asked(users_of(splits, LEGACY)), asked(users_of(splits, NEW))
    assert judge(on_legacy, signed(on_legacy, NEW), splits).verdict == "misrouted"
    assert judge(on_legacy, signed(on_legacy, NEW, reason="fallback"), splits).verdict == "misrouted"
    assert judge(on_new, signed(on_new, LEGACY), splits).verdict == "misrouted"
    assert judge(on_new, signed(on_new, LEGACY, reason="fallback"), splits).verdict == "diverted"
    assert judge(on_new, signed(on_new, LEGACY, reason="unhealthy"), splits).verdict == "diverted"


@pytest.mark.parametrize(("status", "verdict"), [(502, "failed"), (503, "failed"), (500, "wrong"), (200, "wrong")])
def test_an_answer_that_no_origin_signed_is_a_failure_at_best(splits, status, verdict):
    assert judge(asked(), Answer(0, 1, status=status), splits).verdict == verdict


def test_no_answer_is_a_failure(splits):
    outcome = judge(asked(), Answer(0, 1, failure="cut"), splits)
    assert (outcome.verdict, outcome.why) == ("failed", "cut")


def test_a_change_is_in_doubt_until_it_is_confirmed():
    splits = Splits({"auth": 0})
    assert splits.sides("auth", "u1", 1, 2) == {LEGACY}
    change = splits.begins("auth", 10_000, at=5)
    assert splits.sides("auth", "u1", 3, 4) == {LEGACY}
    assert splits.sides("auth", "u1", 4, 6) == splits.sides("auth", "u1", 50, 51) == {LEGACY, NEW}
    change.confirmed = 7
    assert splits.sides("auth", "u1", 6.5, 9) == {LEGACY, NEW}
    assert splits.sides("auth", "u1", 8, 9) == {NEW}
    splits.refused("auth", splits.begins("auth", 0, at=10))
    assert splits.sides("auth", "u1", 11, 12) == {NEW}


def test_a_later_change_that_is_confirmed_ends_the_doubt_about_one_that_is_not():
    splits = Splits({"auth": 0})
    splits.begins("auth", 10_000, at=5)
    splits.begins("auth", 0, at=6).confirmed = 7
    assert splits.sides("auth", "u1", 8, 9) == {LEGACY}


def test_the_origins_tell_what_arrived_twice_and_where_it_should_not(splits):
    arrivals = [Arrival(NEW, "a", "POST", "u"), Arrival(LEGACY, "a", "POST", "u"), Arrival(NEW, "b", "GET", "u")]
    assert doubled(arrivals) == ["a"]
    assert repeated(arrivals) == []
    assert repeated([*arrivals, Arrival(NEW, "b", "GET", "u")]) == ["b"]
    ask = asked(users_of(splits, LEGACY))
    outcome = judge(ask, Answer(0, 1, failure="closed"), splits)
    assert strays([Arrival(NEW, ask.id, "GET", ask.user)], [outcome]) == [Arrival(NEW, ask.id, "GET", ask.user)]
    assert strays([Arrival(LEGACY, ask.id, "GET", ask.user)], [outcome]) == []


def outcome(verdict, *, sides=(NEW,), why="502", port=1, **more):
    return Outcome(asked(**more), Answer(1.0, 2.0, port=port), set(sides), verdict, why)


@pytest.mark.parametrize("verdict", ["failed", "diverted", "misrouted", "wrong", "well"])
def test_whatever_no_fault_explains_breaks_a_promise(verdict):
    account = Account("nothing")
    account.add(outcome(verdict), [])
    assert (account.broken == []) is (verdict == "well")


def test_what_arrives_twice_breaks_a_promise():
    account = Account("nothing")
    account.compare([Arrival(NEW, "a", "POST", "u")] * 2, [])
    assert account.doubled == len(account.broken) == 1


def test_a_fault_explains_what_it_may_cost_and_nothing_else():
    spell = Spell(0.0, ports={7})
    killed = [(BY_NAME["new killed"], spell)]
    assert explained(outcome("failed", method="POST", path="/auth/form"), killed)
    assert not explained(outcome("failed", path="/auth/me"), killed), "fallback is for it"
    assert not explained(outcome("failed", sides=[LEGACY], path="/plain/me"), killed), "a user of legacy"
    assert may_divert(outcome("diverted"), killed)
    worker = [(BY_NAME["w0 killed"], spell)]
    assert explained(outcome("failed", why="closed", port=7), worker)
    assert not explained(outcome("failed", why="closed", port=8), worker), "a connection of another worker"
    for name in ("Redis killed", "control killed", "disk full", "clock jumps", "new slow", "new answers twice"):
        assert not explained(outcome("failed", method="POST", path="/auth/form"), [(BY_NAME[name], spell)])


def test_a_fault_explains_nothing_that_came_after_it():
    over = Spell(0.0, repaired=0.4, healed=0.5)
    assert not explained(outcome("failed", method="POST", path="/auth/form"), [(BY_NAME["new killed"], over)])


class Rigged:
    has_small_disk = True


def drawn(seed):
    """What a schedule would draw first in each lane."""
    schedule = Schedule(Rigged(), None, seed=seed, seconds=1)
    return [[(lane.draws.uniform(0, 1), lane.draws.random()) for _ in range(5)] for lane in schedule._lanes]


def test_a_seed_draws_the_same_and_another_seed_something_else():
    assert drawn(3) == drawn(3) != drawn(4)
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


def test_the_soak_sees_growth_and_no_growth():
    flat = Series([(at, 50.0 + at % 3) for at in range(0, 1200, 10)])
    rising = Series([(at, 50.0 + at * 0.01 + at % 3) for at in range(0, 1200, 10)])
    early = Series([(at, 50.0 + min(at, 300) * 0.1) for at in range(0, 1200, 10)])
    assert abs(flat.growth(300)) < 0.5
    assert 8 < rising.growth(300) < 10
    assert abs(early.growth(300)) < 0.5, "the warm-up is not looked at"
