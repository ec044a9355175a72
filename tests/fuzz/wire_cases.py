"""The same request cases over real sockets: a real edge server, a real origin, and clients of raw bytes.

And mutated replies over real sockets against the httpx client, which is held against h11, its own parser.
"""

import asyncio
import contextlib
import dataclasses
from types import SimpleNamespace

from gateway.errors import UpstreamError
from gateway.upstream.api import OutboundRequest, Timeouts
from gateway.upstream.httpx_client import HttpxClient
from tests.fuzz import request_cases
from tests.fuzz.gateway_under_test import ROUTES
from tests.fuzz.others import H11Origin, h11_reply
from tests.fuzz.reply_mutator import LEFT
from tests.fuzz.request_cases import Finding, mark
from tests.support.proxy_harness import gateway
from tests.support.scripted_upstream import eventually

PATIENCE_SECONDS = 20
_PATIENT = (
    ROUTES.replace("_seconds: 1\n", "_seconds: 20\n")
    .replace("_seconds: 0.5\n", "_seconds: 20\n")
    .replace("half_closed_seconds: 0.2", "half_closed_seconds: 20")
)


class WireOrigin(asyncio.Protocol):
    """As `request_cases.Origin`, on a socket."""

    def __init__(self, opened):
        self.reader = H11Origin()
        self.received = bytearray()
        self.aborted = False
        self.transport = None
        opened.append(self)

    def connection_made(self, transport):
        self._real = transport

    def data_received(self, data):
        self.received += data
        for request, body in self.reader.feed(data):
            text = mark(request.method, request.target, body)
            head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(text)
            self._real.write(head if request.method == b"HEAD" else head + text)
        if self.reader.invites():
            self._real.write(request_cases.INVITED)

    def connection_lost(self, error):
        self.aborted = True


async def run_requests(cases):
    """Plays the cases one after another. Raises Finding with the case."""
    opened = []
    server = await asyncio.get_running_loop().create_server(lambda: WireOrigin(opened), "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    # a server: uvloop waits forever for one that is still open when its loop is closed
    async with server, gateway(_PATIENT.format(url=url, client="http1")) as gw:
        gw.logged.events = _Nothing()
        for case in cases:
            ending = "eof" if case.ending == "silence" else case.ending
            await _one_request(gw, opened, dataclasses.replace(case, ending=ending, slow=False, chunked=False))


class _Nothing(list):
    """Keeps nothing of what is logged."""

    def append(self, _):
        pass


async def _one_request(gw, opened, case):
    opened.clear()
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            answers = await _exchange(gw, case)
            await eventually(lambda: not gw.server.server_state.swept and not gw.busy)
            for pool in gw.clients["old"]._pools:
                for connection in tuple(pool.idle):
                    connection.abort()
            await eventually(lambda: all(origin.aborted for origin in opened))
    except TimeoutError:
        raise Finding(f"it hangs: {case!r}") from None
    origins = [SimpleNamespace(reader=o.reader, received=o.received, transport=o) for o in opened]
    try:
        request_cases.judge(case, SimpleNamespace(answers=answers, over=True, waited=0.0), origins)
    except Finding as finding:
        raise Finding(f"{finding}: {case!r}") from finding


async def _exchange(gw, case):
    reader, writer = await asyncio.open_connection("127.0.0.1", gw.port)
    answers = bytearray()
    with contextlib.suppress(ConnectionError):
        for start, end in zip([0, *case.cuts[:12]], [*case.cuts[:12], len(case.data)], strict=True):
            writer.write(case.data[start:end])
            for _ in range(case.turns + 1):
                await asyncio.sleep(0)
        if case.ending == "abort":
            writer.transport.abort()
        else:
            await writer.drain()
            writer.write_eof()
        while piece := await reader.read(65_536):
            answers += piece
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return answers


class HttpxUpstream(asyncio.Protocol):
    """Says the broken reply once, to the request that it is for, and good ones otherwise."""

    def __init__(self, state):
        self._state = state
        self._reader = H11Origin()
        self._transport = None

    def connection_made(self, transport):
        self._transport = transport
        self._state.open.add(transport)

    def connection_lost(self, error):
        self._state.open.discard(self._transport)

    def data_received(self, data):
        case = self._state.case
        for request, _ in self._reader.feed(data):
            if request.target == b"/%d" % case.broken and not self._state.said:
                self._state.said = True
                self._transport.write(case.data)
                if case.ending == "close":
                    self._transport.close()
                elif case.ending == "reset":
                    self._transport.abort()
            else:
                head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(request.target)
                self._transport.write(head if request.method == b"HEAD" else head + request.target)


async def run_httpx(cases):
    """Each case's requests through a fresh `HttpxClient`. Raises Finding with the case."""
    state = SimpleNamespace(case=None, said=False, open=set())
    server = await asyncio.get_running_loop().create_server(lambda: HttpxUpstream(state), "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        timeouts = Timeouts(5.0, 20.0, 20.0)
        for case in cases:
            to_head = case.methods[case.broken] == b"HEAD"
            if case.ending == "stay" and h11_reply(case.data, to_head=to_head, eof=False).verdict != "whole":
                case = dataclasses.replace(case, ending="close")  # noqa: PLW2901 - nothing is learnt by waiting
            state.case, state.said = case, False
            client = HttpxClient([url], timeouts=timeouts)
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    for place, method in enumerate(case.methods):
                        await _one_httpx(client, case, place, method)
            except TimeoutError:
                raise Finding(f"httpx hangs: {case!r}") from None
            finally:
                await client.aclose()
            for transport in tuple(state.open):
                transport.abort()
            await eventually(lambda: not state.open)


async def _one_httpx(client, case, place, method):
    body = b"body" if method in {b"POST", b"PUT"} else None
    request = OutboundRequest(method, b"/%d" % place, [(b"host", b"test")], body)
    status, got, whole = 0, b"", False
    try:
        response = await client.send(request)
        status = response.status
        try:
            while piece := await response.read():
                got += piece
            whole = True
        finally:
            await response.aclose()
    except UpstreamError:
        pass
    if place != case.broken or b"/%d" % place == got:
        good = whole and status == 200 and got == (b"" if method == b"HEAD" else b"/%d" % place)
        if (not good and not _closed_before(case, place)) or LEFT in got:
            raise Finding(f"httpx: request {place} got {status} {got!r}: {case!r}")
        return
    reading = h11_reply(case.data, to_head=method == b"HEAD", eof=case.ending != "stay")
    if whole and (reading.verdict != "whole" or (reading.status, reading.body) != (status, got)):
        raise Finding(f"httpx took {status} {got!r} for whole, h11 {reading!r}: {case!r}")
    if not reading.body.startswith(got):
        raise Finding(f"httpx read {got!r}, h11 {reading!r}: {case!r}")


def _closed_before(case, place):
    """A request right after a reply whose connection is closed may meet that connection; the proxy then tries again."""
    return place == case.broken + 1 and case.ending != "stay"
