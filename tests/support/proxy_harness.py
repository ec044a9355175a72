"""The data plane in this process on real sockets: a proxy under a server, plans from YAML, and clients of raw bytes.

    async with serving(script) as old, gateway(ONE % old.url, server) as gw, gw.client() as client:
        reply = await client.get("/")

What holds at the end of every test is checked here: nothing in flight, no stream left, no noise in the logs.
"""

import asyncio
import contextlib
import dataclasses
import logging
import socket
import time
from collections import Counter
from dataclasses import dataclass

import pytest
import uvicorn
from prometheus_client import CollectorRegistry

from gateway import recorder
from gateway.config.load import load
from gateway.edge.server import EdgeServer, edge_config
from gateway.model import BasisPoints
from gateway.proxy import Proxy
from gateway.recorder import Recorder
from gateway.rules.noise import Verdict
from gateway.rules.plan import compile_plan
from gateway.rules.policy import resolve
from gateway.shadow.clients import ShadowClients
from gateway.shadow.shadows import Shadows
from gateway.shadow_speech import ShadowSpeech
from gateway.tasks import Tasks
from gateway.telemetry.metrics import RequestMetrics
from gateway.telemetry.shadow_metrics import ShadowMetrics
from gateway.upstream.registry import Upstreams
from tests.support.scripted_upstream import LOOPS, PATIENCE, eventually

SERVERS = ["edge", "uvicorn"]
ANY_SERVER = [
    pytest.mark.anyio,
    pytest.mark.parametrize("anyio_backend", LOOPS),
    pytest.mark.parametrize("server", SERVERS),
]
"""The app's contract: it holds under any ASGI server."""
OUR_EDGE = [
    pytest.mark.anyio,
    pytest.mark.parametrize("anyio_backend", LOOPS),
    pytest.mark.parametrize("server", ["edge"]),
]

ONE = """
version: 1
upstreams:
  old: {{url: "{old}", {options}}}
{top}
routes:
  - {{path: "/*", upstream: old}}
"""

TWO = """
version: 1
{top}
upstreams:
  old: {{url: "{old}"}}
  new: {{url: "{new}", {options}}}
features:
  auth: {{legacy: old, new: new, percent: {percent}, {feature}}}
routes:
  - {{path: "/api/auth/*", feature: auth}}
  - {{path: "/*", upstream: old}}
"""


def one(old, *, options="connect_timeout_seconds: 5", top=""):
    """A file with one fixed upstream."""
    return ONE.format(old=old.url, options=options, top=top)


def two(old, new, *, percent=100, feature="key: ['header:x-user']", top="", options="connect_timeout_seconds: 5"):
    """A file with a feature between two upstreams, and the rest to the old one."""
    return TWO.format(old=old.url, new=new.url, percent=percent, feature=feature, top=top, options=options)


@dataclass(frozen=True)
class Reply:
    status: int
    fields: list
    body: bytes

    def all(self, name):
        return [value for field, value in self.fields if field == name]

    def __getitem__(self, name):
        (value,) = self.all(name)
        return value


class BrokenReplyError(Exception):
    """The connection ended, or was reset, inside a reply."""


class Client:
    """One connection to the gateway."""

    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def get(self, target="/", *lines, method="GET", version="1.1"):
        return await self.ask(method, target, *lines, version=version)

    async def ask(self, method, target, *lines, body=b"", version="1.1"):
        """A request with `host: test` unless the lines name one, and its reply."""
        await self.send(head_of(method, target, *lines, version=version) + body)
        return await self.reply(method)

    async def head(self):
        """The next reply's head: status and fields."""
        try:
            text = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise BrokenReplyError(getattr(error, "partial", b"")) from error
        first, *lines = text[:-4].split(b"\r\n")
        fields = [tuple(line.split(b": ", 1)) for line in lines]
        return int(first.split(b" ", 2)[1]), fields

    async def reply(self, method="GET"):
        status, fields = await self.head()
        try:
            body = b"" if method == "HEAD" or status in {204, 304} else await self.body(dict(fields))
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise BrokenReplyError from error
        return Reply(status, fields, body)

    async def body(self, fields):
        if b"content-length" in fields:
            return await self.reader.readexactly(int(fields[b"content-length"]))
        if b"transfer-encoding" not in fields:
            return await self.reader.read()
        body = bytearray()
        while piece := await self.chunk():
            body += piece
        return bytes(body)

    async def chunk(self):
        size = int(await self.reader.readuntil(b"\r\n"), 16)
        piece = await self.reader.readexactly(size + 2)
        return piece[:-2]

    async def closed(self):
        """Waits until the gateway has closed; what came until then."""
        left = bytearray()
        with contextlib.suppress(ConnectionError):
            while piece := await self.reader.read(65_536):
                left += piece
        return bytes(left)

    async def leave(self):
        self.writer.transport.abort()


