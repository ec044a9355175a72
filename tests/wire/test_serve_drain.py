"""Stopping: what is still served, what is finished, what is cut, how long it takes, and that nothing stays."""

import http.client
import signal
import threading
import time

from tests.support.gateway_process import Client, get, until

USER = {"x-user": "alice"}


class Request:
    """A request in a thread of its own."""

    def __init__(self, port, path):
        self.reply = self.error = None
        self._thread = threading.Thread(target=self._run, args=(port, path), daemon=True)
        self._thread.start()

    def _run(self, port, path):
        try:
            self.reply = get(port, path, headers=USER)
        except (OSError, http.client.HTTPException) as error:
            self.error = error

    @property
    def was_cut(self):
        """A reply that has not begun may still become a 503; none that has may look whole."""
        return self.error is not None if self.reply is None else self.reply.status == 503

    def join(self):
        self._thread.join(15)
        assert not self._thread.is_alive()


def refused(port):
    try:
        get(port, "/auth/x", headers=USER)
    except ConnectionError:
        return True
    return False


def test_sigterm_serves_on_during_the_delay_and_lets_requests_finish(launch, make_routes, upstreams):
    gateway = launch(redis="embedded", routes=make_routes(delay=6, timeout=10))
    idle, used = Client(gateway.port), Client(gateway.port)
    for client in (idle, used):
        assert "connection" not in client.ask("/auth/x", headers=USER).headers
    running = Request(gateway.port, "/auth/slow")
    until(lambda: upstreams["new"].waiting == 1)
    gateway.process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    until(lambda: gateway.admin("/readyz").status == 503, seconds=5, what="readiness 503, before the delay is over")
    assert gateway.admin("/readyz?workers=all").status == 503
    assert gateway.admin("/healthz").status == 200
    for reply in (used.ask("/auth/x", headers=USER), get(gateway.port, "/auth/x", headers=USER)):
        assert (reply.status, reply.body) == (200, b"new")
        assert reply.headers["connection"] == "close"
    assert time.monotonic() - began < 6  # all of that was within the delay
    until(lambda: refused(gateway.port), what="new connections refused, while a request still runs")
    assert gateway.process.poll() is None
    upstreams["new"].release.set()
    running.join()
    assert running.reply.body == b"new"
    assert gateway.process.wait(10) == 0
    assert gateway.left() == []
    for client in (idle, used):
        client.__exit__()


def test_idle_connections_do_not_hold_up_a_stop(launch, make_routes):
    gateway = launch(routes=make_routes(timeout=30))
    clients = [Client(gateway.port) for _ in range(5)]
    for client in clients:
        client.ask("/auth/x", headers=USER)
    assert gateway.stop(signal.SIGTERM, seconds=10) == 0
    assert gateway.left() == []
    for client in clients:
        client.__exit__()


def test_a_request_longer_than_the_timeout_is_cut(launch, make_routes, upstreams):
    gateway = launch(routes=make_routes(timeout=0.3))
    running = Request(gateway.port, "/auth/slow")
    until(lambda: upstreams["new"].waiting == 1)
    assert gateway.stop(signal.SIGTERM, seconds=10) == 0
    running.join()
    assert running.was_cut
    assert sum(line["requests_cut"] for line in gateway.lines("stopped") if "requests_cut" in line) == 1
    assert [line for line in gateway.lines() if "Traceback" in str(line)] == []
    assert gateway.left() == []


def test_a_second_signal_stops_at_once(launch, make_routes, upstreams):
    gateway = launch(routes=make_routes(delay=20, timeout=20))
    running = Request(gateway.port, "/auth/slow")
    until(lambda: upstreams["new"].waiting == 1)
    gateway.process.send_signal(signal.SIGTERM)
    gateway.until_logged("draining", count=2)
    assert gateway.stop(signal.SIGINT, seconds=10) == 0
    running.join()
    assert running.was_cut
    assert gateway.left() == []


def test_sigint_skips_the_delay_and_lets_requests_finish(launch, make_routes, upstreams):
    gateway = launch(routes=make_routes(delay=20, timeout=20))
    running = Request(gateway.port, "/auth/slow")
    until(lambda: upstreams["new"].waiting == 1)
    gateway.process.send_signal(signal.SIGINT)
    until(lambda: refused(gateway.port), seconds=10)
    upstreams["new"].release.set()
    assert gateway.process.wait(10) == 0
    running.join()
    assert running.reply.body == b"new"
    assert gateway.left() == []


def test_a_stop_during_the_start_leaves_nothing(launch):
    gateway = launch(redis="embedded", wait=False)
    until(lambda: len(gateway.pids()) == 4)
    assert gateway.stop(signal.SIGINT, seconds=10) == 0
    assert gateway.left() == []
    assert not any("Traceback" in line["event"] for line in gateway.lines())


def test_a_worker_that_hangs_is_killed_at_the_second_signal(launch, make_routes):
    gateway = launch(routes=make_routes(delay=20, timeout=20))
    gateway.kill("w0", signal.SIGSTOP)
    gateway.process.send_signal(signal.SIGTERM)
    gateway.until_logged("draining")
    assert gateway.stop(signal.SIGTERM, seconds=10) == 0
    assert gateway.lines("workers did not stop in time and are killed")
    assert gateway.left() == []


def test_a_control_process_that_dies_in_the_drain_comes_back_unready(launch, make_routes):
    gateway = launch(routes=make_routes(delay=20, timeout=20))
    gateway.process.send_signal(signal.SIGTERM)
    gateway.until_logged("draining", count=2)
    gateway.replaced("control", gateway.kill("control"))

    def unready():
        try:
            return gateway.admin("/readyz").status == 503
        except OSError:
            return False

    until(unready)
    assert gateway.stop(signal.SIGTERM, seconds=10) == 0
