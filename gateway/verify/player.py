"""One player of a scenario: sends its steps in order to one address, with values of its own, and keeps the replies."""

import asyncio
import re
import secrets
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gateway.config.comparison import HEADER
from gateway.rules.json_path import parse_path
from gateway.rules.keys import parse_source
from gateway.rules.replies import Reply
from gateway.verify.expect import unmet
from gateway.verify.schema import Scenario, Step
from gateway.verify.send import Message, NoReplyError, Timed, message_of, new_client, send
from gateway.verify.template import UnknownNameError, fill

MIN_NAMED = 8
"""Characters of a value that is told by its name in comparisons, if a digit is among them: an id or a token is longer
than the words that could stand anywhere by chance.
"""


@dataclass(slots=True)
class Names:
    """The naming of a play (gateway.rules.compare): what it has made up, and what was made up for it, by its name."""

    values: dict[str, str] = field(default_factory=dict)
    _pattern: re.Pattern[str] | None = None

    def add(self, name: str, value: Any) -> None:
        """Where it is long enough to be told apart from other text."""
        if isinstance(value, str) and len(value) >= MIN_NAMED and re.search("[0-9]", value):
            self.values[value] = name
            self._pattern = None

    def __call__(self, text: str) -> str:
        if not self.values:
            return text
        if self._pattern is None:
            longest_first = sorted(self.values, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, longest_first)))
        return self._pattern.sub(lambda found: "{" + self.values[found[0]] + "}", text)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one step. reply: None where none came, and `failure` or `skipped` says why.

    unmet: expectations that the reply does not meet. requests: how often it was sent. compared: no step of the setup.
    """

    step: Step
    compared: bool
    reply: Reply | None = None
    seconds: float = 0.0
    unmet: tuple[str, ...] = ()
    failure: str | None = None
    skipped: str | None = None
    requests: int = 0

    @property
    def is_timed(self) -> bool:
        """Whether its time says something of the side: not of how long a job takes, nor of how quickly it fails."""
        waits = self.step.until is not None or self.step.stream
        return self.compared and self.reply is not None and not self.unmet and not waits


@dataclass(frozen=True, slots=True)
class Play:
    """One whole play. base: where it was played; key: who the player was."""

    base: str
    key: str
    outcomes: tuple[Outcome, ...]

    @property
    def is_answered(self) -> bool:
        """Whether there is a service at all: the first step has had a reply."""
        return self.outcomes[0].failure is None

    @property
    def requests(self) -> int:
        return sum(outcome.requests for outcome in self.outcomes)


def random_key() -> str:
    """Who a player is to the gateway."""
    return f"verify-{secrets.token_hex(8)}"


class Player:
    """Plays a scenario once, step by step, to the end whatever fails: what a failed step should have captured is
    missing to later ones. Only where nothing answers the first step, the rest is skipped. To be closed by its user.
    """

    def __init__(self, scenario: Scenario, folder: Path, base: str, key: str) -> None:
        self.steps = [(step, False) for step in scenario.setup] + [(step, True) for step in scenario.steps]
        self._outcomes: list[Outcome] = []
        self._client = new_client()
        self._scenario = scenario
        self._folder = folder
        self._base = base
        self._source = parse_source(scenario.user)
        self._key = key
        self._names = Names()
        self._values: dict[str, Any] = {"unique": secrets.token_hex(6), "uuid": str(uuid.uuid4())}
        for name in scenario.variables:
            self._values[name] = fill(scenario.variables[name], self._values)
        for name, value in self._values.items():
            self._names.add(name, value)

    async def aclose(self) -> None:
        await self._client.aclose()

    async def play_next(self) -> None:
        """The next step."""
        step, compared = self.steps[len(self._outcomes)]
        if self._outcomes and self._outcomes[0].failure is not None:
            self._outcomes.append(Outcome(step, compared, skipped="nothing answers"))
        else:
            self._outcomes.append(await self._play(step, compared=compared))

    def played(self) -> Play:
        """What has been played."""
        return Play(self._base, self._key, tuple(self._outcomes))

    async def _play(self, step: Step, *, compared: bool) -> Outcome:
        try:
            message = self._with_key(message_of(step.request, self._values, self._folder))
            timed, missed, sent = await self._until_as_expected(step, message)
        except UnknownNameError as error:
            return Outcome(step, compared, skipped=f"{{{error.name}}} was not captured")
        except NoReplyError as error:
            return Outcome(step, compared, failure=str(error), requests=1)
        except OSError as error:
            return Outcome(step, compared, skipped=f"{error.filename}: {error.strerror}")
        missed += self._capture(step, timed.reply)
        return Outcome(step, compared, timed.reply, timed.seconds, tuple(missed), requests=sent)

    async def _until_as_expected(self, step: Step, message: Message) -> tuple[Timed, list[str], int]:
        """The last reply, what it misses, and how often was asked."""
        wait = step.until
        deadline = time.monotonic() + (wait.within_seconds if wait is not None else 0)
        sent = 0
        while True:
            sent += 1
            timed = await send(
                self._client, self._base, message, jar=self._jar(step), within_seconds=step.within_seconds
            )
            timed = Timed(replace(timed.reply, naming=self._names), timed.seconds)
            missed = unmet(step.expect, timed.reply, self._values)
            if wait is None or not missed or timed.reply.status >= 500:  # waiting must not hide an error
                return timed, missed, sent
            if time.monotonic() >= deadline:
                return timed, [f"{words} after {wait.within_seconds:g} s" for words in missed], sent
            await asyncio.sleep(wait.every_seconds)  # between two looks at what a service does in its own time

    def _jar(self, step: Step) -> bool:
        """Whether the cookies that the service has set are sent."""
        return self._scenario.cookies if step.request.cookies is None else step.request.cookies

    def _with_key(self, message: Message) -> Message:
        """With what tells the gateway who the player is: before what the step itself sends in such a header."""
        headers = dict(message.headers)
        if self._source.kind == "header":
            headers.setdefault(self._source.name, self._key)
        else:
            own = f"{self._source.name}={self._key}"
            headers["cookie"] = f"{own}; {headers['cookie']}" if "cookie" in headers else own
        return replace(message, headers=headers)

    def _capture(self, step: Step, reply: Reply) -> list[str]:
        """What could not be captured, in words."""
        missing = []
        for name, source in step.capture.items():
            value = next(_values_at(source, reply), None)
            if value is None:
                missing.append(f"{source} is not there to be captured as {{{name}}}")
                self._values.pop(name, None)
                continue
            self._values[name] = value
            self._names.add(name, value)
        return missing


def _values_at(source: str, reply: Reply) -> Iterator[Any]:
    if source.startswith(HEADER):
        value = reply.header(source.removeprefix(HEADER).lower())
        if value is not None:
            yield value
        return
    try:
        content = reply.json()
    except ValueError:
        return
    yield from (value for _, value in parse_path(source).find(content))
