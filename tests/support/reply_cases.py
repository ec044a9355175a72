"""A table of replies against a gateway: what its client sees of each, and what becomes of the connection it came on."""

import asyncio
from dataclasses import dataclass

import pytest

from tests.support.proxy_harness import CUT, BrokenReplyError, Reply, gateway, head_of, one
from tests.support.scripted_upstream import KINDS, LOOPS, OK, applies, eventually, serving

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\n"
LENGTH = b"content-length: 2\r\n\r\nok"

both_clients = applies(
    pytest.mark.anyio,
    pytest.mark.parametrize("anyio_backend", LOOPS[:1]),
    pytest.mark.parametrize("kind", list(KINDS)),
)
OPTIONS = "client: {kind}, connect_timeout_seconds: 5, breaker: {{enabled: false}}, retry_percent: 0"


@dataclass(frozen=True)
class View:
    """reply: None where it was broken. reused: another request went out on the connection that it came on."""

    sent: bytes
    reply: Reply | None
    reused: bool

    @property
    def status(self):
        return self.reply.status if self.reply is not None else 0


class Origin:
    """Sends what the request's number says, then OK to whatever else comes."""

    def __init__(self, replies, *, ends, cut):
        self.replies = replies
        self.ends = ends
        self.cut = cut
        self.served = {}
        self.closed = set()

    async def __call__(self, peer):
        numbers = []
        while request := await peer.request():
            target = request.line.split()[1]
            self.served[target] = peer.number
            if target == b"/next":
                await peer.send(OK)
                continue
            numbers.append(int(target[1:]))
            await self._reply(peer, self.replies[numbers[-1]])
            if self.ends:
                break
        self.closed.update(numbers)

    async def _reply(self, peer, reply):
        if not self.cut:
            await peer.send(reply)
            return
        for byte in reply:
            await peer.send(bytes([byte]))
            await asyncio.sleep(0)


async def views(kind, replies, *, method="GET", version="1.1", ends=False, cut=False, lines=()):
    """One request for each reply, each on a client's connection of its own, and one more to see what is used again.

    ends: the origin closes after it. cut: byte by byte. A connection that is not used again has been closed by then.
    """
    origin = Origin(replies, ends=ends, cut=cut)
    seen = []
    async with serving(origin) as old, gateway(one(old, options=OPTIONS.format(kind=kind)), noise=CUT) as gw:
        for number, sent in enumerate(replies):
            async with gw.client() as client:
                await client.send(head_of(method, f"/{number}", *lines, version=version))
                try:
                    reply = await client.reply(method)
                except BrokenReplyError:
                    reply = None
            async with gw.client() as client:
                assert (await client.get("/next")).status == 200, sent
            reused = origin.served[b"/next"] == origin.served[b"/%d" % number]
            if not reused:
                await eventually(lambda number=number: number in origin.closed)
            seen.append(View(sent, reply, reused))
    return seen


def is_refused(view):
    """502 before anything was sent, told as a problem, nothing of the reply in it, and its connection is gone."""
    reply = view.reply
    return (
        reply is not None
        and reply.status == 502
        and reply[b"content-type"] == b"application/problem+json"
        and len(reply.all(b"date")) == 1
        and b"leak" not in reply.body
        and not any(b"leak" in name + value for name, value in reply.fields)
        and not view.reused
    )


async def assert_refused(kind, replies, **options):
    wrong = [view for view in await views(kind, replies, **options) if not is_refused(view)]
    assert not wrong, wrong


async def assert_ok(kind, replies, *, body=b"ok", reused=True, **options):
    seen = await views(kind, replies, **options)
    wrong = [view for view in seen if (view.status, view.reused) != (200, reused) or view.reply.body != body]
    assert not wrong, wrong
    return seen
