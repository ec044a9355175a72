"""What must hold in every case, whatever it is about; and the words in which cases say what they expect.

An expectation takes what was `seen` and returns its faults, as sentences; none means that it was met.
"""

import json
import re

HOP_BY_HOP = (b"keep-alive", b"proxy-connection", b"te", b"trailer", b"upgrade", b"proxy-authorization")
PROBLEM = b"application/problem+json"
DATE = re.compile(rb"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT")


def universal(seen):
    """Both views of every case: valid HTTP, closed only where that was said, nothing left behind on connections."""
    waived = seen.case.waives
    faults = [*connection_faults(seen), *origin_faults(seen), *[f for r in seen.replies for f in reply_faults(r)]]
    return [fault for fault in faults if not any(word in fault for word in waived)]


def connection_faults(seen):
    if seen.malformed:
        yield f"client: no valid HTTP: {seen.malformed}"
    if seen.rest and not any(reply.status == 101 for reply in seen.replies):
        yield f"client: bytes of no reply: {seen.rest[:200]!r}"
    last = seen.finals[-1] if seen.finals else None
    if last and last.whole and last.closes and not seen.ended:
        yield "connection: says that it closes, and does not"
    goes_on = last and last.whole and last.status != 101 and not last.closes
    if goes_on and seen.case.probe and not seen.probe:
        yield "connection: " + ("closes without having said so" if seen.ended else "does not answer the next request")
    if seen.case.after and (seen.after is None or seen.after.body != seen.fill(b"ok:{p}/after")):
        yield f"afterwards: another client's request is answered {seen.after}"


def origin_faults(seen):
    for stray in seen.strays:
        yield f"origin: a stray request {bytes(stray.raw)[:200]!r}"
    for link in seen.links:
        if link.fault:
            yield f"origin: {link.fault}"
        for request in link.requests:
            yield from request_faults(request, seen)


def request_faults(request, seen):
    """RFC 9110, 7.6.1 and 7.6.3: nothing of a hop goes on, and Via says that there was one."""
    upgrade = b"websocket" in request.values(b"upgrade")
    for name in HOP_BY_HOP:
        if request.values(name) and not (name == b"upgrade" and upgrade):
            yield f"origin: {name!r} went on"
    if [v for v in request.values(b"connection") if v.lower() not in (b"close", b"keep-alive")] and not upgrade:
        yield f"origin: Connection: {request.values(b'connection')}"
    if not request.values(b"via"):
        yield "origin: no Via"
    if not b",".join(request.values(b"x-forwarded-for")).endswith(seen.values[b"{a}"]):
        yield f"origin: X-Forwarded-For {request.values(b'x-forwarded-for')}"


def reply_faults(reply):
    yield from (f"client: {fault}" for fault in reply.faults)
    if reply.status < 200:
        if reply.values(b"content-length") or reply.values(b"transfer-encoding"):
            yield "client: framing in an interim reply"
        return
    dates = reply.values(b"date")
    if len(dates) != 1 or not DATE.fullmatch(dates[0]):
        yield f"client: Date {dates}"
    for name in (b"keep-alive", b"proxy-connection", b"te", b"trailer", b"proxy-authenticate", b"upgrade"):
        if reply.values(name) and not (name == b"upgrade" and reply.status in (101, 426)):
            yield f"client: {name!r} of another hop"
    if set(reply.tokens(b"connection")) - {b"close", b"keep-alive", b"upgrade"}:
        yield f"client: Connection: {reply.values(b'connection')}"
    if PROBLEM in reply.values(b"content-type") and reply.body:
        yield from problem_faults(reply)
    if reply.status == 405 and not reply.values(b"allow"):
        yield "client: 405 without Allow (RFC 9110, 15.5.6)"
    if reply.status == 426 and not reply.values(b"upgrade"):
        yield "client: 426 without Upgrade (RFC 9110, 15.5.22)"


def problem_faults(reply):
    """RFC 9457: an object whose status is the reply's."""
    try:
        document = json.loads(reply.body)
    except ValueError:
        yield f"client: a problem document that is no JSON: {reply.body!r}"
        return
    if document.get("status") != reply.status:
        yield f"client: a problem document of status {document.get('status')} with {reply.status}"
    if not document.get("title"):
        yield "client: a problem document without a title"


