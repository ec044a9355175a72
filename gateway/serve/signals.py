"""The supervisor's ear: signals are noted and wake its loop, nothing happens inside a handler."""

import contextlib
import os
import selectors
import signal
from collections.abc import Iterator
from types import FrameType

STOPS = (signal.SIGTERM, signal.SIGINT)
HURRY = signal.SIGUSR2
"""Told to workers instead of SIGINT: it ends a process that does not listen yet without a traceback."""


class Ear:
    """`received` are signals in the order they came, without those of children that ended; those only wake."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.received: list[int] = []

    @property
    def stop(self) -> int | None:
        """The first signal that asks to stop, if one has come."""
        return next((number for number in self.received if number in STOPS), None)

    def take_stop(self) -> int | None:
        """The same, and it is dealt with. Nothing else is removed: a signal may come at any moment."""
        number = self.stop
        if number is not None:
            self.received.remove(number)
        return number

    def take(self, number: int) -> bool:
        """Whether this signal has come since it was last taken."""
        came = number in self.received
        while number in self.received:
            self.received.remove(number)
        return came

    def wait(self, seconds: float) -> None:
        """Until a signal comes, at most so long."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._descriptor, selectors.EVENT_READ)
            if selector.select(seconds):
                with contextlib.suppress(BlockingIOError):
                    os.read(self._descriptor, 512)


@contextlib.contextmanager
def listening() -> Iterator[Ear]:
    """Takes over the signals of this process, for good: after the block they are still noted, and change nothing."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    ear = Ear(reader)

    def note(number: int, _: FrameType | None) -> None:
        if number != signal.SIGCHLD:
            ear.received.append(number)

    previous = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in (*STOPS, signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD):
        signal.signal(number, note)
    try:
        yield ear
    finally:
        signal.set_wakeup_fd(previous)
        os.close(reader)
        os.close(writer)
