"""Two answers held against each other by `gateway.rules.replies`, where that costs nobody anything.

Small ones are compared at once: in a microsecond where their bytes are equal. Large ones that differ go to a thread of
their own, one pair at a time, while users' requests go on.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from gateway.model import ShadowOutcome
from gateway.rules.compare import Difference, Kind
from gateway.rules.encodings import EncodingError, TooLargeError, decoded
from gateway.rules.headers import joined
from gateway.rules.replies import Reply, ReplyRules, compare_replies
from gateway.shadow.asking import Answer, NoAnswerError

LARGE_BYTES: Final = 100_000
INFLATED: Final = 4
"""So many times the limit of a body may a packed one have when it is unpacked."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Both replies as they were compared, unpacked, and what differs."""

    legacy: Reply
    new: Reply
    differences: tuple[Difference, ...]


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

    async def judge(self, legacy: Answer, new: Answer, by: Measure) -> Judged:
        """Raises NoAnswerError where one is too large when it is unpacked."""
        if legacy.body == new.body or len(legacy.body) + len(new.body) <= LARGE_BYTES:
            return judge(legacy, new, by)
        return await asyncio.get_running_loop().run_in_executor(self._thread, judge, legacy, new, by)

    def close(self) -> None:
        """What waits is forgotten."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def judge(legacy: Answer, new: Answer, by: Measure) -> Judged:
    """Raises NoAnswerError where one is too large when it is unpacked."""
    if legacy.body == new.body and _coding(legacy) == _coding(new):
        replies = _reply(legacy, legacy.body, by), _reply(new, new.body, by)
        return Judged(*replies, compare_replies(*replies, by.rules))
    unpacked = _unpacked(legacy, by), _unpacked(new, by)
    replies = _reply(legacy, unpacked[0][0], by), _reply(new, unpacked[1][0], by)
    broken = unpacked[0][1], unpacked[1][1]
    if (broken[0] is None) == (broken[1] is None):
        return Judged(*replies, compare_replies(*replies, by.rules))
    packed = [
        _coding(answer) if problem is None else problem for answer, problem in zip((legacy, new), broken, strict=True)
    ]
    return Judged(*replies, (Difference(Kind.VALUE, "header:content-encoding", *packed),))


def _unpacked(answer: Answer, by: Measure) -> tuple[bytes, str | None]:
    """The body as it is meant, and what is wrong with it where it cannot be had."""
    coding = _coding(answer)
    if not coding or by.is_head or not answer.body:
        return answer.body, None
    try:
        return decoded(answer.body, coding, INFLATED * by.limit), None
    except TooLargeError:
        raise NoAnswerError(ShadowOutcome.DROPPED_REPLY_TOO_LARGE) from None
    except EncodingError as error:
        return answer.body, str(error)


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
