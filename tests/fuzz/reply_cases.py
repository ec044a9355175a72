"""One case of a mutated reply: what an upstream says to one request, and what clients are told of it.

What must be true of every case:

1.  A reply that the strict reading finds whole is relayed as it is: status, fields, body. Of any other the client gets
    502 or 504, or, where its head had gone out already, the beginning of its body and a cut.
2.  The connection that it came on carries another request only if the reply was whole, kept it, and nothing followed.
3.  Every other request gets its own answer: no byte of a broken reply is seen in it.
4.  Nothing raises, nobody waits for ever, nothing is left behind.
"""

import asyncio
import re

from tests.fuzz.gateway_under_test import Link
from tests.fuzz.others import H11Origin
from tests.fuzz.reply_mutator import LEFT
from tests.fuzz.request_cases import Finding
from tests.fuzz.strict_reply import read_reply

HOP_BY_HOP = {
    b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te", b"trailer",
    b"transfer-encoding", b"upgrade",
}  # fmt: skip
ADDED = {b"date", b"x-request-id", b"content-length", b"connection", b"transfer-encoding"}
IDEMPOTENT = {b"GET", b"HEAD", b"PUT"}


class Upstream:
    """All connections to one upstream. asked: (request, connection) in order; said: whether the broken reply is out."""

    def __init__(self, case):
        self.case = case
        self.asked = []
        self.said = False
        self.speaking = 0

    def connection(self, number):
        return Origin(self, number)


class Origin:
    def __init__(self, upstream, number):
        self.transport = None
        self.upstream = upstream
        self.number = number
        self.reader = H11Origin()

    def take(self, data):
        for request, _ in self.reader.feed(data):
            upstream = self.upstream
            upstream.asked.append((request, self.number))
            is_broken = request.target == b"/%d" % upstream.case.broken and not upstream.said
            upstream.said = upstream.said or is_broken
            upstream.speaking += 1
            loop = asyncio.get_running_loop()
            loop.call_soon(self._say_broken, 0) if is_broken else loop.call_soon(self._answer, request)

    def _answer(self, request):
        body = b"" if request.method == b"HEAD" else request.target
        head = b"HTTP/1.1 200 OK\r\nx-for: %b\r\ncontent-length: %d\r\n\r\n" % (request.target, len(request.target))
        self.transport.deliver(head + body)
        self.upstream.speaking -= 1

    def _say_broken(self, place, waits=0):
        case, transport = self.upstream.case, self.transport
        again = asyncio.get_running_loop().call_soon
        if waits or (transport.reading_held and not transport.closing):
            again(self._say_broken, place, max(waits - 1, 0))
            return
        bounds = [0, *case.cuts, len(case.data)]
        if place < len(bounds) - 1:
            transport.deliver(case.data[bounds[place] : bounds[place + 1]])
            if case.turns:
                again(self._say_broken, place + 1, case.turns)
            else:
                self._say_broken(place + 1)
            return
        self.upstream.speaking -= 1
        if case.ending == "close":
            transport.deliver_eof()
        elif case.ending == "reset":
            transport.lose()


async def play(plane, case):
    """Makes the requests one after another. Returns the upstream and, for each request, what its client got."""
    upstream = Upstream(case)
    plane.serve_with(upstream.connection)
    link, told = Link(plane), []
    for place, method in enumerate(case.methods):
        if link.over:
            await plane.until(lambda lost=link.transport: lost.lost or lost.ended)
            if link.transport.ended:
                link.transport.deliver_eof()
            link = Link(plane)
        before = len(link.answers)
        link.transport.deliver(_request(method, place, case.minor))
        await plane.until(lambda: not plane.state.running and not upstream.speaking)
        await asyncio.sleep(0)  # a connection that was lost is known to be: a kernel would tell who asks
        told.append((bytes(link.answers[before:]), link.transport.aborted))
    link.transport.deliver_eof()
    await plane.settled(link)
    return upstream, told


def _request(method, place, minor):
    body = b"body" if method in {b"POST", b"PUT"} else b""
    framing = b"Content-Length: 4\r\n" if body else b""
    connection = b"" if minor else b"Connection: keep-alive\r\n"
    return b"%b /%d HTTP/1.%d\r\nHost: test\r\n%b%b\r\n%b" % (method, place, minor, connection, framing, body)


def judge(case, upstream, told):
    """Raises Finding. Returns the strict reading of the reply."""
    reply = read_reply(case.data, to_head=case.methods[case.broken] == b"HEAD")
    for place, (data, aborted) in enumerate(told):
        if place == case.broken:
            _judge_broken(case, upstream, reply, data, aborted=aborted)
        else:
            _judge_clean(case, place, data)
    _judge_reuse(case, upstream, reply)
    return reply


def read_answer(data, method):
    """The gateway's own, which may be somewhat larger than what it takes from upstreams: it adds fields."""
    return read_reply(data, to_head=method == b"HEAD", max_head=80_000, max_fields=250)


