"""When journeys begin: at a constant rate, whatever becomes of those before them (an open loop).

A load that waits for answers slows down together with what it measures, and so hides a stall. Here a journey that is
due begins, or is counted as not begun where too many are under way.
"""

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """Journeys at 0, 1/rate, 2/rate, ... seconds, for less than `seconds`, and at most `users` of them."""

    rate: float
    seconds: float
    users: int | None = None

    @property
    def total(self) -> int:
        """How many begin in all."""
        whole = math.ceil(round(self.rate * self.seconds, 6))  # 0.1 * 30 is more than 3
        return whole if self.users is None else min(whole, self.users)

    def moment(self, number: int) -> float:
        """When the journey of this number, from 0, is due: seconds from the start."""
        return number / self.rate


async def moments(
    pace: Pace, *, clock: Callable[[], float], rest: Callable[[float], Awaitable[bool]]
) -> AsyncIterator[float]:
    """Yields once for each journey when it is due, with how late that is in seconds; none is left out or comes early.

    rest: waits for so many seconds and returns whether to go on.
    """
    start = clock()
    for number in range(pace.total):
        due = start + pace.moment(number)
        while (ahead := due - clock()) > 0:
            if not await rest(ahead):
                return
        if not await rest(0):  # who runs late still lets others run, and hears of a stop
            return
        yield max(0.0, clock() - due)
