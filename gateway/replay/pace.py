"""When requests are sent: at so many a second, whatever becomes of those before them. Pure."""

from dataclasses import dataclass
from typing import Final

CATCH_UP_SECONDS: Final = 1.0
"""After a stall so much is made up for at once, and no more: a service that could not follow must not be flooded."""


@dataclass(frozen=True, slots=True)
class Pace:
    """rate: a second."""

    rate: float

    def after(self, due: float, now: float) -> float:
        """When the next one is due, after one that was due then and is sent now."""
        return max(due + 1 / self.rate, now - CATCH_UP_SECONDS)
