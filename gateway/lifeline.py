"""How a child of the supervisor learns that it must stop: a signal, or the end of the pipe that the supervisor holds.

SIGTERM asks to stop in good order; a second one, to stop at once. SIGINT, and SIGUSR2 from the supervisor, is a stop
without the delay for balancers. SIGUSR1 tells a worker that its successor serves.
A supervisor that dies closes its end of the pipe, and its children drain and exit rather than live on as orphans.
"""

import asyncio
import os
import signal


class Lifeline:
    """One per child process. `stopped` is set once it must stop, `at_once` when it must not wait any more."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.stopped = asyncio.Event()
        self.at_once = asyncio.Event()
        self.hurry = False
        self.orphaned = False
        self.relieved = False

    @property
    def accepts_no_more(self) -> bool:
        """Whether others take what comes from now on: a successor, or nobody, so that the port is free for one."""
        return self.relieved or self.orphaned

    @property
    def stopping(self) -> bool:
        """Whether a stop has been asked for."""
        return self.stopped.is_set()

    def install(self) -> None:
        """Takes over the signals and listens to the pipe."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop)
        loop.add_signal_handler(signal.SIGINT, self._stop_in_a_hurry)
        loop.add_signal_handler(signal.SIGUSR2, self._stop_in_a_hurry)
        loop.add_signal_handler(signal.SIGUSR1, self._relieve)
        if self._descriptor >= 0:
            os.set_blocking(self._descriptor, False)
            loop.add_reader(self._descriptor, self._supervisor_gone)

    def _stop(self) -> None:
        if self.stopped.is_set():
            self.at_once.set()
        self.stopped.set()

    def _stop_in_a_hurry(self) -> None:
        self.hurry = True
        self._stop()

    def _relieve(self) -> None:
        self.relieved = True
        self.stopped.set()

    def _supervisor_gone(self) -> None:
        asyncio.get_running_loop().remove_reader(self._descriptor)
        self.orphaned = True
        self.stopped.set()

    async def until_stopped_or(self, failed: asyncio.Event) -> bool:
        """Waits until it must stop, or a part of the process has failed for good: then False."""
        waits = [asyncio.ensure_future(event.wait()) for event in (self.stopped, failed)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return self.stopped.is_set()

    async def sleep(self, seconds: float) -> None:
        """Waits, unless it must stop at once."""
        try:
            await asyncio.wait_for(self.at_once.wait(), seconds)
        except TimeoutError:
            return

    async def first_of(self, task: "asyncio.Task[int]") -> None:
        """Waits for the task's end, or until it must stop at once."""
        hurry = asyncio.ensure_future(self.at_once.wait())
        try:
            await asyncio.wait((task, hurry), return_when=asyncio.FIRST_COMPLETED)
        finally:
            hurry.cancel()