def head_of(method, target, *lines, version="1.1"):
    target = target if isinstance(target, bytes) else target.encode()
    fields = [line if isinstance(line, bytes) else line.encode("latin-1") for line in lines]
    if not any(field.lower().startswith(b"host:") for field in fields):
        fields.insert(0, b"host: test")
    return b"\r\n".join([b"%b %b HTTP/%b" % (method.encode(), target, version.encode()), *fields, b"", b""])


class Logged:
    """Takes the place of the recorder's logger."""

    def __init__(self):
        self.events = []

    def _log(self, level):
        return lambda event, **fields: self.events.append({"event": event, "level": level, **fields})

    def __getattr__(self, level):
        return self._log(level)


class Book:
    """Takes the place of the ledger: what `Shadows` writes down."""

    def __init__(self):
        self.outcomes = Counter()
        self.kept = []
        self.pairs = []
        self.verdicts = {}

    def count(self, feature, outcome):
        self.outcomes[outcome.value] += 1

    def add(self, compared, plan):
        self.kept.append(compared)

    def pair(self, pair):
        self.pairs.append(pair)

    def verdict(self, feature, route, place):
        return self.verdicts.get(place, Verdict.UNDECIDED)


class _Noise(logging.Handler):
    def __init__(self):
        super().__init__(logging.WARNING)
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())


