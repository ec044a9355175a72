"""A steady load: users who ask at a bounded rate, each on a connection of their own, and every answer judged."""

import asyncio
import random
from dataclasses import dataclass

from tests.faults.client import Answer, Ask, connect
from tests.faults.oracle import judge

FORM = b'{"email": "user@example.com", "password": "correct horse battery"}'


@dataclass(frozen=True, slots=True)
class Kind:
    weight: int
    feature: str | None
    method: str
    path: str
    body_bytes: int = 0


KINDS = (
    Kind(24, "auth", "GET", "/auth/me"),
    Kind(6, "auth", "GET", "/auth/big"),
    Kind(8, "auth", "PUT", "/auth/doc", 2_000),  # may fall back
    Kind(10, "auth", "POST", "/auth/form", 300),
    Kind(4, "auth", "POST", "/auth/upload", 100 * 1024),
    Kind(14, "plain", "GET", "/plain/me"),
    Kind(6, "plain", "POST", "/plain/form", 300),
    Kind(4, "plain", "PUT", "/plain/upload", 100 * 1024),
    Kind(14, None, "GET", "/x"),
    Kind(6, None, "POST", "/form", 300),
    Kind(4, None, "GET", "/big"),
)
SAFE = frozenset({"GET"})
MAY_FALL_BACK = frozenset({"/auth/me", "/auth/big", "/auth/doc"})
"""Paths whose requests new's death must cost nothing."""


class SteadyLoad:
    """`users` connections, `rate` requests a second together. Every eighth user opens a connection for each request.

    outcomes: of all requests so far, in the order of their ends; with `keep` only. on_outcome: called with each.
    in_flight: when each request that waits for its answer was sent.
    """

    def __init__(self, port, splits, *, users=40, rate=200.0, seed=0, on_outcome=None, keep=True):
        self.port, self.splits = port, splits
        self.outcomes = []
        self.in_flight = {}
        self.surplus = 0
        self._interval = users / rate
        self._random = random.Random(seed)
        self._users = [f"user-{seed}-{number}" for number in range(users)]
        self._on_outcome, self._keep = on_outcome, keep
        self._sent = 0
        self._stop = False
        self._prefix = f"{self._random.getrandbits(32):08x}"
        self._weights = [kind.weight for kind in KINDS]

    async def __aenter__(self):
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._run(user, number * self._interval / len(self._users), leaves=number % 8 == 7))
            for number, user in enumerate(self._users)
        ]
        return self

    async def __aexit__(self, *_):
        self._stop = True
        await asyncio.gather(*self._tasks)

    def make(self, user):
        kind = self._random.choices(KINDS, self._weights)[0]
        self._sent += 1
        body = (FORM * (kind.body_bytes // len(FORM) + 1))[: kind.body_bytes]
        return Ask(f"{self._prefix}-{self._sent}", user, kind.feature, kind.method, kind.path, body)

    async def _run(self, user, delay, *, leaves):
        loop = asyncio.get_running_loop()
        link, due = None, loop.time() + delay
        while not self._stop:
            await asyncio.sleep(max(0.0, due - loop.time()))  # the rate of the load
            due = max(due + self._interval, loop.time())
            ask = self.make(user)
            if link is None or link.closed:
                link = await connect(self.port)
            self.in_flight[ask.id] = loop.time()
            answer = Answer(loop.time(), loop.time(), failure="refused") if link is None else await link.ask(ask)
            del self.in_flight[ask.id]
            self._note(ask, answer)
            if link is not None:
                self.surplus += link.surplus
                if leaves:
                    link.close()
        if link is not None:
            link.close()

    def _note(self, ask, answer):
        outcome = judge(ask, answer, self.splits)
        if self._keep:
            self.outcomes.append(outcome)
        if self._on_outcome is not None:
            self._on_outcome(outcome)
