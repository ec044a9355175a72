"""Cases on the wire as data: what a client sends, what the origin answers, and what both must see.

A family is a list of `Case`; `play_family` starts one real gateway in front of one origin for each case and plays all
of them, each on connections of its own. In bytes and expectations `{p}` is the case's path prefix, `{h}` a host name
that leads to its origin, `{a}` the client's address. Besides what a case expects, every case is held to the rules of
`universal`; the connection is tried with one more request (it must answer it, or have said that it closes), and then
a fresh connection asks the case's origin again, so that what a case leaves behind on a pooled connection shows.
"""

import asyncio
import contextlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.support import wire_client as client
from tests.support.gateway_process import gateway_process
from tests.support.wire_client import Conn
from tests.support.wire_origin import Origin
from tests.support.wire_rules import universal

MUST, SHOULD, SAFE = "MUST", "SHOULD", "SAFE"
"""SAFE: not said by a document in these words, but what keeps two parsers from disagreeing."""

AT_ONCE = 32


@dataclass(frozen=True)
class Case:
    """`sent` are the client's steps, `origin` its script by request; `answers` final replies are waited for.

    `probe`: whether the connection is then tried with one more request. `trusted`: from an address of
    `trusted_proxies`. `methods`: of the requests that will be answered, where the first line does not tell. `upstream`,
    `route`: more keys of the case's own in routes.yaml. `dead`: nothing listens where the origin should be.
    """

    name: str
    rfc: str
    level: str
    sent: tuple | bytes
    expect: Callable
    origin: tuple = ()
    answers: int = 1
    probe: bool = True
    after: bool = True
    trusted: bool = False
    methods: tuple = ()
    greeting: bytes = b""
    waives: tuple = ()
    upstream: str = ""
    route: str = ""
    dead: bool = False

    @property
    def steps(self):
        return (self.sent,) if isinstance(self.sent, (bytes, client.Drip)) else self.sent

    @property
    def known_methods(self):
        first = next((step for step in self.steps if isinstance(step, bytes)), b"")
        return self.methods or (("HEAD",) if first.startswith(b"HEAD ") else ("GET",))


@dataclass
class Seen:
    """What became of a case. `replies` are those before the probe, `probe` is the reply to it, `rest` no reply."""

    case: Case
    values: dict
    replies: list = field(default_factory=list)
    probe: client.Reply | None = None
    rest: bytes = b""
    ended: str | None = None
    ended_before_probe: bool = False
    malformed: str = ""
    after: client.Reply | None = None
    links: list = field(default_factory=list)
    strays: list = field(default_factory=list)

    @property
    def finals(self):
        return [reply for reply in self.replies if reply.status >= 200 or reply.status == 101]

    @property
    def heard(self):
        """Requests that reached the origin, without the runner's own."""
        own = (self.fill(b"{p}/probe"), self.fill(b"{p}/after"))
        every = [request for link in self.links for request in link.requests]
        return [request for request in every if request.line.split(b" ")[1:2] not in ([own[0]], [own[1]])]

    def fill(self, data):
        for name, value in self.values.items():
            data = data.replace(name, value)
        return data

    def told(self):
        """For a failure: everything that was seen."""
        lines = [f"client got {[(r.status, r.reason, r.fields, r.body[:200], r.whole) for r in self.replies]}"]
        lines += [f"  then {self.rest[:300]!r}, connection {self.ended or 'open'} {self.malformed}"]
        lines += [f"origin got {bytes(link.raw[:1500])!r} {link.fault}" for link in self.links]
        return "\n".join(lines)

    def faults(self):
        return [*self.case.expect(self), *universal(self)]


PROBE = b"GET {p}/probe HTTP/1.1\r\nHost: {h}\r\n\r\n"
AFTER = b"GET {p}/after HTTP/1.1\r\nHost: {h}\r\nConnection: close\r\n\r\n"


async def play(case, number, origin, stray, port):
    address = f"127.0.{9 if case.trusted else 64 + number // 250}.{number % 250 + 1}"
    values = {b"{p}": b"/k%d" % number, b"{h}": b"k%d.test" % number, b"{a}": address.encode()}
    seen = Seen(case, values)
    conn = await Conn.to(port, address, case.known_methods)
    finals = 0
    for step in case.steps:
        finals = await act(conn, step, seen, origin, finals)
    await conn.until(lambda: len(conn.finals()) >= case.answers)
    seen.links = origin.links
    if any(reply.status == 101 for reply in conn.finals()):
        await arrived(conn, seen)
    seen.replies, seen.rest = conn.replies()
    if not conn.ended and not conn.malformed:
        await end_of(conn, case, seen)
    seen.ended, seen.malformed = conn.ended, conn.malformed
    conn.transport.abort()
    if any(reply.status == 101 for reply in seen.replies):
        await origin.all_ended()
    if case.after:
        again = await Conn.to(port, address, ("GET",))
        await again.send(seen.fill(AFTER))
        await again.until(lambda: len(again.finals()) >= 1)
        seen.after = next(iter(again.finals()), None)
        again.transport.abort()
    seen.strays = [link for link in stray.links if address.encode() in link.raw]
    return seen


