"""A client's connection: heads and bodies out of its bytes, one request at a time, and an orderly end.

Rules:

1.  Bytes are read as a head only when the request before has been read to its end and answered. What a client sends
    ahead waits unread, so that nonsense after a request cannot disturb its answer.
2.  What cannot be read strictly is answered once, by a problem document, and nothing that follows on the connection is
    read as a request.
3.  A connection ends by shutting down our side, and closes when the client has closed its own: a close with unread
    bytes would be a reset, which destroys the answer on its way. Bounded in bytes and in time.
4.  A broken answer never looks whole: it ends with a reset.
5.  A client that has closed its sending side may be waiting for its answer, or be gone. It is served for
    `half_closed_seconds`, and to the end if by then it has been sent something: one that is gone answers that by a
    reset.
"""

import asyncio
import secrets
import time
from functools import partial
from math import inf
from typing import Final

import structlog
import uvicorn

from gateway.edge.connection import LINGER_SECONDS, Connection, Phase
from gateway.edge.cycle import READ_AHEAD_BYTES, App, Cycle, Take
from gateway.edge.reply_head import refusal
from gateway.edge.scope import Ends, client_address, connection_scope, request_scope
from gateway.edge.state import EdgeState, Room
from gateway.errors import ClientError, GatewayError, NoUpstreamError
from gateway.rules.chunks import BodyFraming, framing_of
from gateway.rules.framing import bad_request
from gateway.rules.headers import Fields
from gateway.rules.problem import CONTENT_TYPE, problem_document
from gateway.rules.request_head import RequestHead, check_beginning, parse_head
from gateway.rules.target import ALLOW
from gateway.rules.upgrade import is_handshake
from gateway.runner import Runner, in_a_task
from gateway.websocket_edge import Upgraded, take_over

LINGER_BYTES: Final = 67_108_864
"""What is still taken, to be thrown away, from a client that has its last answer, so that it can read it."""

DRAIN_BYTES = 1_048_576
"""How much of a body that nobody wants is read so that its connection can be used again."""

MAX_EMPTY_LINES: Final = 4
"""Before a request line: RFC 9112 section 2.2 asks for one at least."""

_HEAD: Final = Phase.HEAD
_BODY: Final = Phase.BODY
_AHEAD: Final = Phase.AHEAD
_CLOSING: Final = Phase.CLOSING

log = structlog.get_logger("edge")


