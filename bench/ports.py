"""Ports for programs that must be told theirs before they start: of the benchmark, and of the tests."""

import itertools
import os
import socket

FIRST, LAST = 15_000, 32_000
"""Below those that the kernel gives to outgoing connections, of which tests in other processes open thousands: one of
them could take a port between the moment it was found free and the moment it is listened on.
"""

_places = itertools.count(os.getpid() * 211)  # runs beside each other begin elsewhere


def free_port() -> int:
    """One on which nobody listens. The same process gets it again only after all the others."""
    for place in _places:
        port = FIRST + place % (LAST - FIRST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("unreachable")