def _judge_clean(case, place, data):
    answer = read_answer(data, case.methods[place])
    _require(LEFT not in data, f"bytes of another reply in {data!r}")
    _require(answer.state == "whole" and not answer.surplus, f"a good reply became {data!r}")
    _require(answer.status == 200 and answer.values(b"x-for") == [b"/%d" % place], f"the wrong reply: {data!r}")
    _require(case.methods[place] == b"HEAD" or answer.body == b"/%d" % place, f"the wrong body: {data!r}")


def _judge_broken(case, upstream, reply, data, *, aborted):
    method = case.methods[case.broken]
    answer = read_answer(data, method)
    _require(answer.state != "malformed", f"the client was told {data!r}")
    _require(not answer.surplus, f"more than an answer: {data!r}")
    passing = [status for status in reply.interim if status != 100] if case.minor else []
    _require(answer.interim == passing[: len(answer.interim)], f"{answer.interim} was told for {reply.interim}")
    if answer.values(b"x-for") and _may_be_repeated(case, upstream):
        _judge_clean(case, case.broken, data)
        return
    if reply.status == answer.status == 205:  # has no body, and what the upstream sends as one is nobody's
        _require(answer.state == "whole" and answer.length == 0 and not aborted, f"a body of 205: {data!r}")
        return
    is_refused = answer.status == 502 or (aborted and answer.state in {"partial", "open"})
    if is_complete(reply, case.ending) and not (reply.in_doubt and is_refused):
        _judge_relayed(reply, answer, aborted=aborted)
        return
    timeout = case.ending == "stay" and reply.state != "malformed"
    if answer.values(b"content-type") == [b"application/problem+json"] and answer.status in {502, 504}:
        _require(
            reply.in_doubt or answer.status == (504 if timeout else 502),
            f"{answer.status} for what is {reply.state} {reply.faults}",
        )
        _require(answer.state == "whole", f"half a problem document: {data!r}")
        return
    _require(reply.status >= 200, f"{answer.status} was told for what is {reply.state} {reply.faults}")
    _require(answer.status == reply.status, f"{answer.status} for {reply.status}")
    _require(aborted, f"a reply that is {reply.state} {reply.faults} looks whole: {data!r}")
    _require(answer.state != "whole" or not reply.body or method == b"HEAD", f"a whole answer from a half: {data!r}")
    _require(reply.body.startswith(answer.body), f"{answer.body!r} is no beginning of {reply.body!r}")


def is_complete(reply, ending):
    """Whether the strict reading ends with a whole reply."""
    return reply.state == "whole" or (reply.state == "open" and ending == "close")


def _may_be_repeated(case, upstream):
    """Nothing came on a connection from the pool, and the request may be made twice."""
    first = next(number for request, number in upstream.asked if request.target == b"/%d" % case.broken)
    reused = any(number == first and request.target != b"/%d" % case.broken for request, number in upstream.asked)
    method = case.methods[case.broken]
    return reused and not case.data and method in IDEMPOTENT and case.ending != "stay"


def _judge_relayed(reply, answer, *, aborted):
    _require(not aborted, f"a whole reply was cut: {answer.status}")
    _require(answer.status == reply.status, f"{answer.status} for {reply.status} {reply.fields}")
    _require(answer.state == "whole" or answer.framing == "close", f"a whole reply became {answer.state}")
    _require(answer.body == reply.body, f"{answer.body!r} for {reply.body!r}")
    named = {option.strip(b" \t").lower() for value in reply.values(b"connection") for option in value.split(b",")}
    passing = [field for field in reply.fields if _goes_on(field[0], named)]
    got = [field for field in answer.fields if field[0] not in ADDED]
    expected = [field for field in _without_repeats(passing) if field[0] not in ADDED]
    _require(got == expected, f"{got!r} for {expected!r}")
    if reply.length is not None and reply.status not in {204, 304}:
        _require(answer.length == reply.length, f"a length of {answer.length} for {reply.length}")


def _goes_on(name, named):
    if name in named and name not in {b"authorization", b"cookie", b"host", b"content-length"}:
        return False
    return (
        len(name) <= 256
        and name not in HOP_BY_HOP
        and not re.sub(rb"[^a-z0-9]", b"-", name).startswith(b"x-gateway-")  # as servers fold it that know CGI
    )


def _without_repeats(fields):
    """One Date and one Server: what comes after the first is dropped."""
    seen, kept = set(), []
    for field in fields:
        if field[0] not in seen:
            kept.append(field)
        if field[0] in {b"date", b"server"}:
            seen.add(field[0])
    return kept


def _judge_reuse(case, upstream, reply):
    fit = reply.state == "whole" and reply.persists and not reply.surplus and case.ending == "stay"
    place = next(i for i, (request, _) in enumerate(upstream.asked) if request.target == b"/%d" % case.broken)
    number = upstream.asked[place][1]
    again = [request.target for request, each in upstream.asked[place + 1 :] if each == number]
    if fit:
        unread = reply.status == 205  # nobody waits for a body that is for nobody
        _require(again or reply.in_doubt or unread, "a good connection was thrown away")
    else:
        _require(not again, f"{again} went out on the connection of a reply {reply.state} {reply.faults}")


def _require(condition, otherwise):
    if not condition:
        raise Finding(otherwise)