async def arrived(conn, seen):
    """Waits until what the case expects to be sent over its WebSocket has come, however late it is."""

    def met():
        (seen.replies, seen.rest), seen.ended = conn.replies(), conn.ended
        return not list(seen.case.expect(seen))

    await within_patience(met)


async def within_patience(condition):
    """Polls; what has not come until then is found by the case's expectations."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(client.PATIENCE):
            while not condition():  # noqa: ASYNC110 - a poll with a deadline
                await asyncio.sleep(0.005)


_WAITS = {
    client.INTERIM: lambda conn: any(reply.status < 200 for reply in conn.replies()[0]),
    client.SOME: lambda conn: conn.data,
    client.ENDED: lambda conn: conn.ended,
}
_ORIGIN = {client.PASSED: lambda link: link.tail, client.GONE: lambda link: link.ended}


async def act(conn, step, seen, origin, finals):
    """One step of the client; returns how many final replies it has waited for."""
    if isinstance(step, bytes):
        await conn.send(seen.fill(step))
    elif isinstance(step, client.Drip):
        await conn.drip(seen.fill(step.data))
    elif isinstance(step, client.Pause):
        await asyncio.sleep(step.seconds)
    elif step == client.ANSWER:
        finals += 1
        await conn.until(lambda: len(conn.finals()) >= finals)
    elif step in _WAITS:
        await conn.until(lambda: _WAITS[step](conn), client.END_SECONDS if step == client.ENDED else client.PATIENCE)
    elif step == client.HEARD:
        async with asyncio.timeout(client.PATIENCE):
            await origin.arrived.wait()
    elif step in _ORIGIN:
        await within_patience(lambda: all(_ORIGIN[step](link) for link in origin.links))
    elif step == client.SHUT:
        conn.shut()
    elif step == client.ABORT:
        conn.abort()
    return finals


async def end_of(conn, case, seen):
    """The connection after the expected replies: it says that it closes and does, or it serves one more request."""
    if seen.finals and (seen.finals[-1].closes or not seen.finals[-1].whole):
        await conn.until(lambda: conn.ended)
        seen.replies, seen.rest = conn.replies()
    elif case.probe:
        count = len(conn.finals())
        await conn.send(seen.fill(PROBE))
        conn.methods = (*conn.methods, *["GET"] * (count + 1 - len(conn.methods)))
        await conn.until(lambda: len(conn.finals()) > count)
        seen.replies, seen.rest = conn.replies()
        if len(conn.finals()) > count and seen.finals[-1].body == seen.fill(b"ok:{p}/probe"):
            seen.probe = seen.replies.pop()


UPSTREAM = "breaker: {enabled: false}, connect_timeout_seconds: 10"
ROUTES = """\
version: 1
{keys}
upstreams:
  stray: {{url: "http://127.0.0.1:{stray}", breaker: {{enabled: false}}}}
{upstreams}
routes:
  - {{path: "/*", upstream: stray}}
{routes}
"""


def routes_for(cases, every, stray, keys, upstream_keys):
    upstreams = [
        f'  k{n}: {{url: "http://127.0.0.1:{origin.port}", {UPSTREAM}{upstream_keys}{case.upstream}}}'
        for n, (case, origin) in enumerate(zip(cases, every, strict=True))
    ]
    routes = [
        f'  - {{path: "{path}", upstream: k{n}{case.route}}}'
        for n, case in enumerate(cases)
        for path in (f"/k{n}/*", f'/*", host: "k{n}.test')
    ]
    return ROUTES.format(keys=keys, stray=stray.port, upstreams="\n".join(upstreams), routes="\n".join(routes))


def play_family(cases, directory, *, keys="", upstream_keys=""):
    """Plays them all before one gateway with one worker; returns what was seen, by the case's name."""
    doubles = [name for name, group in itertools.groupby(sorted(case.name for case in cases)) if len(list(group)) > 1]
    assert not doubles, doubles
    every = [Origin(case.origin, greeting=case.greeting) for case in cases]
    stray = Origin()
    text = routes_for(cases, every, stray, keys, upstream_keys)
    with gateway_process(directory, text, workers=1) as gateway:
        return asyncio.run(play_all(cases, every, stray, gateway.port))


async def play_all(cases, every, stray, port):
    limit = asyncio.Semaphore(AT_ONCE)
    outcome = {}

    async def one(number, case):
        async with limit:
            outcome[case.name] = await play(case, number, every[number], stray, port)

    dead = {origin for case, origin in zip(cases, every, strict=True) if case.dead}
    for origin in [*every, stray]:
        await origin.open(dead=origin in dead)
    try:
        async with asyncio.TaskGroup() as group:
            for number, case in enumerate(cases):
                group.create_task(one(number, case))
    finally:
        for origin in [*every, stray]:
            await origin.close()
    return outcome
