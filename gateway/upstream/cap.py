"""How many requests may be under way at one upstream, and the short queue before it.

Rules:

1.  At most `places` requests are under way. Who comes then waits in order in a queue of at most `queue`, for `seconds`.
2.  A place that falls free goes to the first of the queue, after it was asked whether it still wants to go there
    (`admit`): one whose decision a kill has overtaken leaves the queue, and the next is asked.
3.  With the queue full, or after `seconds`, the answer is no: FULL.
4.  Who is given a place and cannot use it any more (cancelled) passes it on.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from gateway.errors import UpstreamErrorKind
from gateway.upstream.api import DecisionChangedError
from gateway.upstream.failures import upstream_error

Waiter = tuple["asyncio.Future[None]", Callable[[], None]]


class Cap:
    """Of one upstream in one worker. What `enter` grants ends in `leave`."""

    __slots__ = ("_places", "_queue", "_seconds", "_waiters", "in_flight")

    def __init__(self, *, places: int, queue: int, seconds: float) -> None:
        self._places = places
        self._queue = queue
        self._seconds = seconds
        self._waiters: deque[Waiter] = deque()
        self.in_flight = 0

    @property
    def queued(self) -> int:
        """Requests that wait."""
        return len(self._waiters)

    async def enter(self, admit: Callable[[], None]) -> None:
        """Takes a place, at once or after a wait. Raises UpstreamError FULL, and what `admit` raises."""
        if self.in_flight < self._places and not self._waiters:
            self.in_flight += 1
            return
        if len(self._waiters) >= self._queue:
            raise upstream_error(UpstreamErrorKind.FULL, sent=False)
        await self._wait(admit)

    def leave(self) -> None:
        """Gives a place back."""
        self.in_flight -= 1
        self._grant()

    def ask_again(self) -> None:
        """After a kill: whoever waits and must not go there any more leaves the queue now."""
        for waiter in list(self._waiters):
            if not _still_wants(waiter):
                self._waiters.remove(waiter)

    async def _wait(self, admit: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        waiter = (future, admit)
        self._waiters.append(waiter)
        timer = loop.call_later(self._seconds, self._expire, waiter)
        try:
            await future
        except BaseException:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
            elif future.done() and not future.cancelled() and future.exception() is None:
                self.leave()
            raise
        finally:
            timer.cancel()

    def _grant(self) -> None:
        while self._waiters and self.in_flight < self._places:
            waiter = self._waiters.popleft()
            if not waiter[0].done() and _still_wants(waiter):
                self.in_flight += 1
                waiter[0].set_result(None)

    def _expire(self, waiter: Waiter) -> None:
        if waiter in self._waiters:
            self._waiters.remove(waiter)
            if not waiter[0].done() and _still_wants(waiter):
                waiter[0].set_exception(upstream_error(UpstreamErrorKind.FULL, sent=False))


def _still_wants(waiter: Waiter) -> bool:
    """Asks one that waits whether its decision still stands; wakes it with the error where it does not."""
    future, admit = waiter
    try:
        admit()
    except DecisionChangedError as error:
        if not future.done():
            future.set_exception(error)
        return False
    return True
