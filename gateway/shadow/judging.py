"""Two answers held against each other by `gateway.rules.replies`, where that costs nobody anything.

Small ones are compared at once: in a microsecond where their bytes are equal. What differs and is large, as it came or
when it is unpacked, goes to a thread of its own, one pair at a time, while users' requests go on.
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
from gateway.rules.replies import Reply, ReplyRules, compare_replies
from gateway.shadow.asking import Answer, NoAnswerError
from gateway.shadow.copy import Copy

P = ParamSpec("P")
T = TypeVar("T")

LARGE_BYTES: Final = 100_000
INFLATED: Final = 4
"""So many times the limit of a body may a packed one have when it is unpacked."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Both replies as they were compared, unpacked, and what differs. unpacked: bytes of the budget that they hold."""

    legacy: Reply
    new: Reply
    differences: tuple[Difference, ...]
    unpacked: int = 0


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

    async def judge(self, legacy: Answer, new: Answer, by: Measure, copy: Copy) -> Judged:
        """copy: holds what is unpacked from here on. Raises NoAnswerError where one is too large when it is unpacked,
        or the budget has no room for it.
        """
        if legacy.body == new.body and _coding(legacy) == _coding(new):
            judged = _compared(_Body(legacy.body), _Body(new.body), legacy, new, by)
            if not judged.differences or not _coding(legacy):
                return judged  # else what is told of it should be legible
        bodies = await self._unpacked(legacy, new, by)
        size = sum(body.unpacked for body in bodies)
        if not copy.take(size):
            raise NoAnswerError(ShadowOutcome.DROPPED_BUDGET)
        if bodies[0].content == bodies[1].content or sum(len(body.content) for body in bodies) <= LARGE_BYTES:
            judged = _compared(*bodies, legacy, new, by)
        else:
            judged = await self._aside(_compared, *bodies, legacy, new, by)
        return replace(judged, unpacked=size)

    async def differences(self, legacy: Answer, new: Answer, by: Measure, copy: Copy) -> tuple[Difference, ...]:
        """As `judge`, for whoever needs no more than that: nothing stays unpacked."""
        judged = await self.judge(legacy, new, by, copy)
        copy.give_back(judged.unpacked)
        return judged.differences

    async def _unpacked(self, legacy: Answer, new: Answer, by: Measure) -> tuple["_Body", "_Body"]:
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


def _compared(old: _Body, young: _Body, legacy: Answer, new: Answer, by: Measure) -> Judged:
    replies = _reply(legacy, old.content, by), _reply(new, young.content, by)
    if (old.problem is None) == (young.problem is None):
        return Judged(*replies, compare_replies(*replies, by.rules))
    packed = [body.problem or _coding(answer) for answer, body in ((legacy, old), (new, young))]
    return Judged(*replies, (Difference(Kind.VALUE, "header:content-encoding", *packed),))


def _is_packed(answer: Answer, by: Measure) -> bool:
    return bool(answer.body) and not by.is_head and bool(_coding(answer))


def _unpack_both(legacy: Answer, new: Answer, by: Measure, limit: int) -> tuple[_Body, _Body]:
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


def _reply(answer: Answer, body: bytes, by: Measure) -> Reply:
    """Without the coding that was undone: how a body is packed is between one hop and the next. What a reply to HEAD
    says of the length is all that is known of a body.
    """
    fields = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in answer.fields
        if name != b"content-encoding"
    ]
    if by.is_head and answer.length is not None:
        fields.append(("content-length", str(answer.length)))
    return Reply(answer.status, fields, body, head=by.is_head)
