"""Descriptors that a process holds back, so that whoever was let in can be served.

A process that has run out of them would let a client in on the one that another client has just given up, and then have
none for the connection to the upstream that its request needs. So some are held from the start: connections to
upstreams may use them when there is nothing else (`spend`), and nobody is accepted until they are held again (`hold`).
"""

import os

HELD = 16
"""Connections to upstreams that can still be opened when all else is used up."""


class Reserve:
    """Called from one thread. Nothing is held until the first `hold`."""

    def __init__(self, size: int = HELD) -> None:
        self._size = size
        self._held: list[int] = []

    def hold(self) -> bool:
        """Takes what is missing. False where there is not enough: then what could be taken is held."""
        try:
            while len(self._held) < self._size:
                self._held.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
        except OSError:
            return False
        return True

    def spend(self) -> bool:
        """Gives all of it up, to be used at once. False where nothing was held: then another try is in vain."""
        if not self._held:
            return False
        while self._held:
            os.close(self._held.pop())
        return True


RESERVE = Reserve()
"""The process's own: as it has one table of descriptors, it has one of these."""
