"""Runs a request's coroutine without a task, for as long as it needs none.

A task costs a small request a tenth of its time: the task itself, a future for each wait, and two turns of the event
loop. A `Runner` steps the coroutine in the stack of whoever has something for it: the edge that has read the request,
the upstream's connection on which the reply has arrived.

Rules:

1.  `start` steps the coroutine at once. Where it waits by `park`, whoever wakes it (`resume`) steps it on, at once too.
    So a waker must be done with its own affairs before it wakes.
2.  As soon as it waits for anything else (a future of asyncio's), a task takes over to its end, and all is as usual.
    What needs a task before it waits (`asyncio.timeout` and libraries: they ask for the current task) says so first:
    `await in_task()`.
3.  `cancel` throws CancelledError into it, as a task does: not at once, but in a turn of the loop of its own; if it is
    resumed before, then; and if it is running, where it waits next.
4.  `on_end` is called once, with what the coroutine has raised, if anything.
5.  A coroutine that has nothing left to do may say so by waiting for `over`: it is told as its end, and dropped where
    it stands. To return is as good, but costs StopIteration with its traceback.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, Final

_running: "Runner | None" = None


def running() -> "Runner | None":
    """The runner whose coroutine asks; None in a task."""
    return _running


class _Signal:
    """What a coroutine waits for in a runner."""

    __slots__ = ()

    def __await__(self) -> "Generator[_Signal, None, None]":
        yield self


_PARKED: Final = _Signal()
_TASK: Final = _Signal()
_OVER: Final = _Signal()


def park() -> _Signal:
    """To be awaited, in a runner alone, which its waker then must `resume`."""
    return _PARKED


def over() -> _Signal:
    """To be awaited, in a runner alone, as the last that its coroutine does: it does not come back."""
    return _OVER


async def in_task() -> None:
    """From here on the coroutine runs in a task."""
    if _running is not None:
        await _TASK


async def in_a_task(work: Callable[[], Awaitable[None]]) -> None:
    """For what may ask for its task from its very beginning: it is called, and awaited, in one."""
    await in_task()
    await work()


class Runner:
    """One per coroutine. `Exchange.task` of a request that our own edge has read."""

    __slots__ = ("_cancelling", "_coroutine", "_loop", "_on_end", "_parked", "_task")

    def __init__(
        self,
        coroutine: Coroutine[Any, Any, None],
        loop: asyncio.AbstractEventLoop,
        on_end: "Callable[[Runner, BaseException | None], None]",
    ) -> None:
        self._coroutine = coroutine
        self._loop = loop
        self._on_end = on_end
        self._parked = False
        self._cancelling = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._step()

    def resume(self) -> None:
        """Of one that is parked: what it waits for is there."""
        if self._parked:
            self._parked = False
            self._step()

    def cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
        elif not self._cancelling:
            self._cancelling = True
            if self._parked:
                self._loop.call_soon(self._be_cancelled)

    def uncancel(self) -> None:
        """The cancellation has been dealt with."""
        if self._task is not None:
            self._task.uncancel()

    def _be_cancelled(self) -> None:
        if self._cancelling:
            self.resume()

    def _step(self) -> None:
        global _running  # noqa: PLW0603 - as asyncio's current task: one at a time in a thread
        before, _running = _running, self
        try:
            if self._cancelling:
                self._cancelling = False
                waits_for = self._coroutine.throw(asyncio.CancelledError())
            else:
                waits_for = self._coroutine.send(None)
        except StopIteration:
            self._on_end(self, None)
        except BaseException as error:  # noqa: BLE001 - whoever made us is told
            self._on_end(self, error)
        else:
            if waits_for is _PARKED:
                self._parked = True
                if self._cancelling:
                    self._loop.call_soon(self._be_cancelled)
            elif waits_for is _OVER:
                self._on_end(self, None)
            else:
                self._go_on_in_task(waits_for)
        finally:
            _running = before

    def _go_on_in_task(self, waits_for: Any) -> None:
        rest = _Rest(self._coroutine, None if waits_for is _TASK else waits_for)
        self._task = self._loop.create_task(rest)
        self._task.add_done_callback(self._task_ended)
        if self._cancelling:
            self._cancelling = False
            self._task.cancel()

    def _task_ended(self, task: "asyncio.Task[None]") -> None:
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        self._on_end(self, error)


class _Rest:
    """The rest of a coroutine that has been stepped before, as a coroutine. first: what it waits for already."""

    __slots__ = ("_coroutine", "_first")

    def __init__(self, coroutine: Coroutine[Any, Any, None], first: Any) -> None:
        self._coroutine = coroutine
        self._first = first

    def send(self, value: Any) -> Any:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        return self._coroutine.send(value)

    def throw(self, *error: Any) -> Any:
        self._first = None
        return self._coroutine.throw(*error)

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Any:
        return self
