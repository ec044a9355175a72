"""One run: begins journeys at their rate, bounds how many are under way, and waits for those that have begun.

Every journey is a task that this module names, holds and ends.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from traffic.browser import Browser, Target
from traffic.failures import Failure, JourneyFailedError
from traffic.journeys import AUDIT, Journey, choose
from traffic.pacing import Pace, moments
from traffic.people import chance_of, person
from traffic.tally import Tally
from traffic.visitor import Habits, Visitor

STOP_SECONDS = 10.0
"""What those under way get to finish when the run is stopped."""

FINISH_SECONDS = 60.0
"""The same at the run's own end, beside the longest that a journey may wait for its analyses."""

AUDITS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked of a run. most: journeys under way at once. audits: users who come back at the end, at most."""

    target: Target
    pace: Pace
    journeys: Mapping[str, Journey]
    habits: Habits
    most: int
    seed: int
    tag: str
    patience: float
    audits: int


class Stop:
    """Whether the run is to end early, for all who wait."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.signal = 0

    def __call__(self, signal: int = 0) -> None:
        self.signal = self.signal or signal
        self._event.set()

    @property
    def is_set(self) -> bool:
        return self._event.is_set()

    async def rest(self, seconds: float) -> bool:
        """Waits, and returns whether to go on."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            pass
        return not self.is_set


class Run:
    """on_failure: told of each journey that fails."""

    def __init__(self, plan: Plan, tally: Tally, stop: Stop, on_failure: Callable[[Failure], None]) -> None:
        self._plan = plan
        self._tally = tally
        self._stop = stop
        self._on_failure = on_failure
        self._tasks: set[asyncio.Task[None]] = set()
        self._ended = asyncio.Event()
        self._gives_up = False
        self.kept: list[Visitor] = []
        """Users whose things are still there."""

    async def play(self) -> None:
        """All journeys, to their ends."""
        number = 0
        async for late in moments(self._plan.pace, clock=time.monotonic, rest=self._stop.rest):
            self._tally.lateness.append(late)
            if self._tally.in_flight >= self._plan.most:
                self._tally.not_begun += 1
            else:
                self._begin(number)
            number += 1
        await self._finish()

    async def audit(self) -> None:
        """Some of the users come back, a few at a time; nobody does after a stop."""
        chance = chance_of(self._plan.seed, -1)
        back = chance.sample(self.kept, min(self._plan.audits, len(self.kept)))
        for visitor in back:
            while len(self._tasks) >= AUDITS_AT_ONCE and not self._stop.is_set:
                await self._next_end(FINISH_SECONDS)
            if self._stop.is_set:
                break
            self._spawn(AUDIT, visitor)
        await self._finish()

    def _begin(self, number: int) -> None:
        plan, chance = self._plan, chance_of(self._plan.seed, number)
        journey = choose(chance, plan.journeys)
        who = person(chance, number, tag=plan.tag)
        browser = Browser(plan.target, who.agent, patience=plan.patience)
        visitor = Visitor(
            *(who, browser), chance=chance, tally=self._tally, tag=plan.tag, habits=plan.habits, rest=asyncio.sleep
        )
        self._spawn(journey, visitor)

    def _spawn(self, journey: Journey, visitor: Visitor) -> None:
        self._tally.begun += 1
        self._tally.kinds[journey.name] += 1
        task = asyncio.create_task(self._walk(journey, visitor), name=f"{journey.name} {visitor.person.number}")
        self._tasks.add(task)
        task.add_done_callback(self._on_end)

    def _on_end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._ended.set()

    async def _walk(self, journey: Journey, visitor: Visitor) -> None:
        try:
            await journey.walk(visitor)
        except JourneyFailedError as error:
            self._fail(visitor.failure(journey.name, error))
        except asyncio.CancelledError:
            self._cancelled(journey, visitor)
        except Exception as error:  # noqa: BLE001  # an answer of a shape that no step foresees fails its journey alone
            self._fail(visitor.failure(journey.name, visitor.fault(f"unforeseen: {type(error).__name__}: {error}")))
        else:
            self._tally.done += 1
            if journey.lasting and journey is not AUDIT:
                self.kept.append(visitor)
        finally:
            await visitor.leave()

    def _cancelled(self, journey: Journey, visitor: Visitor) -> None:
        """By us alone: after a stop it is nobody's fault, at the run's own end the journey hangs."""
        if self._stop.is_set:
            self._tally.broken_off += 1
        else:
            self._fail(visitor.failure(journey.name, visitor.fault("the journey did not end")))

    def _fail(self, failure: Failure) -> None:
        self._tally.fail(failure)
        self._on_failure(failure)

    async def _finish(self) -> None:
        """Waits for all journeys under way; when time is up those that are left are ended."""
        longest = FINISH_SECONDS + 3 * self._plan.habits.job_seconds
        deadline, stopped = time.monotonic() + longest, False
        while self._tasks:
            if self._stop.is_set and not stopped:
                deadline, stopped = min(deadline, time.monotonic() + STOP_SECONDS), True
            left = deadline - time.monotonic()
            if left <= 0 or self._gives_up:
                await self._end_all()
            else:
                await self._next_end(min(left, 1.0))

    async def _next_end(self, seconds: float) -> None:
        self._ended.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        except TimeoutError:
            pass

    def give_up(self) -> None:
        """Those under way are ended at once: somebody does not want to wait for them."""
        self._gives_up = True
        self._ended.set()

    async def _end_all(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
