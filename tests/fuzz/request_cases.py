"""One case of mutated requests: played against the whole gateway, then held against an independent strict reading.

What must be true of every case:

1.  What reaches the origin are whole requests of the strict reading, in order, once each, the same in method, target,
    host, fields and body; h11 and llhttp read each connection to the origin as exactly those requests.
2.  The client gets one well-formed answer for each request, in order; what is refused is answered with the status that
    one of its faults asks for, and the connection ends.
3.  Nothing raises, nobody waits for ever, nothing is left behind.
"""

import asyncio
import zlib

from tests.fuzz.gateway_under_test import Link
from tests.fuzz.others import H11Origin, llhttp_requests
from tests.fuzz.request_mutator import HEAD_BYTES, MAX_FIELDS, TARGET_BYTES
from tests.fuzz.strict_reply import read_reply
from tests.fuzz.strict_request import STATUS, Limits, read_requests

LIMITS = Limits(HEAD_BYTES, MAX_FIELDS, TARGET_BYTES)
OURS = {
    b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"forwarded", b"via", b"x-request-id",
    b"traceparent", b"content-length", b"transfer-encoding", b"host", b"expect",
}  # fmt: skip
HOP_BY_HOP = {b"connection", b"keep-alive", b"te", b"trailer", b"upgrade", b"proxy-connection"}


MOMENT_SECONDS = 0.1
INVITED = b"HTTP/1.1 100 Continue\r\n\r\n"


class Finding(AssertionError):  # noqa: N818 - what a fuzzer looks for
    """Something that must never be."""


def mark(method, target, body):
    """What the origin answers: which request it has seen."""
    return b"%b %b %08x" % (method, target, zlib.crc32(body))


class Origin:
    """One connection at an origin that h11 reads. received: every byte; it answers each whole request at once."""

    def __init__(self, *, chunked):
        self.transport = None
        self.received = bytearray()
        self.reader = H11Origin()
        self._chunked = chunked

    def take(self, data):
        self.received += data
        for request, body in self.reader.feed(data):
            answer = self.answer(request.method, mark(request.method, request.target, body))
            asyncio.get_running_loop().call_soon(self.transport.deliver, answer)
        if self.reader.invites():
            asyncio.get_running_loop().call_soon(self.transport.deliver, INVITED)

    def answer(self, method, text):
        if not self._chunked:
            head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(text)
            return head if method == b"HEAD" else head + text
        head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
        return head if method == b"HEAD" else head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(text), text)


async def play(plane, case):
    """Sends the case and waits for its end. Returns the client's link."""
    plane.serve_with(lambda _: Origin(chunked=case.chunked))
    link = Link(plane)
    link.stop_after = 0 if case.slow else None
    transport = link.transport
    for start, end in zip([0, *case.cuts], [*case.cuts, len(case.data)], strict=True):
        if transport.reading_held:
            await _until_it_reads(plane, link)
        if transport.closing:
            break
        transport.deliver(case.data[start:end])
        for _ in range(case.turns):
            await asyncio.sleep(0)
    if transport.reading_held:
        await _until_it_reads(plane, link)
    await _end(plane, link, case)
    await plane.settled(link)
    return link


async def _until_it_reads(plane, link):
    await plane.until(lambda: not link.transport.reading_held or link.transport.closing)


async def _end(plane, link, case):
    transport = link.transport
    if case.ending == "abort":
        transport.lose()
    elif case.ending == "eof":
        transport.deliver_eof()
    else:
        await plane.until(lambda: link.over)
        link.note_end()
        transport.deliver_eof()


def answers_of(case, link, messages):
    """What the client got: replies in order, by a strict reading; 1xx belong to the reply that follows."""
    data, at, found = bytes(link.answers), 0, []
    while at < len(data):
        asked = messages[len(found)].start if len(found) < len(messages) else len(case.data)
        while case.data.startswith(b"\r\n", asked) and asked < len(case.data):
            asked += 2
        reply = read_reply(
            data, to_head=case.data.startswith(b"HEAD ", asked) and not _lost_count(messages, found), at=at
        )
        if reply.state == "open":
            _require(link.over, "an answer that ends with the connection, and the connection does not end")
        elif reply.state == "partial" and (case.ending == "abort" or _has_left(messages, found)):
            break
        elif reply.state != "whole":
            raise Finding(f"an answer is {reply.state} {reply.faults}: {data[at : at + 200]!r}")
        found.append(reply)
        at = reply.end
    return found


def _lost_count(messages, found):
    """Of too many empty lines the gateway reads none as the beginning of a request, and so no method."""
    return len(found) < len(messages) and messages[len(found)].faults == ["empty-lines"]


def _has_left(messages, found):
    """A client that has closed its sending side within a body, or goes on with nonsense after an early answer,
    is cut although it has not taken all of that.
    """
    return len(found) == len(messages) - 1 and _may_be_cut(messages[-1])


def _may_be_cut(message):
    """Whether its answer may be lost with its client."""
    return message.head_is_whole and (
        message.state == "partial" or (message.state == "broken" and bool(_early(message)))
    )