def refused(*statuses, before=0):
    """The last of `before` + 1 replies is the gateway's own refusal; then the end, and the origin saw none of it."""

    def check(seen):
        got = [reply.status for reply in seen.finals]
        if len(got) != before + 1 or got[-1] not in statuses:
            yield f"refused: {got}, not {statuses}"
            return
        last = seen.finals[-1]
        if PROBLEM not in last.values(b"content-type"):
            yield f"refused: no problem document but {last.values(b'content-type')}"
        if not seen.ended or not last.closes:
            yield "refused: the connection is not closed"
        if len(seen.heard) != before:
            yield f"refused: the origin saw {[request.line for request in seen.heard]}"

    return check


def declined(*statuses):
    """The gateway's own answer, the origin untouched; the connection may be kept."""

    def check(seen):
        got = [reply.status for reply in seen.finals]
        if len(got) != 1 or got[0] not in statuses:
            yield f"declined: {got}, not {statuses}"
        elif PROBLEM not in seen.finals[0].values(b"content-type"):
            yield "declined: no problem document"
        if seen.heard:
            yield f"declined: the origin saw {[request.line for request in seen.heard]}"

    return check


def served(
    status=200, *, line=None, body=None, head=(), lacks=(), reply_body=None, has=(), reply_lacks=(), count=1, kept=None
):
    """`count` replies, the last with this status. Of the origin's last request: its line, its body, field lines that it
    has (lower-case name, value), names that it lacks. Of the last reply: its body, lines that it has, names it lacks.
    `kept`: whether the connection must be kept (True), closed (False) or either."""

    def check(seen):
        got = [reply.status for reply in seen.finals]
        if len(got) != count or got[-1] != status:
            yield f"served: {got}, not {count} of {status}"
            return
        if len(seen.heard) != count:
            yield f"served: the origin saw {[request.line for request in seen.heard]}"
            return
        yield from heard_as(seen, line, body, head, lacks)
        yield from answered_as(seen, reply_body, has, reply_lacks)
        if kept is True and (seen.ended or not seen.probe):
            yield "served: the connection is not kept"
        if kept is False and not seen.ended:
            yield "served: the connection is kept"

    return check


def heard_as(seen, line, body, head, lacks):
    request = seen.heard[-1]
    if line is not None and request.line != seen.fill(line):
        yield f"served: the origin saw {request.line!r}, not {seen.fill(line)!r}"
    if body is not None and (request.body != body or not request.whole):
        yield f"served: the origin saw the body {request.body[:200]!r} (whole: {request.whole}), not {body[:200]!r}"
    present = [(name.lower(), value) for name, value in request.fields]
    for name, value in head:
        if (name, seen.fill(value)) not in present:
            yield f"served: the origin did not see {name!r}: {seen.fill(value)!r} but {request.values(name)}"
    for name in lacks:
        if request.values(name):
            yield f"served: the origin saw {name!r}: {request.values(name)}"


def answered_as(seen, body, has, lacks):
    reply = seen.finals[-1]
    if not reply.whole:
        yield "served: the reply is cut"
    if body is not None and reply.body != seen.fill(body):
        yield f"served: the reply's body is {reply.body[:200]!r}, not {seen.fill(body)[:200]!r}"
    present = [(name.lower(), value) for name, value in reply.fields]
    for name, value in has:
        if (name, value) not in present:
            yield f"served: the client did not see {name!r}: {value!r} but {reply.values(name)}"
    for name in lacks:
        if reply.values(name):
            yield f"served: the client saw {name!r}: {reply.values(name)}"


def alone(seen):
    """The connection on which the origin answered oddly carries no other request afterwards."""
    for link in seen.links:
        of_the_case = [request in seen.heard for request in link.requests]
        if any(of_the_case[:-1]):
            yield "a connection with an odd answer was used again"


def either(*checks):
    """Any of several outcomes is right."""

    def check(seen):
        found = [list(each(seen)) for each in checks]
        if all(found):
            yield " / ".join("; ".join(faults) for faults in found)

    return check


def both(*checks):
    def check(seen):
        for each in checks:
            yield from each(seen)

    return check
