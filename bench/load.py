"""One run of load over open connections: who asks next, when, and what became of it."""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable

from bench.link import Link
from bench.wire import Side

MOST_ERRORS = 10


class Run:
    """One measurement over the open connections. Sides are tallied, and it is counted how often a user changed theirs.

    then: what a link does when it has been answered. lateness: of requests for which a link was idle when due,
    so that it is the load generator's own.
    """

    def __init__(self, heads: list[bytes], body: bytes, then: "Callable[[Run, Link], None]") -> None:
        self.heads, self.body, self.then = heads, body, then
        self.order = random.sample(range(len(heads)), len(heads))
        self.tally = dict.fromkeys(Side, 0)
        self.side_of: dict[int, Side] = {}
        self.moved = self.asked = self.answered = 0
        self.running = True
        self.errors: list[str] = []
        self.latencies: list[float] = []
        self.lateness: list[float] = []
        self.changes: list[tuple[float, Side]] | None = None
        self.last: Side | None = None
        self.idle: deque[Link] = deque()
        self.owed: deque[float] = deque()
        self.ended = asyncio.get_running_loop().create_future()

    def ask(self, link: Link) -> None:
        user = self.order[self.asked % len(self.order)]
        self.asked += 1
        link.ask(user, self.heads[user], self.body)

    def on_reply(self, link: Link, side: Side) -> None:
        self.answered += 1
        self.tally[side] += 1
        if self.side_of.setdefault(link.user, side) is not side:
            self.moved += 1
            self.side_of[link.user] = side
        if self.changes is not None and side is not self.last:
            self.last = side
            self.changes.append((time.monotonic(), side))
        self.then(self, link)
        if self.answered == self.asked and not self.running:
            self._end()

    def on_failure(self, what: str) -> None:
        if len(self.errors) < MOST_ERRORS:
            self.errors.append(what)
        self.running = False
        self._end()

    def stop(self) -> None:
        """No more requests; the run ends with the last reply."""
        self.running = False
        if self.answered == self.asked:
            self._end()

    def at(self, due: float) -> None:
        """A request of a constant rate is due: it goes to the link that is idle for longest, or waits for one."""
        if self.idle:
            self.lateness.append(time.monotonic() - due)
            self.ask_due(self.idle.popleft(), due)
        else:
            self.owed.append(due)

    def ask_due(self, link: Link, due: float) -> None:
        link.due = due
        self.ask(link)

    def _end(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


def ask_again(run: Run, link: Link) -> None:
    """As fast as it is answered."""
    if run.running:
        run.ask(link)


def ask_when_due(run: Run, link: Link) -> None:
    """At a constant rate: what is owed first."""
    run.latencies.append(time.monotonic() - link.due)
    if run.owed:
        run.ask_due(link, run.owed.popleft())
    else:
        run.idle.append(link)


def let_the_next_ask(run: Run, _link: Link) -> None:
    """One link after the other, once."""
    if run.idle:
        run.ask(run.idle.popleft())
