"""When requests of a constant rate are due, and a clock that says so more finely than an event loop's timers.

Latency is counted from the moment that a request was due, not from when it was sent: a proxy that stalls for a second
then has all requests of that second late, as its users would (no coordinated omission).
"""

import ctypes
import os
import struct
from dataclasses import dataclass

_CLOCK_MONOTONIC = 1
_NANOSECONDS = 1_000_000_000


@dataclass(slots=True)
class Schedule:
    """Requests at start, start + 1/rate, start + 2/rate, ... for some seconds. Times are of one clock, in seconds."""

    start: float
    rate: float
    seconds: float
    given: int = 0

    @property
    def total(self) -> int:
        return round(self.rate * self.seconds)

    @property
    def ended(self) -> bool:
        return self.given >= self.total

    def due(self, now: float) -> list[float]:
        """The moments that have come since the last call, each told once."""
        until = min(self.total, int((now - self.start) * self.rate) + 1) if now >= self.start else 0
        moments = [self.start + number / self.rate for number in range(self.given, until)]
        self.given = max(self.given, until)
        return moments


class Ticker:
    """A descriptor that is readable once per interval (Linux's timerfd); an event loop waits for it."""

    def __init__(self, interval: float) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.fd: int = self._libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "no timer")
        whole, part = divmod(max(1, round(interval * _NANOSECONDS)), _NANOSECONDS)
        setting = struct.pack("=4q", whole, part, whole, part)  # struct itimerspec: interval, first expiration
        if self._libc.timerfd_settime(self.fd, 0, setting, None):
            raise OSError(ctypes.get_errno(), "the timer was not set")

    def clear(self) -> None:
        """To be called when it is readable."""
        os.read(self.fd, 8)

    def close(self) -> None:
        os.close(self.fd)
