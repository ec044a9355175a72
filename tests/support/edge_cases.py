"""Raw bytes against the edge, and what each side saw of them: the client's replies and the origin's requests."""

import contextlib
from dataclasses import dataclass

import pytest

from tests.support.proxy_harness import BrokenReplyError, Reply, gateway, one
from tests.support.scripted_upstream import LOOPS, OK, serving

EDGE = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", LOOPS[:1])]
"""For tables of many cases: one event loop is enough to show what is read in bytes."""

BOTH_LOOPS = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", LOOPS)]
"""For what depends on how a loop closes, pauses and waits."""

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: inner\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True)
class Seen:
    replies: list[Reply]
    requests: list

    @property
    def statuses(self):
        return [reply.status for reply in self.replies]

    @property
    def targets(self):
        return [request.line.split()[1] for request in self.requests]


async def origin(peer):
    """Answers every request; one that is not whole at the end of the test is none."""
    while await peer.request():
        await peer.send(OK)


async def replies_of(client, methods=()):
    """All replies up to the end of the connection. methods: of the requests, where they are not all GET."""
    replies = []
    while True:
        try:
            replies.append(await client.reply(methods[len(replies)] if len(replies) < len(methods) else "GET"))
        except BrokenReplyError as end:
            if end.args not in {(b"",), ()}:
                raise
            return replies


async def play(*pieces, text=None, top="", methods=(), script=origin):
    """Sends the pieces on one connection and reads until the gateway closes it. The gateway must be quiet about it."""
    async with serving(script) as old, gateway(text or one(old, top=top)) as gw, gw.client() as client:
        for piece in pieces:
            with contextlib.suppress(ConnectionError):
                await client.send(piece)
        seen = Seen(await replies_of(client, methods), old.requests)
        await gw.until_counted(total=len(seen.replies))
        return seen


async def assert_refused(raw, *statuses, after=b"", script=origin):
    """One problem document, the end of the connection, and not a byte of it at the origin."""
    seen = await play(raw + after, script=script)
    assert len(seen.replies) == 1, seen.statuses
    (reply,) = seen.replies
    assert reply.status in statuses, (reply.status, reply.body)
    assert reply[b"content-type"] == b"application/problem+json"
    assert reply[b"connection"] == b"close"
    assert len(reply.all(b"date")) == 1
    assert reply[b"x-request-id"] in reply.body
    assert seen.requests == []
    return reply
