"""Whether new is slower: on times that are made up, with noise that a machine has."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.verify.timing import MIN_ROUNDS, Limits, measure

LIMITS = Limits(percent=10, by_seconds=0.003)


def rounds(steps, slower, *, count=7, noise=0.0, seed=1):
    """Pairs of times: `steps` by name in seconds; slower(time) is new's. noise: a share, on both and by chance."""
    chance = random.Random(seed)

    def noisy(seconds):
        return seconds * (1 + chance.expovariate(1) * noise)

    return {name: [(noisy(seconds), noisy(slower(seconds))) for _ in range(count)] for name, seconds in steps.items()}


QUICK = {f"quick {number}": 0.002 + number / 10_000 for number in range(30)}
LONG = {f"long {number}": 0.3 for number in range(10)}


def fault(seconds):
    """The seeded one: 15 % longer, 5 ms at least."""
    return seconds + max(seconds * 0.15, 0.005)


def same(seconds):
    return seconds


@pytest.mark.parametrize("steps", [QUICK, LONG, QUICK | LONG])
@pytest.mark.parametrize("noise", [0, 0.05, 0.1])
@pytest.mark.parametrize("seed", range(5))
def test_the_seeded_fault_is_red_and_a_healthy_new_is_green(steps, noise, seed):
    assert measure(rounds(steps, fault, noise=noise, seed=seed), LIMITS).is_slower
    assert not measure(rounds(steps, same, noise=noise, seed=seed), LIMITS).is_slower


@pytest.mark.parametrize("seed", range(5))
def test_many_small_delays_beside_a_few_long_steps_with_noise_are_seen(seed):
    steps = rounds(QUICK, fault, noise=0.3, seed=seed) | rounds(LONG, fault, noise=0.6, seed=seed)
    assert measure(steps, LIMITS).typical.is_beyond(LIMITS)


@pytest.mark.parametrize("seed", range(20))
def test_heavy_noise_alone_is_never_red(seed):
    assert not measure(rounds(QUICK | LONG, same, noise=1.0, seed=seed), LIMITS).is_slower


@pytest.mark.parametrize("seed", range(10))
def test_a_side_that_the_machine_leaves_waiting_now_and_then_is_green(seed):
    chance = random.Random(seed)
    steps = rounds(QUICK, same, noise=0.05, seed=seed)
    for name, pairs in steps.items():
        steps[name] = [(old, new + (0.02 if chance.random() < 0.6 else 0)) for old, new in pairs]
    timing = measure(steps, LIMITS)
    assert timing.typical.percent.value > 10
    assert not timing.total.is_beyond(LIMITS)
    assert not timing.typical.is_beyond(LIMITS)


def test_a_small_delay_is_the_machines_whatever_it_is_in_percent():
    timing = measure(rounds(QUICK, lambda seconds: seconds * 1.5), LIMITS)
    assert timing.total.percent.value == pytest.approx(50)
    assert not timing.is_slower
    assert measure(rounds(QUICK, lambda seconds: seconds * 1.5), Limits(10, 0)).is_slower


def test_a_faster_new_is_green():
    timing = measure(rounds(LONG, lambda seconds: seconds / 2), LIMITS)
    assert not timing.is_slower
    assert timing.total.percent.high < 0


def test_one_step_that_is_slower_in_every_round_is_red_by_name():
    steps = rounds(QUICK | LONG, same, noise=0.05)
    steps["quick 3"] = [(old, old + 0.02) for old, _ in steps["quick 3"]]
    timing = measure(steps, LIMITS)
    assert not timing.total.is_beyond(LIMITS)
    assert [slow.name for slow in timing.slow_steps] == ["quick 3"]
    assert timing.is_slower


def test_while_one_step_alone_is_slow_or_it_only_seems_so_it_is_not_certain():
    steps = rounds(QUICK, same, noise=0.05)
    assert not measure(steps, LIMITS).is_unsure
    steps["quick 3"] = [(old, old + 0.02) for old, _ in steps["quick 3"]]
    assert measure(steps, LIMITS).is_unsure
    assert not measure(rounds(QUICK, fault), LIMITS).is_unsure
    torn = {name: [(0.01, 0.02), (0.01, 0.02), (0.01, 0.02), (0.03, 0.02), (0.03, 0.02)] for name in "ab"}
    assert measure(torn, LIMITS).is_unsure
    assert not measure(torn, LIMITS).is_slower


def test_a_step_that_was_slow_but_once_is_green():
    steps = rounds(QUICK, same, noise=0.05)
    steps["quick 3"][2] = (0.002, 0.9)
    assert not measure(steps, LIMITS).is_slower


def test_of_few_rounds_nothing_is_said():
    assert measure(rounds(QUICK, fault, count=MIN_ROUNDS - 1), LIMITS) is None
    assert measure({}, LIMITS) is None
    mixed = rounds(QUICK, fault) | {"rare": [(1.0, 9.0)]}
    assert measure(mixed, LIMITS).steps == len(QUICK)


def test_the_same_times_give_the_same_answer():
    steps = rounds(QUICK, fault, noise=0.5)
    assert measure(steps, LIMITS) == measure(steps, LIMITS)


@settings(max_examples=20, deadline=None)
@given(
    st.dictionaries(
        st.text(max_size=3), st.lists(st.tuples(st.floats(1e-6, 9), st.floats(1e-6, 9)), max_size=7), max_size=4
    )
)
def test_an_interval_holds_its_value_or_nearly_and_nothing_raises(steps):
    timing = measure(steps, LIMITS)
    if timing is not None:
        for interval in (timing.total.percent, timing.total.seconds, timing.typical.percent, timing.typical.seconds):
            assert interval.low <= interval.high
