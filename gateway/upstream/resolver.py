"""The addresses of one host name, looked up again as time goes by, so that an upstream can move.

Rules:

1.  A lookup runs by itself, one at a time, and everybody who waits waits for the same one.
2.  Known addresses are used while a new lookup runs; after a long silence the lookup is waited for, a second at most.
3.  A lookup that fails leaves the known addresses in force. Without any, it is the name's failure.
4.  An address that the last `REMEMBERED` lookups did not give is gone: connections to it are closed after their
    request. (One answer is not enough: large services give another few of their addresses each time.)
"""

import asyncio
import ipaddress
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

REMEMBERED = 3
PATIENCE_SECONDS = 1.0

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]


class Names:
    """Owned by one pool. refresh_seconds: between two lookups."""

    def __init__(self, host: str, port: int, *, refresh_seconds: float, lookup: Lookup | None = None) -> None:
        self.host = host
        self._port = port
        self._refresh = refresh_seconds
        self._lookup = lookup or look_up
        self._is_address = is_address(host)
        self._known: deque[tuple[str, ...]] = deque([(host,)] if self._is_address else [], maxlen=REMEMBERED)
        self._looked_at = 0.0
        self._alive: frozenset[str] | None = None
        self._failure: OSError | None = None
        self._looking: asyncio.Task[None] | None = None
        self._closed = False
        self._turn = 0

    async def addresses(self) -> Sequence[str]:
        """In the order in which they are to be tried; beginning with another one each time. Raises OSError."""
        if not self._is_address:
            await self._refreshed()
            self._turn += 1
        return in_turn(self._known[-1], self._turn)

    async def _refreshed(self) -> None:
        age = asyncio.get_running_loop().time() - self._looked_at
        if not self._known:
            await asyncio.wait((self._look(),))
            if not self._known:
                raise self._failure or socket.gaierror(socket.EAI_NONAME, "no addresses")
        elif age >= 2 * self._refresh:
            await asyncio.wait((self._look(),), timeout=PATIENCE_SECONDS)
        elif age >= self._refresh:
            self._look()

    def keep_fresh(self, now: float) -> None:
        """Called every few milliseconds while there are connections. now: the loop's time."""
        if not (self._is_address or self._closed) and now >= self._looked_at + self._refresh:
            self._look()

    def is_gone(self, address: str) -> bool:
        """Whether a connection to this address should not be used again."""
        return self._alive is not None and address not in self._alive

    def close(self) -> None:
        """Ends a lookup that runs; no other is made but for a new connection."""
        self._closed = True
        if self._looking is not None:
            self._looking.cancel()

    def _look(self) -> "asyncio.Task[None]":
        if self._looking is None or self._looking.done():
            loop = asyncio.get_running_loop()
            self._looking = loop.create_task(self._ask(), name=f"resolve {self.host}")
        return self._looking

    async def _ask(self) -> None:
        try:
            answer = tuple(await self._lookup(self.host, self._port))
        except OSError as error:
            self._failure = error
        else:
            if answer:
                self._known.append(answer)
        if len(self._known) == REMEMBERED:
            self._alive = frozenset(address.partition("%")[0] for known in self._known for address in known)
        self._looked_at = asyncio.get_running_loop().time()


def in_turn(addresses: Sequence[str], turn: int) -> list[str]:
    """Those of the family that the system prefers take turns at being first; the others come after them."""
    family = ":" in addresses[0]
    same = [address for address in addresses if (":" in address) is family]
    start = turn % len(same)
    return [*same[start:], *same[:start], *(address for address in addresses if (":" in address) is not family)]


def is_address(host: str) -> bool:
    """Whether a host is an IP address, and needs no lookup."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


async def look_up(host: str, port: int) -> Sequence[str]:
    """By the system's resolver: A and AAAA records, in the system's order. Raises OSError (gaierror)."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
