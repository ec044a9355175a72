import asyncio
import weakref

import pytest

from gateway.runner import Runner, in_a_task, in_task, over, park, running


class Ends(list):
    """What `on_end` was told, each time."""

    def __call__(self, runner, error):
        self.append(error)


def started(coroutine):
    ends = Ends()
    runner = Runner(coroutine, asyncio.get_running_loop(), ends)
    runner.start()
    return runner, ends


async def turns(number=3):
    for _ in range(number):
        await asyncio.sleep(0)


async def test_what_waits_for_nothing_is_over_at_once_and_without_a_task():
    async def work():
        assert running() is not None
        seen.append(asyncio.current_task())

    seen = []
    outside = asyncio.current_task()
    _, ends = started(work())
    assert ends == [None]
    assert seen == [outside]  # whoever has started it
    assert running() is None


async def test_what_is_parked_goes_on_in_the_stack_of_its_waker():
    async def work():
        seen.append("before")
        await park()
        seen.append("after")

    seen = []
    runner, ends = started(work())
    assert (seen, ends) == (["before"], [])
    runner.resume()
    assert (seen, ends) == (["before", "after"], [None])
    runner.resume()
    assert ends == [None]


async def test_what_says_that_it_is_over_does_not_come_back():
    async def work():
        await park()
        seen.append("before")
        await over()
        seen.append("after")

    seen = []
    runner, ends = started(work())
    runner.resume()
    assert ends == [None]
    runner.resume()
    runner.cancel()
    await turns()
    assert (seen, ends) == (["before"], [None])
    assert running() is None


async def test_nor_is_anything_of_it_left():
    async def work():
        kept = Ends()
        left.append(weakref.ref(kept))
        await over()

    left = []
    _, ends = started(work())
    del _
    assert ends == [None]
    assert left[0]() is None  # freed without the garbage collector


async def test_one_runner_may_be_resumed_in_the_step_of_another():
    async def inner():
        await park()
        assert running() is first

    async def outer():
        first.resume()
        assert running() is second
        await park()

    first, first_ends = started(inner())
    second = Runner(outer(), asyncio.get_running_loop(), second_ends := Ends())
    second.start()
    assert (first_ends, second_ends) == ([None], [])
    second.resume()
    assert second_ends == [None]


@pytest.mark.parametrize("error", [ValueError("x"), asyncio.CancelledError(), KeyboardInterrupt()])
async def test_what_is_raised_is_told(error):
    async def work():
        await park()
        raise error

    runner, ends = started(work())
    runner.resume()
    assert ends == [error]


async def test_a_future_is_waited_for_in_a_task():
    async def work():
        seen.append(await future)
        assert running() is None
        seen.append(asyncio.current_task())
        await asyncio.sleep(0)

    future, seen = asyncio.get_running_loop().create_future(), []
    _, ends = started(work())
    await turns()
    assert seen == []
    future.set_result("result")
    await turns()
    assert seen[0] == "result"
    assert seen[1] is not asyncio.current_task()
    assert ends == [None]


async def test_what_a_future_raises_arrives():
    async def work():
        with pytest.raises(ValueError, match="x"):
            await future
        raise KeyError

    future = asyncio.get_running_loop().create_future()
    _, ends = started(work())
    future.set_exception(ValueError("x"))
    await turns()
    assert [type(error) for error in ends] == [KeyError]


@pytest.mark.parametrize("wrapped", [False, True])
async def test_what_needs_a_task_has_one(wrapped):
    async def work():
        await in_task()
        await in_task()
        async with asyncio.timeout(10):
            await asyncio.sleep(0)
            seen.append(asyncio.current_task())

    seen = []
    _, ends = started(in_a_task(work) if wrapped else work())
    assert seen == []
    await turns()
    assert len(seen) == 1
    assert seen[0] is not asyncio.current_task()
    assert ends == [None]


async def test_what_is_cancelled_before_its_task_has_begun_is_never_called():
    def never():
        raise AssertionError("it was called")

    runner, ends = started(in_a_task(never))
    runner.cancel()
    await turns()

    assert [type(error) for error in ends] == [asyncio.CancelledError]


async def test_in_a_task_there_is_one_already():
    before = asyncio.current_task()
    await in_task()
    assert asyncio.current_task() is before


async def parked(seen):
    try:
        await park()
    except asyncio.CancelledError:
        seen.append("cancelled")
    await park()
    seen.append("went on")


async def test_cancelling_what_is_parked_waits_for_a_turn():
    seen = []
    runner, ends = started(parked(seen))
    runner.cancel()
    assert seen == []
    await turns()
    assert seen == ["cancelled"]
    runner.uncancel()
    runner.resume()
    assert (seen, ends) == (["cancelled", "went on"], [None])


async def test_one_that_is_resumed_before_is_cancelled_then():
    seen = []
    runner, _ = started(parked(seen))
    runner.cancel()
    runner.resume()
    assert seen == ["cancelled"]
    await turns()
    assert seen == ["cancelled"]  # it is parked again, and nobody has resumed it


async def test_one_that_is_running_is_cancelled_where_it_waits_next():
    async def work():
        runner.cancel()
        seen.append("goes on")
        await parked(seen)

    seen = []
    runner = Runner(work(), asyncio.get_running_loop(), Ends())
    runner.start()
    assert seen == ["goes on"]
    await turns()
    assert seen == ["goes on", "cancelled"]


async def test_one_that_is_running_is_cancelled_in_its_task_too():
    async def work():
        runner.cancel()
        await asyncio.sleep(0)
        seen.append("no")

    seen, ends = [], Ends()
    runner = Runner(work(), asyncio.get_running_loop(), ends)
    runner.start()
    await turns()
    assert seen == []
    assert [type(error) for error in ends] == [asyncio.CancelledError]


async def test_a_task_is_cancelled_as_such():
    async def work():
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            seen.append(asyncio.current_task().cancelling())
            runner.uncancel()
            seen.append(asyncio.current_task().cancelling())

    seen = []
    runner, ends = started(work())
    await turns()
    runner.cancel()
    await turns()
    assert seen == [1, 0]
    assert [type(error) for error in ends] == [asyncio.CancelledError]
