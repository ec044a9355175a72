"""A whole replay: what was chosen is sent at its rate, what comes of it counted, and how far it is written down.

A few lanes take the requests in turn, each when it is due; each request asks both sides at the same time. A stop ends
the taking, and what is under way is finished.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from gateway.model import ShadowOutcome, Side
from gateway.replay.pace import Pace
from gateway.replay.pair import Comparer, Result
from gateway.replay.select import Chosen
from gateway.replay.state import Mark
from gateway.replay.tally import Tally

READ_AT_ONCE: Final = 64
"""Requests taken from the file in one go, in a thread: a long stretch of what is not sent must not stop the others."""
SAVE_SECONDS: Final = 1.0
MAX_REFUSALS: Final = 20
"""So many requests in a row that one side takes no connection for are enough to know that it is gone."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far it is, for whoever waits. rate: requests a second, of this run."""

    done: int
    total: int
    mismatches: int
    rate: float


class Run:
    """mark, tally: filled while it runs; whole when `play` returns. noun: what places of the record are. save: writes
    the state, called about once a second and at the end; progress: told after each request.
    """

    def __init__(
        self,
        comparer: Comparer,
        *,
        mark: Mark,
        tally: Tally,
        total: int,
        pace: Pace,
        noun: str,
        save: Callable[[], None],
        progress: Callable[[Standing], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.mark = mark
        self.tally = tally
        self.gone: Side | None = None
        """The side that has ended it by taking no connections any more."""
        self._comparer = comparer
        self._total = total
        self._pace = pace
        self._noun = noun
        self._save = save
        self._progress = progress
        self._clock = clock
        self._stopped = asyncio.Event()
        self._taking = asyncio.Lock()
        self._waiting: list[tuple[int, Chosen]] = []
        self._due = self._began = self._saved = clock()
        self._done_now = 0
        self._refused: list[tuple[int, Chosen, Result]] = []
        """In a row, and not counted yet: of a side that is gone they are left for the next run."""

    def stop(self) -> None:
        """Nothing more is sent; what is under way is finished."""
        self._stopped.set()

    @property
    def is_stopped(self) -> bool:
        return self._stopped.is_set()

    async def play(self, chosen: Iterator[Chosen], *, lanes: int) -> None:
        """All that is not done yet, or until it is stopped. lanes: requests at once. The state is saved in any case.
        Raises what the record and the saving raise.
        """
        numbered = ((number, each) for number, each in enumerate(chosen) if not self.mark.is_done(number))
        self._due = self._began = self._saved = self._clock()
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(lanes):
                    group.create_task(self._lane(numbered))
        except ExceptionGroup as several:
            raise several.exceptions[0] from None
        finally:
            if self.gone is None:
                self._count_refused()
            self._save()

    async def _lane(self, numbered: Iterator[tuple[int, Chosen]]) -> None:
        while (taken := await self._take(numbered)) is not None:
            number, chosen = taken
            try:
                result = await self._comparer.compare(chosen, secrets.token_hex(16).encode())
            except asyncio.CancelledError:
                if not chosen.recorded.is_safe:  # it may have written something: it is not sent again
                    self._count(number, chosen, Result(ShadowOutcome.DROPPED_SHUTDOWN))
                raise
            if result.refused is not None and chosen.recorded.is_safe:
                self._hold_back(number, chosen, result)
            else:
                self._count_refused()
                self._count(number, chosen, result)
            self._tell()

    async def _take(self, numbered: Iterator[tuple[int, Chosen]]) -> tuple[int, Chosen] | None:
        """The next one when it is due; None at the end. One lane at a time, the others wait behind it."""
        async with self._taking:
            if not self._waiting:
                self._waiting = await asyncio.to_thread(lambda: [*islice(numbered, READ_AT_ONCE)])
            if not self._waiting or not await self._until_due():
                return None
            return self._waiting.pop(0)

    async def _until_due(self) -> bool:
        """False where a stop came first."""
        while not self.is_stopped and (ahead := self._due - self._clock()) > 0:
            try:
                await asyncio.wait_for(self._stopped.wait(), ahead)
            except TimeoutError:
                break
        self._due = self._pace.after(self._due, self._clock())
        return not self.is_stopped

    def _hold_back(self, number: int, chosen: Chosen, result: Result) -> None:
        self._refused.append((number, chosen, result))
        if len(self._refused) >= MAX_REFUSALS:
            self.gone = result.refused
            self.stop()

    def _count_refused(self) -> None:
        """The side is there again, or the record ends."""
        held, self._refused = self._refused, []
        for each in held:
            self._count(*each)

    def _count(self, number: int, chosen: Chosen, result: Result) -> None:
        recorded, lead = chosen.recorded, chosen.lead
        place = f"{self._noun} {recorded.place}"
        when = time.time()
        failure = f"{place}: {result.failure}" if result.failure is not None else None
        self.tally.count(lead.feature, result.outcome, when=when, failure=failure)
        if result.compared is not None:
            self.tally.add(result.compared, self._comparer.redaction(lead), place=place)
        self.mark.finish(number)
        self._done_now += 1

    def _tell(self) -> None:
        now = self._clock()
        if now - self._saved >= SAVE_SECONDS:
            self._save()
            self._saved = now
        rate = self._done_now / max(now - self._began, 0.001)
        self._progress(Standing(self.mark.done, self._total, self.tally.mismatches, rate))


def is_bad(tally: Tally) -> bool:
    """Whether new is not like legacy, as far as was seen: something differed, or new alone gave no reply."""
    return tally.mismatches > 0 or tally.failed > 0