class EdgeProtocol(Connection):
    """One per client connection. `listener` is set by the exchange that is being served, if any. ends: of the
    connection, where a balancer has told them.
    """

    def __init__(self, config: uvicorn.Config, server_state: EdgeState, ends: Ends | None = None) -> None:
        super().__init__(server_state)
        # of the process
        self._app: App = config.loaded_app
        self._take: Take | None = getattr(self._app, "take", None)
        # of the connection
        self._ends = ends
        self._scope: dict[str, object] = {}
        self._discarded = 0
        # of the request
        self._checked = 0
        self._empty_lines = 0
        self._in_turn = False
        self._began = 0.0
        self._framing: BodyFraming | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Counts the connection; one too many is told so and closed, and many too many are cut."""
        self.transport = transport
        self._scope = connection_scope(transport, self, self._ends)
        self.address = client_address(self._scope)
        self.scheme = str(self._scope["scheme"])
        self._state.connections.add(self)  # type: ignore[arg-type]
        self._began = self.loop.time()
        self.deadline = self._began + self._front.limits.head_timeout_seconds
        room = self._state.add(self, self.address)
        if room is Room.NO:
            self._refuse(NoUpstreamError("there are too many connections"))
        elif room is Room.NOT_EVEN:
            self.phase = _CLOSING
            self.abort()

    # -- what arrives

    def data_received(self, data: bytes) -> None:
        """What the bytes are is the phase's to say."""
        phase = self.phase
        if phase is _HEAD:
            self._take_head(self._buffer + data if self._buffer else data)
        elif phase is _BODY:
            self._take_body(data)
        elif phase is _AHEAD:
            self._buffer += data
            if len(self._buffer) > READ_AHEAD_BYTES:
                self.hold_reading()
        else:
            self._discard(len(data))

    def _take_head(self, data: bytes) -> None:
        while data[:1] == b"\r" and data[:2] == b"\r\n" and self._empty_lines < MAX_EMPTY_LINES:
            self._empty_lines += 1
            data = data[2:]
        end = data.find(b"\r\n\r\n", max(self._checked - 3, 0))
        try:
            if end >= 0:
                self._serve(parse_head(data[: end + 2], self._front.head_limits), data[end + 4 :])
            elif data:
                self._wait_for_the_rest(data)
            else:
                self._buffer = b""
        except ClientError as error:
            self._refuse(error, data)

    def _wait_for_the_rest(self, data: bytes) -> None:
        if not self._buffer:
            self._began = self.loop.time()
            self.deadline = self._began + self._front.limits.head_timeout_seconds
        check_beginning(data, self._front.head_limits, checked=self._checked)
        self._buffer = data
        self._checked = len(data)

    def _serve(self, head: RequestHead, rest: bytes) -> None:
        """Hands the request to the app. `rest` is what came after its head."""
        self._checked = self._empty_lines = 0
        self._buffer = b""
        if head.wants_websocket and head.minor and is_handshake(head.method, head.fields):
            self._become_websocket(head, rest)
            return
        cycle = self.cycle = Cycle(self, head)
        if head.wants_websocket:  # the app refuses it; what follows is none
            cycle.keep_alive = False
        self.deadline = inf
        if head.length:
            self.phase = _BODY
            self._framing = framing_of(head.length, max_trailer_bytes=self._front.limits.max_head_bytes)
            if rest:
                self._take_body(rest)
            elif not cycle.expects_continue:
                self.expect_body()
            if self._half_closed and self.phase is _BODY:
                self._fault(bad_request("the connection ended inside the body of a request"))
        else:
            self.phase = _AHEAD
            if rest:
                self.data_received(rest)
        if self._take is not None:
            self._run(Runner(self._take(head, self, cycle.receive, cycle.send), self.loop, cycle.ended))
        else:
            app = partial(self._app, request_scope(self._scope, head), cycle.receive, cycle.send)
            self._run(Runner(in_a_task(app), self.loop, cycle.ended))

    def _run(self, runner: Runner) -> None:
        """At once, unless this request was read because another was answered: a thousand sent ahead must not be served
        one inside the other.
        """
        self._state.running.add(runner)
        if self._in_turn:
            self.loop.call_soon(runner.start)
        else:
            runner.start()

    def _become_websocket(self, head: RequestHead, rest: bytes) -> None:
        """The connection is handed over; ours are only its count, and what the server tells it."""
        self.deadline = inf
        self.resume_writing()  # that an answer before it is being taken slowly is told to others from now on
        scope, tasks = request_scope(self._scope, head), self._state.tasks
        upgraded = Upgraded(self.transport, scope, self._app, tasks, self.connection_lost)
        self._websocket = take_over(upgraded, rest)

    def _take_body(self, data: bytes) -> None:
        cycle, framing = self.cycle, self._framing
        assert cycle is not None  # noqa: S101 - a body belongs to a request
        assert framing is not None  # noqa: S101 - and has a framing
        try:
            piece = framing.feed(data)
        except ClientError as error:
            self._fault(error)
            return
        if cycle.response_complete:
            self._discard(len(data))
        elif piece:
            cycle.add(piece)
        if framing.done:
            self._end_body(cycle, framing.left)
        elif self.reading and self.phase is _BODY and not cycle.response_complete:
            self.expect_body(len(data))

    def _end_body(self, cycle: Cycle, left: bytes) -> None:
        self._framing = None
        self.deadline = inf
        if self.phase is not _BODY:
            return
        self.phase = _AHEAD
        cycle.end_body()
        self.resume_reading()  # nobody will ask for more, and a client's leaving must still show
        if left:
            self.data_received(left)
        if cycle.response_complete:
            self._next()

    def _discard(self, size: int) -> None:
        """Of a client that has its answer, or will have it soon."""
        self._discarded += size
        if self.cycle is not None and not self.cycle.response_complete:
            if self._discarded > DRAIN_BYTES:
                self.hold_reading()
        elif self.phase is _BODY:
            if self._discarded > DRAIN_BYTES:
                self._end()
        elif self._discarded > LINGER_BYTES:
            self._end(at_once=True)

    def eof_received(self) -> bool:
        """The client sends no more. Whether the connection stays open for what it is owed."""
        self._half_closed = True
        if self.phase is _HEAD and self._buffer:
            self._refuse(bad_request("the connection ended inside the head of a request"), self._buffer)
        elif self.phase is _BODY:
            self.transport.abort()
        elif self._owes_an_answer and self._front.limits.half_closed_seconds:
            self.wrote = False
            self._watch_half_closed()
            return True
        return False

    # -- refusals

    def _refuse(self, error: GatewayError, text: bytes = b"") -> None:
        """Answers what never became a request. text: as much as there is of its head."""
        line = text.partition(b"\r\n")[0].split(b" ")
        method = line[0][:32] if len(line) > 1 else b""
        request_id = b"%032x" % secrets.randbits(128)
        fields = [b"x-request-id: " + request_id]
        if error.status == 405:
            fields.append(b"allow: " + ALLOW)
        elif error.status == 503:
            fields.append(b"retry-after: 1")
        document = problem_document(error, request_id)
        now = time.time()
        self.write(refusal(error.status, now, document, CONTENT_TYPE, *fields, with_body=method != b"HEAD"))
        seconds = self.loop.time() - self._began if self._buffer else 0.0
        path = line[1] if len(line) > 1 else b""
        self._front.refused(error, request_id=request_id, method=method, path=path, seconds=seconds)
        self._end()

    def turn_away(self, error: GatewayError, text: bytes) -> None:
        """Called instead of `data_received` for what cannot be a request here, however it reads."""
        if self.phase is _HEAD:
            self._refuse(error, text)

    def _fault(self, error: GatewayError) -> None:
        """What was to be a body is none, or does not come. The answer to its request says so, if it can."""
        cycle = self.cycle
        assert cycle is not None  # noqa: S101 - a body belongs to a request
        self._framing = None
        self.phase = _CLOSING
        self.deadline = inf
        if cycle.response_complete:
            self._end()
            return
        cycle.keep_alive = False
        cycle.fault = error
        cycle.wake()
        if self.listener is not None:
            self.listener.refuse(error)

    # -- for the cycle

    @property
    def must_close(self) -> bool:
        """Whether no request will be read after the one that is being answered."""
        return self._state.draining or self._closes_soon or self.phase is _CLOSING

    @property
    def awaits_continue(self) -> bool:
        """For the exchange: whether nothing of the body has come, and it may still."""
        cycle = self.cycle
        return cycle is not None and cycle.expects_continue and cycle.more_body and cycle.fault is None

    @property
    def has_much_to_come(self) -> bool:
        """Whether the rest of a body is more than we would take for nothing, or may be."""
        return self._framing is not None and self._framing.remaining > DRAIN_BYTES

    def want_body(self) -> None:
        """The app waits for more of the body."""
        self.resume_reading()
        if self.phase is _BODY and self.deadline == inf:
            self.expect_body()

    def hold_body(self) -> None:
        """The app is slower than the client: it is not the client that is waited for."""
        self.hold_reading()
        self.deadline = inf

    def arrived(self) -> bytes | None:
        """For the exchange: the whole body, where it is there."""
        return self.cycle.arrived() if self.cycle is not None else None

    def interim(self, status: int, fields: Fields) -> None:
        """For the exchange: what the upstream said before its answer."""
        if self.cycle is not None:
            self.cycle.interim(status, fields)

    def begin(self, status: int, fields: Fields) -> None:
        """For the exchange: the answer's head, where the client is still there. It is written with what follows."""
        if self.cycle is not None and not self.cycle.disconnected:
            self.cycle.begin(status, fields, hold=True)

    def flush(self) -> None:
        """For the exchange: nothing follows for the moment."""
        if self.cycle is not None and not self.cycle.disconnected:
            self.cycle.flush()

    def withdraw(self) -> bool:
        """For the exchange: whether its answer has not been begun after all."""
        return self.cycle is not None and self.cycle.withdraw()

    def go_on(self, piece: bytes, *, more: bool) -> None:
        """For the exchange: a piece of the answer's body, or its end."""
        if self.cycle is not None and not self.cycle.disconnected:
            self.cycle.go_on(piece, more=more)

    def answered(self, *, keep_alive: bool) -> None:
        """The answer is complete."""
        if not keep_alive or self.phase is _CLOSING:
            self._end()
        elif self.phase is _AHEAD:
            self._next()
        else:
            self._discarded = 0
            self.resume_reading()
            self.deadline = self.loop.time() + LINGER_SECONDS

    def app_ended(self, cycle: Cycle, runner: Runner, error: BaseException | None) -> None:
        """The app has returned, or raised."""
        self._state.running.discard(runner)
        if isinstance(error, asyncio.CancelledError):
            self._app_failed(cycle, None)
        elif error is not None or not (cycle.response_complete or cycle.disconnected):
            self._app_failed(cycle, error)

    def _app_failed(self, cycle: Cycle, error: BaseException | None) -> None:
        """It has raised, or returned without a whole answer."""
        if error is not None:
            log.error("the app failed", exc_info=error)
        if self.lost or cycle.response_complete:
            return
        if cycle.response_started:
            self.abort()
        else:
            cycle.disconnected = True
            self._refuse(GatewayError("the gateway failed to answer"))

    def _next(self) -> None:
        """The connection is ready for another request, of which there may be something already."""
        self.phase = _HEAD
        self.resume_reading()
        self.deadline = self.loop.time() + self._front.limits.keep_alive_seconds
        buffered, self._buffer = self._buffer, b""
        if buffered:
            self._in_turn = True
            self._take_head(buffered)
            self._in_turn = False
        if self.phase is _HEAD and (self._half_closed or (self._closes_soon and not self._buffer)):
            self._end()

    # -- time

    def expire(self, now: float) -> None:
        """The deadline of what the connection is waiting for has passed. Called by the sweep."""
        self.deadline = inf
        if self.phase is _HEAD and self._buffer:
            self._refuse(ClientError(408, "Request timeout", "the request's head did not come in time"), self._buffer)
        elif self.phase is _HEAD:
            self._end()
        elif self.phase is _BODY:
            self._fault(ClientError(408, "Request timeout", "the request's body did not come in time"))
        elif self.phase is _CLOSING and self.is_taking(now):
            self.deadline = now + LINGER_SECONDS
        elif self.phase is _CLOSING:
            self.transport.abort()
