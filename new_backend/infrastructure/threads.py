"""Threads for work that takes seconds and cannot be stopped: nobody waits for them when the process ends.

An executor's threads are joined at exit, so one file that takes a minute to read would hold up every restart.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

ResultT = TypeVar("ResultT")


class LongWork:
    """At most so many at a time, those included whose caller has given up on them."""

    def __init__(self, *, at_most: int) -> None:
        self._free = asyncio.Semaphore(at_most)

    async def run(self, function: Callable[[], ResultT]) -> ResultT:
        """What the function returns or raises. A caller that is cancelled leaves; the thread goes on to its end."""
        await self._free.acquire()
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[ResultT] = loop.create_future()

        def settle(result: ResultT | None, error: BaseException | None) -> None:
            self._free.release()
            if outcome.done():
                return
            if error is not None:
                outcome.set_exception(error)
            else:
                outcome.set_result(result)  # type: ignore[arg-type]  # a result, where there is no error

        def work() -> None:
            result: ResultT | None = None
            failure: BaseException | None = None
            try:
                result = function()
            except BaseException as error:  # noqa: BLE001  # raised again in the caller
                failure = error
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle, result, failure)

        threading.Thread(target=work, name="long-work", daemon=True).start()
        return await outcome
