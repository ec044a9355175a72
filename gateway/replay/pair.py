"""One recorded request sent to both sides at the same time, and what came of it. A difference of a safe request is
looked for once more, on both sides, before it counts.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from gateway.model import ShadowOutcome, Side
from gateway.replay.leads import Lead, sent_fields
from gateway.replay.record import Recorded
from gateway.replay.select import Chosen
from gateway.replay.side import Answer, AskedSide, NoReplyError, ReplyTooLargeError
from gateway.rules.compare import Difference
from gateway.rules.compared import Asked, Compared
from gateway.rules.confirm import confirmed
from gateway.rules.headers import first
from gateway.rules.plan import ShadowPlan
from gateway.rules.replies import Reply, compare_replies
from gateway.rules.rewrite import PathRewrite, location_back
from gateway.upstream.api import Headers

AGENT: Final = b"gateway-replay"
NO_HOST: Final = b"gateway"
"""Whose addresses both sides' own become where the record names no host."""
_LOCATIONS: Final = ("location", "content-location")

Came = Answer | NoReplyError | ReplyTooLargeError


@dataclass(frozen=True, slots=True)
class Result:
    """compared: where the replies differed, whatever that was found to be. failure: of the side that gave no reply, in
    words. refused: the side that took no connection.
    """

    outcome: ShadowOutcome
    compared: Compared | None = None
    failure: str | None = None
    refused: Side | None = None


class Comparer:
    """sides: legacy's and new's. extra: go with each request, and are secrets. max_body_bytes: of a request."""

    def __init__(
        self, sides: tuple[AskedSide, AskedSide], *, extra: Sequence[tuple[bytes, bytes]] = (), max_body_bytes: int
    ) -> None:
        self._sides = sides
        self._extra = tuple(extra)
        self._hidden = frozenset(name.decode("ascii") for name, _ in extra)
        self._max_body = max_body_bytes

    def redaction(self, lead: Lead) -> ShadowPlan:
        """The plan by which secrets of its requests are hidden: the route's, and what was given for all."""
        return replace(lead.plan, redact_headers=lead.plan.redact_headers | self._hidden)

    async def compare(self, chosen: Chosen, request_id: bytes) -> Result:
        """request_id: goes to both sides, to find it in their logs."""
        recorded, rules = chosen.recorded, chosen.lead.plan.rules
        if len(recorded.body or b"") > self._max_body:
            return Result(ShadowOutcome.DROPPED_REQUEST_TOO_LARGE)
        legacy, new = await self._both(chosen, request_id)
        if not isinstance(legacy, Answer) or not isinstance(new, Answer):
            return _unanswered(legacy, new)
        found = compare_replies(legacy.reply, new.reply, rules)
        if not found:
            return Result(ShadowOutcome.MATCH)
        outcome = ShadowOutcome.MISMATCH
        if recorded.is_safe:
            lasting = await self._lasting(chosen, request_id, found, legacy.reply)
            outcome, found = (outcome, lasting) if lasting else (ShadowOutcome.UNCONFIRMED, found)
        return Result(outcome, self._compared(chosen, request_id, outcome, found, (legacy, new)))

    async def _lasting(
        self, chosen: Chosen, request_id: bytes, found: tuple[Difference, ...], before: Reply
    ) -> tuple[Difference, ...]:
        """Those that are there again where legacy is like itself. before: legacy's first reply."""
        rules = chosen.lead.plan.rules
        legacy, new = await self._both(chosen, request_id)
        itself: tuple[Difference, ...] = ()
        again: tuple[Difference, ...] = ()
        if isinstance(legacy, Answer):
            itself = compare_replies(before, legacy.reply, rules)
            if isinstance(new, Answer):
                again = compare_replies(legacy.reply, new.reply, rules)
        return confirmed(found, again, itself)

    def _compared(
        self,
        chosen: Chosen,
        request_id: bytes,
        outcome: ShadowOutcome,
        differences: tuple[Difference, ...],
        answers: tuple[Answer, Answer],
    ) -> Compared:
        recorded, lead = chosen.recorded, chosen.lead
        sent = sent_fields(recorded, self._extra)
        fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in sent]
        legacy, new = answers
        return Compared(
            feature=lead.feature,
            route=lead.plan.route,
            outcome=outcome,
            answered=Side.LEGACY,
            request_id=request_id.decode("ascii"),
            when=time.time(),
            asked=Asked(
                recorded.method.decode("ascii"), recorded.target.decode("ascii"), tuple(fields), recorded.body or b""
            ),
            legacy=legacy.reply,
            new=new.reply,
            differences=differences,
            legacy_seconds=legacy.seconds,
            new_seconds=new.seconds,
        )

    async def _both(self, chosen: Chosen, request_id: bytes) -> tuple[Came, Came]:
        legacy, new = await asyncio.gather(self._ask(0, chosen, request_id), self._ask(1, chosen, request_id))
        return legacy, new

    async def _ask(self, place: int, chosen: Chosen, request_id: bytes) -> Came:
        """place: 0 for legacy, 1 for new."""
        side, lead, recorded = self._sides[place], chosen.lead, chosen.recorded
        rewrite = lead.rewrites[place]
        fields = request_fields(
            recorded, self._extra, own_host=side.authority, keeps_host=lead.keeps_host[place], request_id=request_id
        )
        try:
            answer = await side.ask(recorded.method, target_of(recorded, lead, place), fields, recorded.body)
        except (NoReplyError, ReplyTooLargeError) as error:
            return error
        host = first(sent_fields(recorded, self._extra), b"host") or NO_HOST
        reply = as_client_sees(answer.reply, rewrite, origins=side.origins, host=host)
        return Answer(reply, answer.seconds)


