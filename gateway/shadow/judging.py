"""Two answers held against each other by `gateway.rules.replies`, where that costs nobody anything.

Small ones are compared at once: in a microsecond where their bytes are equal. What differs and is much work (large, as
it came or when it is unpacked, or with many lines or items to be looked for) goes to a thread of its own, one pair at a
time, while users' requests go on.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, ParamSpec, TypeVar

from gateway.model import ShadowOutcome
from gateway.rules.compare import Difference, Kind
from gateway.rules.encodings import EncodingError, TooLargeError, decoded
from gateway.rules.headers import joined
from gateway.rules.replies import Reply, ReplyRules, compare_replies, how_compared
from gateway.shadow.asking import Answer, NoAnswerError
from gateway.shadow.copy import Copy
from gateway.shadow.differences import MAX_LOOKED_AT

P = ParamSpec("P")
T = TypeVar("T")

LARGE_BYTES: Final = 100_000
"""What is compared beside the event loop: more than this of both bodies, where they differ."""
LITTLE_LINES: Final = 40
LITTLE_VALUES: Final = 500
"""The same, of two texts, and of JSON with a list whose items are looked for: where it takes more than to read them."""
INFLATED: Final = 4
"""So many times the limit of a body may a packed one have when it is unpacked."""
LINE_BYTES: Final = 64
VALUE_BYTES: Final = 64
NEST_BYTES: Final = 240
"""Of memory, for a line of text, a value of JSON, an object or a list, at most; most take half."""
MAX_TOLD: Final = MAX_LOOKED_AT
"""Differences of one comparison: nobody looks at more."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Both replies as they were compared, unpacked, and what differs. held: bytes of the budget that it takes."""

    legacy: Reply
    new: Reply
    differences: tuple[Difference, ...]
    held: int = 0


@dataclass(frozen=True, slots=True)
class Measure:
    """What two answers to one request are compared by. limit: bytes of a body, as it came."""

    rules: ReplyRules
    is_head: bool
    limit: int


