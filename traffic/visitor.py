"""One user on her way: asks in named steps, and every answer is timed, counted and held against what it must be."""

import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

import orjson

from traffic.browser import Answer, Browser
from traffic.failures import Failure, JourneyFailedError, NoAnswerError, short
from traffic.ledger import Ledger, LedgerError
from traffic.people import Person
from traffic.tally import Tally
from traffic.wire import Request

Rest = Callable[[float], Awaitable[object]]
JSON = ("content-type", "application/json")


@dataclass(frozen=True, slots=True)
class Tokens:
    """Of one session."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Habits:
    """How users of this run behave. think_seconds: the mean pause before a step; job_seconds: how long they wait for an
    analysis.
    """

    think_seconds: float = 0.0
    job_seconds: float = 120.0


class Visitor:
    """Used by the steps. tokens: of the session that she uses now."""

    def __init__(
        self,
        person: Person,
        browser: Browser,
        *,
        chance: Random,
        tally: Tally,
        tag: str,
        habits: Habits,
        rest: Rest,
    ) -> None:
        self.person = person
        self.chance = chance
        self.tally = tally
        self.habits = habits
        self.rest = rest
        self.ledger = Ledger()
        self.password = person.password
        self.tokens = Tokens("", "")
        self._browser = browser
        self._tag = tag
        self._secrets = {person.password}
        self._sides: dict[str, str] = {}
        self._asked = 0
        self._request_id = ""
        self._step = ""
        self._last: Answer | None = None

    # -- asking

    async def ask(
        self,
        step: str,
        method: str,
        path: str,
        *,
        expect: int | tuple[int, ...] = 200,
        json: object = None,
        headers: tuple[tuple[str, str], ...] = (),
        body: bytes = b"",
        tokens: Tokens | None = None,
    ) -> Answer:
        """One request and its answer, which has the expected status. tokens: None for those of her session.

        Raises JourneyFailedError.
        """
        await self._think()
        if json is not None:
            headers, body = (*headers, JSON), orjson.dumps(json)
        request = self._request(step, method, path, (*headers, *self._bearer(tokens)), body)
        try:
            answer = await self._browser.ask(request)
        except NoAnswerError as error:
            self.tally.unanswered(step)
            raise JourneyFailedError(step, str(error)) from error
        finally:
            self._count_repeated()
        self._note(step, answer)
        wanted = (expect,) if isinstance(expect, int) else expect
        self.check(answer.status in wanted, f"status {answer.status} instead of {' or '.join(map(str, wanted))}")
        return answer

    async def ask_json(self, step: str, method: str, path: str, **more: Any) -> dict[str, Any]:
        """As `ask`; the answer is a JSON object."""
        found = (await self.ask(step, method, path, **more)).json()
        if not isinstance(found, dict):
            raise self.fault("the answer is no JSON object")
        return found

    @contextlib.asynccontextmanager
    async def stream(
        self, step: str, path: str, headers: tuple[tuple[str, str], ...] = ()
    ) -> AsyncIterator[tuple[Answer, AsyncIterator[bytes]]]:
        """An answer that comes in pieces. Unlike `ask` it raises NoAnswerError: who follows may follow again."""
        request = self._request(step, "GET", path, (*headers, *self._bearer(None)), b"")
        try:
            async with self._browser.stream(request) as (answer, pieces):
                self._note(step, answer)
                yield answer, pieces
        finally:
            self._count_repeated()

    def _request(self, step: str, method: str, path: str, headers: tuple[tuple[str, str], ...], body: bytes) -> Request:
        """The id is ours, so that also a request without an answer can be found in the gateway's log."""
        self._asked += 1
        self._request_id = f"traffic-{self._tag}-{self.person.number}-{self._asked}"
        self._step, self._last = step, None
        return Request(method, path, (("x-request-id", self._request_id), *headers), body)

    def _bearer(self, tokens: Tokens | None) -> tuple[tuple[str, str], ...]:
        access = (tokens or self.tokens).access
        return (("authorization", f"Bearer {access}"),) if access else ()

    async def _think(self) -> None:
        if self.habits.think_seconds:
            await self.rest(self.chance.uniform(0, 2 * self.habits.think_seconds))

    def _note(self, step: str, answer: Answer) -> None:
        self._last = answer
        self.tally.answered(step, feature=answer.feature, side=answer.side, seconds=answer.seconds)
        before = self._sides.get(answer.feature)
        if answer.feature and answer.side:
            self._sides[answer.feature] = answer.side
            self.tally.moved_to_new += (before, answer.side) == ("legacy", "new")
            self.tally.moved_to_legacy += (before, answer.side) == ("new", "legacy")

    def _count_repeated(self) -> None:
        self.tally.repeated += self._browser.repeated
        self._browser.repeated = 0

    # -- judging

    def fault(self, reason: str) -> JourneyFailedError:
        """To be raised: the step that was asked last is not what it must be."""
        return JourneyFailedError(self._step, reason)

    def check(self, holds: bool, reason: str) -> None:
        """Raises JourneyFailedError of the last step where it does not hold."""
        if not holds:
            raise self.fault(reason)

    @contextlib.contextmanager
    def judging(self) -> Iterator[None]:
        """What the ledger finds wrong inside is a fault of the last step."""
        try:
            yield
        except LedgerError as error:
            raise self.fault(str(error)) from error

    def failure(self, journey: str, error: JourneyFailedError) -> Failure:
        """What is told of the journey's end."""
        last = self._last
        return Failure(
            journey=journey,
            user=self.person.number,
            step=error.step,
            reason=error.reason,
            status=last.status if last is not None else 0,
            side=last.side if last is not None else "",
            request_id=self._request_id,
            body=short(last.body, self._secrets) if last is not None else "",
        )

    # -- what she keeps

    def keep(self, tokens: Tokens) -> Tokens:
        """From now on these are secrets that no report shows."""
        self._secrets |= {tokens.access, tokens.refresh}
        return tokens

    def keep_password(self, password: str) -> None:
        self._secrets.add(password)
        self.password = password

    async def leave(self) -> None:
        """Closes her browser."""
        await self._browser.close()

    @staticmethod
    def now() -> float:
        return time.monotonic()


def among(found: dict[str, Any], names: Collection[str]) -> bool:
    """Whether an object has exactly these members."""
    return found.keys() == set(names)
