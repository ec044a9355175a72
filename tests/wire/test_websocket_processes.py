"""WebSockets through `gateway serve` with a usual client and a usual server: edits, flags, a kill, a drain."""

import contextlib
import signal
import threading
import time

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.sync.server import serve

from tests.support.gateway_process import ROUTES

USER = {"x-user": "alice"}
SOCKETS = 8


@pytest.fixture
def sides():
    """Two WebSocket servers that echo with their names, each in a thread."""
    with contextlib.ExitStack() as stack:
        ports = {}
        for name in ("legacy", "new"):

            def handler(socket, name=name):
                with contextlib.suppress(ConnectionClosed):
                    for message in socket:
                        socket.send(f"{name}: {message}")

            server = stack.enter_context(serve(handler, "127.0.0.1", 0))
            stack.callback(server.shutdown)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            ports[name] = server.socket.getsockname()[1]
        yield ports


@pytest.fixture
def opened(launch, sides):
    """A gateway with an embedded Redis, and its text of routes."""
    text = ROUTES.format(legacy=sides["legacy"], new=sides["new"], percent=100, delay=0, timeout=20)
    return launch(redis="embedded", routes=text), text


@contextlib.contextmanager
def sockets(gateway, path):
    with contextlib.ExitStack() as stack:
        url = f"ws://127.0.0.1:{gateway.port}{path}"
        yield [stack.enter_context(connect(url, additional_headers=USER, proxy=None)) for _ in range(SOCKETS)]


def said(socket, text):
    socket.send(text)
    return socket.recv(timeout=10)


def closing_of(socket):
    with pytest.raises(ConnectionClosed) as closed:
        socket.recv(timeout=10)
    return closed.value.rcvd.code


def test_sockets_outlive_edits_and_percents_and_a_kill_ends_those_on_new(opened):
    gateway, text = opened
    with sockets(gateway, "/auth/live") as on_new, sockets(gateway, "/other") as fixed:
        assert {said(each, "a") for each in on_new} == {"new: a"}
        assert {said(each, "a") for each in fixed} == {"legacy: a"}
        gateway.flag("auth", "set", percent="0", reason="all back")
        gateway.routes_file.write_text(text.replace("expose_decision: true", "expose_decision: false"))
        gateway.until_logged("routes.yaml in force", count=2)  # by each worker
        assert {said(each, "b") for each in on_new} == {"new: b"}
        gateway.flag("auth", "disable", reason="a test")
        assert {closing_of(each) for each in on_new} == {1012}
        assert {said(each, "c") for each in fixed} == {"legacy: c"}
        with sockets(gateway, "/auth/live") as again:
            assert {said(each, "d") for each in again} == {"legacy: d"}


def test_a_drain_tells_every_socket_and_does_not_wait_for_its_timeout(opened):
    gateway, _ = opened
    with sockets(gateway, "/auth/live") as on_new, sockets(gateway, "/other") as fixed:
        assert {said(each, "a") for each in (*on_new, *fixed)} == {"new: a", "legacy: a"}
        gateway.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert {closing_of(each) for each in (*on_new, *fixed)} == {1012}
        assert gateway.process.wait(15) == 0
        assert time.monotonic() - began < 10


def test_a_handshake_for_nobody_is_refused_with_a_problem(launch, sides):
    text = ROUTES.format(legacy=1, new=sides["new"], percent=100, delay=0, timeout=5)
    gateway = launch(routes=text)
    with pytest.raises(InvalidStatus) as refused, sockets(gateway, "/other"):
        pass
    assert refused.value.response.status_code == 502
    assert b'"status":502' in refused.value.response.body
