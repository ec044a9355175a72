"""One side asked once more: its reply, whole and bounded, or the outcome that there is instead."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from gateway.errors import UpstreamError
from gateway.exchange import Exchange
from gateway.model import ShadowOutcome, Side
from gateway.rules.headers import Fields
from gateway.shadow.clients import ShadowClients
from gateway.shadow.copy import Copy
from gateway.shadow.throughput import Throughput
from gateway.upstream.api import DecisionChangedError, OutboundRequest, UpstreamResponse

log = structlog.get_logger("shadow")


class Speech(Protocol):
    """How `Proxy` speaks to either side, and understands it; `shadow_speech` knows."""

    def request(self, exchange: Exchange, side: Side, body: bytes) -> OutboundRequest:
        """The request of the exchange for one side."""
        ...

    def heard(self, exchange: Exchange, side: Side, fields: Fields) -> Fields:
        """The head of that side's reply as the client would have it: locations and cookies' paths written back."""
        ...


class NoAnswerError(Exception):
    """There is no reply to compare; the outcome says why."""

    def __init__(self, outcome: ShadowOutcome) -> None:
        super().__init__(outcome.value)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole reply of one side as it came. length: as it said, or None. seconds: to its last byte."""

    side: Side
    status: int
    fields: Fields
    length: int | None
    body: bytes
    seconds: float


class Asking:
    """For `Comparing`. may_ask_new: whether something may be sent to new for a feature: not after a kill."""

    def __init__(
        self,
        clients: ShadowClients,
        speech: Speech,
        may_ask_new: Callable[[str], bool],
        throughput: Throughput,
    ) -> None:
        self._clients = clients
        self._throughput = throughput
        self._speech = speech
        self._may_ask_new = may_ask_new

    async def ask(self, exchange: Exchange, copy: Copy, side: Side, *, limit: int) -> Answer:
        """limit: bytes of the reply's body, which count against the copy's budget. Raises NoAnswerError."""
        found = self._clients.of(exchange, side)
        if found is None:
            raise NoAnswerError(ShadowOutcome.FAILED)
        client, guard = found
        if guard.is_down:
            raise NoAnswerError(ShadowOutcome.DROPPED_UNHEALTHY)
        request = self._speech.request(exchange, side, copy.asked)
        if side is Side.NEW:
            request.admit = lambda: self._admit(exchange.feature)
        self._throughput.spend(len(copy.asked))
        ticket, well, began = guard.enter(), None, time.perf_counter()
        try:
            response = await client.send(request)
            try:
                body = await self._read(response, copy, limit)
            finally:
                await response.aclose()
            well = True
        except DecisionChangedError:
            raise NoAnswerError(ShadowOutcome.DROPPED_KILLED) from None
        except UpstreamError as error:
            well = False
            log.debug("no reply to a shadow", feature=exchange.feature, side=side.value, problem=str(error))
            raise NoAnswerError(ShadowOutcome.FAILED) from None
        finally:
            guard.judge(ticket, well)
        seconds = time.perf_counter() - began
        fields = self._speech.heard(exchange, side, response.headers)
        return Answer(side, response.status, fields, response.content_length, body, seconds)

    async def _read(self, response: UpstreamResponse, copy: Copy, limit: int) -> bytes:
        """Raises NoAnswerError where it is larger than a limit, or than what is left of the budget."""
        if (response.content_length or 0) > limit and response.read_nowait() != b"":
            raise NoAnswerError(ShadowOutcome.DROPPED_REPLY_TOO_LARGE)
        pieces: list[bytes] = []
        room = limit
        while piece := await response.read():
            room -= len(piece)
            self._throughput.spend(len(piece))
            if room < 0:
                raise NoAnswerError(ShadowOutcome.DROPPED_REPLY_TOO_LARGE)
            if not copy.take(len(piece)):
                raise NoAnswerError(ShadowOutcome.DROPPED_BUDGET)
            pieces.append(piece)
        return b"".join(pieces)

    def given(self, exchange: Exchange, copy: Copy) -> Answer:
        """What the client was answered."""
        side = exchange.side
        fields = self._speech.heard(exchange, side, copy.fields)
        return Answer(side, copy.status, fields, copy.length, copy.body, copy.seconds)

    def _admit(self, feature: str) -> None:
        if not self._may_ask_new(feature):
            raise DecisionChangedError
