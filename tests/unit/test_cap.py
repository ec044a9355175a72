"""Places at an upstream, and the queue before them: order, bounds, kills, and nothing lost to cancellations."""

import asyncio

import pytest

from gateway.errors import UpstreamError, UpstreamErrorKind
from gateway.upstream.api import DecisionChangedError
from gateway.upstream.cap import Cap
from tests.support.scripted_upstream import LOOPS, applies, settle

ANY_LOOP = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", LOOPS)]


def fine():
    pass


def overtaken():
    raise DecisionChangedError


async def waiting(cap, admit=fine):
    task = asyncio.create_task(cap.enter(admit))
    await settle()
    return task


@applies(*ANY_LOOP)
async def test_places_are_given_at_once_and_then_in_order():
    cap = Cap(places=2, queue=2, seconds=60)
    await cap.enter(fine)
    await cap.enter(fine)
    first, second = await waiting(cap), await waiting(cap)
    assert (cap.in_flight, cap.queued) == (2, 2)
    cap.leave()
    await first
    assert not second.done()
    cap.leave()
    await second
    assert (cap.in_flight, cap.queued) == (2, 0)


@applies(*ANY_LOOP)
async def test_a_full_queue_says_no_at_once():
    cap = Cap(places=1, queue=1, seconds=60)
    await cap.enter(fine)
    waits = await waiting(cap)
    with pytest.raises(UpstreamError) as caught:
        await cap.enter(fine)
    assert (caught.value.kind, caught.value.sent, caught.value.status) == (UpstreamErrorKind.FULL, False, 503)
    cap.leave()
    await waits


@applies(*ANY_LOOP)
async def test_a_queue_that_does_not_move_says_no_in_time():
    cap = Cap(places=1, queue=1, seconds=0.01)
    await cap.enter(fine)
    with pytest.raises(UpstreamError):
        await cap.enter(fine)
    assert (cap.in_flight, cap.queued) == (1, 0)


@applies(*ANY_LOOP)
async def test_whoever_must_not_go_there_any_more_leaves_the_queue_and_the_next_is_asked():
    cap = Cap(places=1, queue=3, seconds=60)
    await cap.enter(fine)
    stale, good = await waiting(cap, overtaken), await waiting(cap)
    cap.leave()
    await good
    with pytest.raises(DecisionChangedError):
        await stale
    assert (cap.in_flight, cap.queued) == (1, 0)


@applies(*ANY_LOOP)
async def test_asked_again_those_leave_at_once_and_the_others_keep_their_order():
    cap = Cap(places=1, queue=3, seconds=60)
    await cap.enter(fine)
    first, stale, last = await waiting(cap), await waiting(cap, overtaken), await waiting(cap)
    cap.ask_again()
    with pytest.raises(DecisionChangedError):
        await stale
    assert cap.queued == 2
    cap.leave()
    await first
    assert not last.done()
    cap.leave()
    await last


@applies(*ANY_LOOP)
async def test_who_is_overtaken_when_time_is_up_decides_again_rather_than_fail():
    cap = Cap(places=1, queue=1, seconds=0.01)
    await cap.enter(fine)
    with pytest.raises(DecisionChangedError):
        await cap.enter(overtaken)


@applies(*ANY_LOOP)
@pytest.mark.parametrize("granted", [False, True])
async def test_a_waiter_that_is_cancelled_leaves_no_place_behind(granted):
    cap = Cap(places=1, queue=2, seconds=60)
    await cap.enter(fine)
    gone, other = await waiting(cap), await waiting(cap)
    if granted:
        cap.leave()
    gone.cancel()
    await asyncio.wait((gone,))
    assert gone.cancelled()
    if not granted:
        cap.leave()
    await other
    cap.leave()
    assert (cap.in_flight, cap.queued) == (0, 0)
