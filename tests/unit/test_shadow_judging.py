"""What two replies hold when they are unpacked, and where they are compared."""

import gzip
import json
import random
import threading
from dataclasses import replace

import pytest

from gateway.model import ShadowOutcome, Side
from gateway.rules.compare import Rules
from gateway.rules.json_path import parse_path
from gateway.rules.replies import ReplyRules
from gateway.shadow import judging
from gateway.shadow.asking import Answer, NoAnswerError
from gateway.shadow.copy import HEAD_BYTES, Budget, Copy
from gateway.shadow.judging import INFLATED, LARGE_BYTES, Judging, Measure
from tests.support.comparing import shadow_plan

LIMIT = 100_000
BY = Measure(ReplyRules(), is_head=False, limit=LIMIT)
MUCH = 100 * LIMIT


def answer(side, body, *, coding=None, status=200):
    fields = [(b"content-type", b"application/json")]
    if coding is not None:
        fields.append((b"content-encoding", coding))
    return Answer(side, status, fields, len(body), body, 0.001)


def packed(side, body, *, status=200):
    return answer(side, gzip.compress(body, mtime=0), coding=b"gzip", status=status)


def document(size, value=1):
    """JSON of about that many bytes; packed it is a tenth of that."""
    return json.dumps({"value": value, "rows": ["a row like any other"] * (size // 24)}).encode()


@pytest.fixture
def judged_by():
    judging = Judging()
    yield judging
    judging.close()


def copy_of(budget_bytes=MUCH):
    return Copy(shadow_plan(), Budget(budget_bytes), LIMIT)


@pytest.fixture
def threads(monkeypatch):
    """The names of those in which replies were compared."""
    names = []
    compare_replies = judging.compare_replies

    def compared(*given, **named):
        names.append(threading.current_thread().name)
        return compare_replies(*given, **named)

    monkeypatch.setattr(judging, "compare_replies", compared)
    return names


async def test_what_is_unpacked_is_held_until_the_copy_is_let_go(judged_by):
    copy, body = copy_of(), document(2000)
    new = answer(Side.NEW, gzip.compress(body, 1), coding=b"gzip")
    judged = await judged_by.judge(packed(Side.LEGACY, body), new, BY, copy)
    assert (judged.differences, judged.held) == ((), 2 * len(body))
    assert copy.held == HEAD_BYTES + judged.held
    copy.release()
    assert copy.held == 0


@pytest.mark.parametrize("size", [2000, LARGE_BYTES])
async def test_what_is_read_of_a_body_is_held_while_differences_are_of_it(judged_by, size):
    copy, pair = copy_of(), (answer(Side.LEGACY, document(size)), answer(Side.NEW, document(size, 2)))
    judged = await judged_by.judge(*pair, BY, copy)
    assert copy.held == HEAD_BYTES + judged.held
    assert 2 * size < judged.held < 20 * size
    spaced = answer(Side.NEW, document(size).replace(b": 1", b":1"))
    assert (await judged_by.judge(pair[0], spaced, BY, copy)).held == 0
    assert copy.held == HEAD_BYTES + judged.held


async def test_a_body_that_is_much_larger_when_it_is_read_drops_the_copy(judged_by):
    """[{},{},...]: an object of 64 bytes for each three on the wire."""
    copy, legacy = copy_of(), b"[" + b"{}," * 40_000 + b"1]"
    copy._budget.limit = 5_000_000
    with pytest.raises(NoAnswerError) as told:
        await judged_by.judge(answer(Side.LEGACY, legacy), answer(Side.NEW, legacy.replace(b"1]", b"2]")), BY, copy)
    assert told.value.outcome is ShadowOutcome.DROPPED_BUDGET


async def test_what_came_unpacked_holds_nothing_more(judged_by):
    copy, body = copy_of(), document(2000)
    await judged_by.judge(answer(Side.LEGACY, body), packed(Side.NEW, body), BY, copy)
    assert copy.held == HEAD_BYTES + len(body)
    await judged_by.judge(answer(Side.LEGACY, body), answer(Side.NEW, body + b" "), BY, copy)
    assert copy.held == HEAD_BYTES + len(body)


async def test_whoever_needs_only_the_differences_holds_nothing_afterwards(judged_by):
    copy = copy_of()
    pair = packed(Side.LEGACY, document(2000)), packed(Side.NEW, document(2000, 2))
    assert [each.path for each in await judged_by.differences(*pair, BY, copy)] == ["$.value"]
    assert copy.held == HEAD_BYTES


@pytest.mark.parametrize("size", [20_000, 3 * LARGE_BYTES])
async def test_a_budget_without_room_for_what_is_unpacked_drops_the_copy(judged_by, size):
    copy = copy_of(HEAD_BYTES + 2 * size - 1000)
    pair = packed(Side.LEGACY, document(size)), packed(Side.NEW, document(size, 2))
    with pytest.raises(NoAnswerError) as told:
        await judged_by.judge(*pair, BY, copy)
    assert told.value.outcome is ShadowOutcome.DROPPED_BUDGET
    assert (copy.dropped, copy.held) == (ShadowOutcome.DROPPED_BUDGET, 0)


async def test_what_is_too_large_when_it_is_unpacked_drops_the_copy(judged_by):
    copy, bomb = copy_of(), packed(Side.NEW, b" " * (INFLATED * LIMIT + 1))
    assert len(bomb.body) < 1000
    with pytest.raises(NoAnswerError) as told:
        await judged_by.judge(packed(Side.LEGACY, document(100)), bomb, BY, copy)
    assert told.value.outcome is ShadowOutcome.DROPPED_REPLY_TOO_LARGE


async def test_that_is_so_for_a_limit_below_what_is_unpacked_at_once(judged_by):
    by = Measure(ReplyRules(), is_head=False, limit=1000)
    with pytest.raises(NoAnswerError) as told:
        await judged_by.judge(packed(Side.LEGACY, document(100)), packed(Side.NEW, document(4100)), by, copy_of())
    assert told.value.outcome is ShadowOutcome.DROPPED_REPLY_TOO_LARGE


async def test_what_is_large_only_when_it_is_unpacked_is_compared_aside(judged_by, threads):
    pair = packed(Side.LEGACY, document(LARGE_BYTES)), packed(Side.NEW, document(LARGE_BYTES, 2))
    assert sum(len(each.body) for each in pair) < LARGE_BYTES // 10
    assert [each.path for each in (await judged_by.judge(*pair, BY, copy_of())).differences] == ["$.value"]
    assert threads == ["compare_0"]


async def test_what_is_large_packed_and_unpacked_is_compared_aside(judged_by, threads):
    noise = random.Random(7).randbytes(LARGE_BYTES // 2 + 100).hex()
    pair = [packed(side, json.dumps([noise, side]).encode()) for side in (Side.LEGACY, Side.NEW)]
    assert sum(len(each.body) for each in pair) > LARGE_BYTES
    assert [each.path for each in (await judged_by.judge(*pair, BY, copy_of())).differences] == ["$[1]"]
    assert threads == ["compare_0"]


@pytest.mark.parametrize(
    "pair",
    [
        (answer(Side.LEGACY, document(900)), answer(Side.NEW, document(900, 2))),
        (packed(Side.LEGACY, document(9000)), packed(Side.NEW, document(9000, 2))),
        (answer(Side.LEGACY, document(2 * LARGE_BYTES)), answer(Side.NEW, document(2 * LARGE_BYTES))),
        (answer(Side.LEGACY, document(2 * LARGE_BYTES)), packed(Side.NEW, document(2 * LARGE_BYTES))),
    ],
    ids=["small", "small when unpacked", "large with the same bytes", "large with the same bytes when unpacked"],
)
async def test_what_is_soon_done_is_compared_at_once(judged_by, threads, pair):
    await judged_by.judge(*pair, BY, copy_of())
    assert threads == [threading.main_thread().name]


async def test_the_same_packed_bytes_are_not_unpacked_while_nothing_differs(judged_by):
    copy, body = copy_of(), document(2000)
    judged = await judged_by.judge(packed(Side.LEGACY, body), packed(Side.NEW, body), BY, copy)
    assert (judged.differences, judged.held, copy.held) == ((), 0, HEAD_BYTES)


async def test_where_only_the_status_differs_the_replies_are_legible_all_the_same(judged_by):
    copy, body = copy_of(), document(2000)
    judged = await judged_by.judge(packed(Side.LEGACY, body), packed(Side.NEW, body, status=500), BY, copy)
    assert [each.path for each in judged.differences] == ["status"]
    assert judged.legacy.body == judged.new.body == body
    assert copy.held == HEAD_BYTES + 2 * len(body)


async def test_a_body_that_cannot_be_unpacked_is_a_difference(judged_by):
    broken = answer(Side.NEW, b"no gzip", coding=b"gzip")
    judged = await judged_by.judge(packed(Side.LEGACY, b"[1]"), broken, BY, copy_of())
    assert [each.path for each in judged.differences] == ["header:content-encoding"]


@pytest.mark.parametrize("coding", [b"lzma", b"gzip", b"br"])
async def test_of_bodies_that_cannot_be_unpacked_the_codings_are_compared(judged_by, coding):
    pair = answer(Side.LEGACY, b"x", coding=b"compress"), answer(Side.NEW, b"x", coding=coding)
    judged = await judged_by.judge(*pair, BY, copy_of())
    assert [each.path for each in judged.differences] == ["header:content-encoding"]
    same = answer(Side.NEW, b"x", coding=b"compress")
    assert (await judged_by.judge(pair[0], same, BY, copy_of())).differences == ()


@pytest.mark.parametrize(
    ("legacy", "new", "differs"),
    [((None, 120), (None, 118), True), ((b"gzip", 120), (b"gzip", 118), False), ((b"gzip", 120), (None, 300), False)],
    ids=["as it is", "packed", "packed on one side"],
)
async def test_of_a_reply_to_head_the_length_counts_where_nothing_is_packed(judged_by, legacy, new, differs):
    def head(side, coding, length):
        return replace(answer(side, b"", coding=coding), length=length)

    by = Measure(ReplyRules(), is_head=True, limit=LIMIT)
    judged = await judged_by.judge(head(Side.LEGACY, *legacy), head(Side.NEW, *new), by, copy_of())
    assert [each.path for each in judged.differences] == (["header:content-length"] if differs else [])


def text(side, body):
    return Answer(side, 200, [(b"content-type", b"text/html")], len(body), body, 0.001)


async def test_many_lines_and_many_items_to_be_looked_for_are_compared_aside(judged_by, threads):
    few, many = b"<br>\n" * 9, b"<br>\n" * 50
    await judged_by.judge(text(Side.LEGACY, few), text(Side.NEW, few + b"x"), BY, copy_of())
    assert threads.pop() == threading.main_thread().name
    await judged_by.judge(text(Side.LEGACY, many), text(Side.NEW, many + b"x"), BY, copy_of())
    assert threads.pop() == "compare_0"
    items = json.dumps([{"id": at, "n": at} for at in range(400)]).encode()
    pair = answer(Side.LEGACY, items), answer(Side.NEW, items.replace(b'"n": 7}', b'"n": 8}'))
    await judged_by.judge(*pair, BY, copy_of())
    assert threads.pop() == threading.main_thread().name
    unordered = Measure(ReplyRules(Rules(unordered=((parse_path("$"), None),))), is_head=False, limit=LIMIT)
    await judged_by.judge(*pair, unordered, copy_of())
    assert threads.pop() == "compare_0"