class Judging:
    """For `Comparing`. Ends with `close`."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="compare")
        self._turn = asyncio.Lock()

    async def judge(self, legacy: Answer, new: Answer, by: Measure, copy: Copy) -> Judged:
        """copy: takes what becomes of the bodies: what is unpacked, and what is read of it, until they are compared, or
        for good where they differ. Raises NoAnswerError where one is too large when it is unpacked, or the budget has
        no room.
        """
        pair = legacy, new
        if legacy.body == new.body and _coding(legacy) == _coding(new):
            judged = _compared(pair, (_Body(legacy.body), _Body(new.body)), by)
            if not judged.differences or not _coding(legacy):
                return judged  # else what is told of it should be legible
        bodies = await self._unpacked(legacy, new, by)
        unpacked = sum(body.unpacked for body in bodies)
        _take(copy, unpacked)
        if bodies[0].content == bodies[1].content:
            return replace(_compared(pair, bodies, by), held=unpacked)
        work = _work(pair, bodies, by)
        if work.is_little:
            _take(copy, work.weight)
            judged = _compared(pair, bodies, by)
        else:
            async with self._turn:  # until then it has not been read, and takes nothing
                _take(copy, work.weight)
                judged = await self._aside(_compared, pair, bodies, by)
        if judged.differences:
            return replace(judged, held=unpacked + work.weight)
        copy.give_back(work.weight)
        return replace(judged, held=unpacked)

    async def differences(self, legacy: Answer, new: Answer, by: Measure, copy: Copy) -> tuple[Difference, ...]:
        """As `judge`, for whoever needs no more than that: nothing is held afterwards."""
        judged = await self.judge(legacy, new, by, copy)
        copy.give_back(judged.held)
        return judged.differences

    async def _unpacked(self, legacy: Answer, new: Answer, by: Measure) -> "_Bodies":
        """Most are small and undone at once; of the others one does not know before."""
        if len(legacy.body) + len(new.body) <= LARGE_BYTES or not (_is_packed(legacy, by) or _is_packed(new, by)):
            try:
                return _unpack_both(legacy, new, by, min(LARGE_BYTES, INFLATED * by.limit))
            except TooLargeError:
                pass
        try:
            return await self._aside(_unpack_both, legacy, new, by, INFLATED * by.limit)
        except TooLargeError:
            raise NoAnswerError(ShadowOutcome.DROPPED_REPLY_TOO_LARGE) from None

    async def _aside(self, work: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, partial(work, *given, **named))

    def close(self) -> None:
        """What waits is forgotten."""
        self._thread.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class _Body:
    """As it is meant, and what is wrong with it where that cannot be had: then it is as it came. unpacked: bytes."""

    content: bytes
    problem: str | None = None
    unpacked: int = 0


_Answers = tuple[Answer, Answer]
_Bodies = tuple[_Body, _Body]


@dataclass(frozen=True, slots=True)
class _Work:
    """What a comparison takes. weight: bytes of memory, about. is_little: nobody waits for it long."""

    weight: int
    is_little: bool


def _work(pair: _Answers, bodies: _Bodies, by: Measure) -> _Work:
    contents = [body.content for body in bodies]
    size = sum(map(len, contents))
    how = how_compared(_reply(pair[0], bodies[0], by), by.rules)
    if how == "text":
        lines = sum(content.count(b"\n") for content in contents)
        return _Work(2 * size + LINE_BYTES * lines, size <= LARGE_BYTES and lines <= LITTLE_LINES)
    if how in ("json", "events"):
        values = sum(content.count(b",") for content in contents)
        nests = sum(content.count(b"{") + content.count(b"[") for content in contents)
        is_little = size <= LARGE_BYTES and (values <= LITTLE_VALUES or not by.rules.body.unordered)
        return _Work(size + VALUE_BYTES * values + NEST_BYTES * nests, is_little)
    return _Work(0, is_little=True)  # the digest of all that may be held takes milliseconds


def _take(copy: Copy, size: int) -> None:
    if not copy.take(size):
        raise NoAnswerError(ShadowOutcome.DROPPED_BUDGET)


def _compared(pair: _Answers, bodies: _Bodies, by: Measure) -> Judged:
    legacy, new = pair
    replies = _reply(legacy, bodies[0], by), _reply(new, bodies[1], by)
    if by.is_head and not (_coding(legacy) or _coding(new)):  # all that is known of a body; packed, it says nothing
        replies = _with_length(replies[0], legacy), _with_length(replies[1], new)
    if (bodies[0].problem is None) == (bodies[1].problem is None):
        return Judged(*replies, compare_replies(*replies, by.rules, most=MAX_TOLD))
    packed = [body.problem or _coding(answer) for answer, body in zip(pair, bodies, strict=True)]
    return Judged(*replies, (Difference(Kind.VALUE, "header:content-encoding", *packed),))


def _is_packed(answer: Answer, by: Measure) -> bool:
    return bool(answer.body) and not by.is_head and bool(_coding(answer))


def _unpack_both(legacy: Answer, new: Answer, by: Measure, limit: int) -> _Bodies:
    return _unpack(legacy, by, limit), _unpack(new, by, limit)


def _unpack(answer: Answer, by: Measure, limit: int) -> _Body:
    """limit: bytes of what is unpacked. Raises TooLargeError."""
    if not _is_packed(answer, by):
        return _Body(answer.body)
    try:
        content = decoded(answer.body, _coding(answer), limit)
    except TooLargeError:
        raise
    except EncodingError as error:
        return _Body(answer.body, str(error))
    return _Body(content, unpacked=len(content))


def _coding(answer: Answer) -> str:
    return joined(answer.fields, b"content-encoding").decode("latin-1")


def _reply(answer: Answer, body: _Body, by: Measure) -> Reply:
    """Without the coding that was undone: how a body is packed is between one hop and the next."""
    hidden = b"content-encoding" if body.problem is None else b""
    fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.fields if name != hidden]
    return Reply(answer.status, fields, body.content, head=by.is_head)


def _with_length(reply: Reply, answer: Answer) -> Reply:
    if answer.length is None:
        return reply
    return replace(reply, headers=[*reply.headers, ("content-length", str(answer.length))])