def judge(case, link, origins):
    """Raises Finding. Returns the strict reading."""
    messages = read_requests(case.data, LIMITS)
    answers = answers_of(case, link, messages)
    _judge_answers(case, messages, answers)
    if answers and answers[-1].values(b"connection") == [b"close"]:
        _require(link.waited < MOMENT_SECONDS, "close was said, and the client has to wait for it")
    _judge_origins(messages, origins)
    if case.ending != "abort":
        served = sum(answer.status == 200 for answer in answers)
        whole = sum(len(origin.reader.requests) for origin in origins)
        _require(served == whole, f"{whole} requests at the origin, {served} of its answers")
    return messages


def _judge_answers(case, messages, answers):
    left = list(answers)
    for place, message in enumerate(messages):
        last = place == len(messages) - 1
        if message.becomes_websocket:
            return
        if not left:
            may_lack = _may_be_cut(message) or (
                case.ending == "abort" or (last and message.state == "partial") or _may_end_before(messages, place)
            )
            _require(may_lack, f"request {place} ({message.state}) was not answered")
            return
        answer = left.pop(0)
        _judge_answer(case, message, answer)
        closed = b"close" in {value.lower() for value in answer.values(b"connection")}
        if message.state != "whole":
            # one that was answered before its body waits for the rest, which is read for a moment and not as a request
            early = message.state == "partial" and answer.status in _early(message)
            _require(closed or early, f"after {answer.status} to what is {message.state} the connection stays")
        if closed:
            _require(not left, "an answer after the one that closed the connection")
            until_close = case.chunked and not message.minor
            _require(last or until_close or _may_close(message), f"the connection was closed after request {place}")
            return
    _require(not left, f"more answers than requests: {[answer.status for answer in left]}")


def _may_close(message):
    """Where the gateway may end the connection although the request would let it stay."""
    unasked = message.values(b"expect") != [] and message.length == 0
    refused = message.asks_for_another_upgrade and message.length != 0
    return unasked or refused or (message.length or 0) > LIMITS.body_bytes


def _may_end_before(messages, place):
    """After an answer that was given before its request's body, what follows on the connection is undecided."""
    return any(_may_close(message) for message in messages[:place])


def _judge_answer(case, message, answer):
    allowed = {STATUS[fault] for fault in message.faults}
    early = _early(message)
    if message.state == "whole":
        if early and answer.status in early:
            return
        _require(not early and answer.status == 200, f"{answer.status} to a valid request")
        if message.method != b"HEAD":
            expected = mark(message.method, message.path, message.body)
            _require(answer.body == expected, f"the answer {answer.body!r} is not of {expected!r}")
        if answer.interim:
            _require(message.values(b"expect") and message.minor, "100 to a request that did not ask")
        return
    if message.state == "partial":
        allowed |= {408} if case.ending == "silence" or case.slow else set()
        allowed |= {400}
    if message.state in {"partial", "broken"}:
        allowed |= early
    _require(answer.status in allowed, f"{answer.status} to what is {message.state} for {message.faults}")
    _require(answer.status >= 400, "a request that is none was served")


def _early(message):
    """Statuses that the proxy itself answers to a valid head."""
    if message.state == "refused" or not message.head_is_whole:
        return set()
    if message.asks_for_websocket:
        return {400, 426}
    if message.asks_for_another_upgrade:
        return {501}
    return {413} if (message.length or 0) > LIMITS.body_bytes else set()


def _judge_origins(messages, origins):
    whole = [message for message in messages if message.state == "whole"]
    place = 0
    for origin in origins:
        reader = origin.reader
        _require(not reader.fault, f"h11 at the origin: {reader.fault}: {bytes(origin.received)!r}")
        for request, body in reader.requests:
            while place < len(whole) and not _is_same(whole[place], request, body):
                place += 1
            _require(place < len(whole), f"the origin was sent what nobody has asked: {request!r} {body!r}")
            _judge_fields(whole[place], request)
            place += 1
        if not reader.between:
            _require(origin.transport.aborted, "the origin holds half a request")
        elif reader.requests:
            found = llhttp_requests(bytes(origin.received))
            expected = [(request.target, body) for request, body in reader.requests]
            _require(found in (None, expected), f"llhttp at the origin reads {found!r} for {expected!r}")


def _is_same(message, request, body):
    return (message.method, message.path, message.body) == (request.method, request.target, body)


def _judge_fields(message, request):
    fields = list(request.headers)
    hosts = [value for name, value in fields if name == b"host"]
    _require(hosts == [message.host] or (message.host is None and len(hosts) == 1), f"the origin's Host is {hosts!r}")
    names = [name for name, _ in fields]
    framing = [name for name in names if name in {b"content-length", b"transfer-encoding"}]
    _require(len(framing) <= 1, f"framed twice: {framing}")
    _require(not HOP_BY_HOP.intersection(names), f"a field of one hop went on: {names}")
    sent = iter(message.fields)
    for field in fields:
        if field[0] not in OURS:
            _require(field in sent, f"{field!r} is not the client's, or not in its place")


def _require(condition, otherwise):
    if not condition:
        raise Finding(otherwise)