def request_fields(
    recorded: Recorded,
    extra: tuple[tuple[bytes, bytes], ...],
    *,
    own_host: bytes,
    keeps_host: bool,
    request_id: bytes,
) -> Headers:
    """What goes to one side. own_host: that of its address, for where no other is known, or none is to be kept."""
    fields = sent_fields(recorded, extra)
    names = {name for name, _ in fields}
    if b"host" not in names or not keeps_host:
        fields = [(b"host", own_host), *(field for field in fields if field[0] != b"host")]
    if b"user-agent" not in names:
        fields.append((b"user-agent", AGENT))
    if b"x-request-id" not in names:
        fields.append((b"x-request-id", request_id))
    return fields


def target_of(recorded: Recorded, lead: Lead, place: int) -> bytes:
    """Path and query as this side has them. place: 0 for legacy, 1 for new."""
    rewrite = lead.rewrites[place]
    if rewrite is None:
        return recorded.target
    path, mark, query = recorded.target.partition(b"?")
    return rewrite.forward(path, decode_slash=lead.decode_slash) + mark + query


def as_client_sees(reply: Reply, rewrite: PathRewrite | None, *, origins: frozenset[bytes], host: bytes) -> Reply:
    """With the addresses and prefixes of the side itself written back, as the gateway does it for its clients."""
    fields = [(name, _back(name, value, rewrite, origins, host)) for name, value in reply.headers]
    return replace(reply, headers=fields)


def _back(name: str, value: str, rewrite: PathRewrite | None, origins: frozenset[bytes], host: bytes) -> str:
    raw = value.encode("latin-1")
    if name in _LOCATIONS:
        raw = location_back(raw, rewrite, upstream_origins=origins, scheme=b"http", host=host)
    elif name == "set-cookie" and rewrite is not None:
        raw = rewrite.cookie_back(raw)
    return raw.decode("latin-1")


def _unanswered(legacy: Came, new: Came) -> Result:
    """Legacy is the measure: without its reply nothing can be said of new."""
    if isinstance(legacy, NoReplyError):
        return _failed(ShadowOutcome.DROPPED_PRIMARY_FAILED, Side.LEGACY, legacy)
    if isinstance(new, NoReplyError):
        return _failed(ShadowOutcome.FAILED, Side.NEW, new)
    return Result(ShadowOutcome.DROPPED_REPLY_TOO_LARGE)


def _failed(outcome: ShadowOutcome, side: Side, error: NoReplyError) -> Result:
    return Result(outcome, failure=f"{side} gave no reply: {error}", refused=side if error.refused else None)