class Gateway:
    """What a worker holds, for `Proxy`; tests change it while requests run."""

    def __init__(self, text, book=None):
        loaded = load(text)
        assert not loaded.faults, loaded.faults
        self._clock = time.monotonic
        self.upstreams = Upstreams(self._now)
        self.upstreams.apply(loaded.routes.upstreams)
        self.plan = compile_plan(loaded.routes, loaded.sha256)
        self.policies = resolve(routes=loaded.routes, environment={}, known=None, store_configured=False)
        self.metrics = RequestMetrics(CollectorRegistry())
        self.shadow_clients = ShadowClients()
        self.shadow_clients.apply(loaded.routes.upstreams, self.plan.shadow, self.upstreams.secured)
        self.book = book or Book()
        self.shadows = Shadows(self, self.shadow_clients, ShadowSpeech(), self.book, ShadowMetrics(self.metrics))
        self.proxy = Proxy(self, Recorder(self.metrics), shadows=self.shadows)
        self.port = 0
        self.server = None
        self.logged = Logged()
        self.noise = _Noise()

    @property
    def clients(self):
        return self.upstreams.clients

    @property
    def guards(self):
        return self.upstreams.guards

    def _now(self):
        return self._clock()

    def use_clock(self, clock):
        """What breakers and caps take for the time from now on."""
        self._clock = clock
        return clock

    def change(self, feature="auth", **values):
        self.policies = {**self.policies, feature: dataclasses.replace(self.policies[feature], **values)}

    def kill(self):
        self.change(killed=True, kill_sources=("redis",))

    def percent(self, percent):
        self.change(basis_points=BasisPoints(percent * 100))

    @contextlib.asynccontextmanager
    async def client(self, **options):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, **options)
        try:
            yield Client(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def _samples(self, name, *labels):
        return {
            tuple(sample.labels[label] for label in labels): int(sample.value)
            for metric in self.metrics.registry.collect()
            for sample in metric.samples
            if sample.name == name and sample.value
        }

    @property
    def requests(self):
        """By (feature, side, status)."""
        return self._samples("gateway_requests_total", "feature", "side", "status")

    @property
    def attempts(self):
        """By (side, outcome)."""
        return self._samples("gateway_attempts_total", "side", "outcome")

    @property
    def upstream_errors(self):
        """By (upstream, kind)."""
        return self._samples("gateway_upstream_errors_total", "upstream", "kind")

    @property
    def fallbacks(self):
        """By (feature, cause)."""
        return self._samples("gateway_fallbacks_total", "feature", "cause")

    @property
    def retries(self):
        """By (upstream, result)."""
        return self._samples("gateway_retries_total", "upstream", "result")

    async def until_counted(self, **requests):
        """Until as many requests have ended as the test has made."""
        await eventually(lambda: sum(self.requests.values()) == requests.get("total", 1))

    @property
    def shadowed(self):
        """By outcome."""
        found = self._samples("gateway_shadow_requests_total", "outcome")
        return {outcome: number for (outcome,), number in found.items()}

    async def until_shadowed(self, **outcomes):
        """Until the copies of all requests have ended, as the test says."""
        await eventually(lambda: self.shadowed == outcomes and self.shadows.in_flight == 0)
        assert self.book.outcomes == outcomes
        assert self.shadows.budget.held == 0

    @property
    def connections_refused(self):
        """By cause."""
        found = self._samples("gateway_connections_refused_total", "cause")
        return {cause: number for (cause,), number in found.items()}

    @property
    def busy(self):
        """Whether anything is being done for anybody."""
        flying = any(self.metrics.in_flight.values()) or any(client.in_flight for client in self.clients.values())
        return flying or bool(self.proxy.streams.open or self.proxy.websockets.open)


@contextlib.asynccontextmanager
async def gateway(text, server="edge", *, noise=(), tls=None, book=None):
    """noise: parts of lines that a server may log in this test; any other line of warning fails it. tls: the context
    that clients meet. book: what shadows are written down in.
    """
    gw = Gateway(text, book)
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    listener.setblocking(False)
    gw.port = listener.getsockname()[1]
    loggers = [logging.getLogger(name) for name in ("uvicorn.error", "asyncio")]
    for logger in loggers:
        logger.addHandler(gw.noise)
    before, recorder.log = recorder.log, gw.logged
    gw.server = await _start(gw.proxy, listener, server, tls)
    tasks = Tasks()
    gw.upstreams.run_checks(tasks)
    try:
        async with asyncio.timeout(PATIENCE * 3):
            yield gw
        await eventually(lambda: not gw.busy)
        assert not tasks.failed.is_set()
    finally:
        await gw.shadows.stop()
        await gw.shadow_clients.aclose()
        await tasks.stop()
        await _stop(gw.server, listener)
        for client in gw.clients.values():
            await client.aclose()
        recorder.log = before
        for logger in loggers:
            logger.removeHandler(gw.noise)
    loud = [line for line in gw.noise.lines if not any(part in line for part in noise)]
    assert not loud, loud


async def _start(app, listener, kind, tls=None):
    if kind == "edge":
        server = EdgeServer(edge_config(app), app.reception)
        if tls is not None:
            await server.begin([], secure=[listener], context=lambda: tls)
        else:
            await server.begin([listener])
        return server
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http="httptools",
            ws="websockets-sansio",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
        )
    )
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup(sockets=[listener])
    return server


async def _stop(server, listener):
    for acceptor in getattr(server, "acceptors", ()):
        acceptor.close()
    for each in server.servers:
        each.close()
    for connection in list(server.server_state.connections):
        connection.transport.abort()
    tasks = list(server.server_state.tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await eventually(lambda: not server.server_state.connections)
    listener.close()


CUT = ("Exception in ASGI application",)
"""How plain uvicorn logs that the app wants a connection cut: an ASGI app can say it in no other way."""
