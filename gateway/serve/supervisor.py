"""The supervisor: no HTTP, no Redis protocol. It owns the sockets and the processes, and little can go wrong in it.

It binds the sockets, checks routes.yaml once, starts the embedded Valkey where one is asked for, one control process
and N workers, and starts again what dies. SIGTERM drains; a second one stops at once; SIGHUP looks at routes.yaml now.
"""

import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import structlog

from gateway.deaths import Deaths, write_deaths
from gateway.embedded import EmbeddedError, command, require_free_port, wait_ready
from gateway.reload import read_accepted
from gateway.serve.child import Child
from gateway.serve.ground import StartError, check_admin, check_routes, empty, locked, run_dir
from gateway.serve.signals import HURRY, Ear, listening
from gateway.serve.sockets import PortTakenError, address, listen
from gateway.settings import Process, Settings

KILL_MARGIN_SECONDS = 5.0
AT_ONCE_SECONDS = 1.0
CONTROL_STOP_SECONDS = 2.0
REDIS_STOP_SECONDS = 5.0
TICK_SECONDS = 0.5
DRAIN_TICK_SECONDS = 0.1
HOPELESS = 5
"""Quick deaths in a row after which the log says that something is wrong with more than one start."""

log = structlog.get_logger("supervisor")


class Supervisor:
    """One gateway on one machine. `run` returns the exit status."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.children: dict[str, Child] = {}
        self._deaths: dict[str, Deaths] = {}
        self._run_dir = Path()

    def run(self) -> int:
        """Serves until SIGTERM or SIGINT. Raises StartError."""
        settings = self.settings
        with contextlib.ExitStack() as stack:
            stack.enter_context(locked(settings.state_dir))
            check_routes(settings)
            ear = stack.enter_context(listening())
            self._run_dir = stack.enter_context(run_dir())
            empty(settings.metrics_dir)
            try:
                clients = stack.enter_context(listen(settings.host, settings.port, what="clients"))
                admin = stack.enter_context(listen(settings.admin_host, settings.admin_port, what="admin"))
            except PortTakenError as error:
                raise StartError(str(error)) from None
            check_admin(settings, admin.getsockname()[0])
            lifeline, ours = os.pipe()
            os.set_inheritable(lifeline, True)
            stack.callback(os.close, ours)
            stack.callback(os.close, lifeline)
            stack.callback(self._end_everything)
            if settings.redis == "embedded":
                self._start_redis(ear)
            if ear.stop is None:
                self._start_processes(clients.fileno(), admin.fileno(), lifeline)
                log.info(
                    "started",
                    pid=os.getpid(),
                    clients=f"http://{address(clients)}",
                    admin=f"http://{address(admin)}",
                    workers=settings.workers,
                )
                self._watch(ear)
            return self._drain(ear, clients)

    # -- start

    def _start_redis(self, ear: Ear) -> None:
        settings = self.settings
        try:
            data_dir = settings.state_dir / "redis"
            require_free_port(port=settings.redis_port)
            argv = command(port=settings.redis_port, data_dir=data_dir)
            self.children["redis"] = redis = Child("redis", argv, mortal=True)
            redis.start()
            wait_ready(
                port=settings.redis_port,
                alive=lambda: redis.running and ear.stop is None,
                data_dir=data_dir,
                pid=redis.pid,
            )
        except (EmbeddedError, OSError) as error:
            if ear.stop is None:
                raise StartError(f"the embedded Valkey did not start: {error}; its port is --redis-port") from None

    def _start_processes(self, clients: int, admin: int, lifeline: int) -> None:
        for number in range(self.settings.workers):
            self._add("worker", f"w{number}", clients, lifeline)
        self._add("control", "control", admin, lifeline, deaf=(signal.SIGHUP, signal.SIGUSR1))
        try:
            for child in self.children.values():
                if child.process is None:
                    child.start()
        except OSError as error:
            raise StartError(f"a process cannot be started: {error.strerror or error}") from None

    def _add(
        self, module: str, slot: str, listen_fd: int, lifeline: int, *, deaf: tuple[signal.Signals, ...] = ()
    ) -> None:
        process = Process(
            settings=self.settings, slot=slot, run_dir=self._run_dir, listen_fd=listen_fd, lifeline_fd=lifeline
        )
        argv = (sys.executable, "-m", f"gateway.{module}")
        self.children[slot] = Child(slot, argv, process.environment(), (listen_fd, lifeline), deaf=deaf)

    @property
    def _workers(self) -> list[Child]:
        return [child for name, child in self.children.items() if name not in ("control", "redis")]

    # -- life

    def _watch(self, ear: Ear) -> None:
        """Returns when a stop is asked for."""
        while ear.stop is None:
            if ear.take(signal.SIGHUP):
                self.children["control"].signal(signal.SIGHUP)
            self._replace_the_dead(self.children.values())
            ear.wait(self._next_restart())

    def _next_restart(self) -> float:
        now = time.monotonic()
        due = [child.restart_at - now for child in self.children.values() if child.restart_at is not None]
        return max(0.0, min([TICK_SECONDS, *due]))

    def _replace_the_dead(self, children: Iterable[Child]) -> None:
        for child in children:
            pid = child.pid
            if child.reap() is not None:
                self._died(child, pid)
            if child.restart_at is not None and child.restart_at <= time.monotonic():
                self._start_again(child)

    def _died(self, child: Child, pid: int) -> None:
        delay = child.plan_restart()
        log.error("a process died; starting another", name=child.name, pid=pid, how=child.last_end, in_seconds=delay)
        if child.deaths == HOPELESS:
            log.error("A PROCESS KEEPS DYING as soon as it starts", name=child.name, how=child.last_end)
        self._tell_control(child, next_try=time.time() + delay)

    def _start_again(self, child: Child) -> None:
        try:
            child.start()
        except OSError as error:
            child.last_end = f"cannot be started: {error.strerror or error}"
            delay = child.plan_restart()
            log.error("a process cannot be started", name=child.name, problem=child.last_end, in_seconds=delay)
            self._tell_control(child, next_try=time.time() + delay)
        else:
            log.info("started again", name=child.name, pid=child.pid)
            self._tell_control(child, next_try=None)

    def _tell_control(self, child: Child, *, next_try: float | None) -> None:
        before = self._deaths.get(child.name)
        at = time.time() if next_try is not None or before is None else before.at
        self._deaths[child.name] = Deaths(
            times=child.ends, in_a_row=child.deaths, last=child.last_end, at=at, next_try=next_try
        )
        try:
            write_deaths(self._run_dir, self._deaths)
        except OSError as error:
            log.warning("deaths cannot be told to the control process", problem=error.strerror)

    # -- stop

    def _drain(self, ear: Ear, clients: socket.socket) -> int:
        """In good order: readiness first, then the workers, then control, then Redis.

        Our copy of the listening socket is closed at once: as soon as no worker accepts any more, clients are refused
        rather than left in a queue that nobody empties.
        """
        first = ear.take_stop() or signal.SIGTERM
        workers, limit = self._workers, self._drain_limit()
        log.info("stopping", signal=signal.Signals(first).name, within_seconds=limit)
        clients.close()
        if "control" in self.children:
            self.children["control"].signal(signal.SIGUSR1)
        for child in workers:
            child.signal(HURRY if first == signal.SIGINT else signal.SIGTERM)
        deadline, asked_again = time.monotonic() + limit, False
        while any(child.process is not None for child in workers):
            ear.wait(DRAIN_TICK_SECONDS)
            if ear.take_stop() is not None:
                log.warning("stopping at once")
                for child in workers:
                    child.signal(signal.SIGKILL if asked_again else signal.SIGTERM)
                deadline, asked_again = min(deadline, time.monotonic() + AT_ONCE_SECONDS), True
            for child in workers:
                child.reap()
            self._replace_the_dead(child for name, child in self.children.items() if name in ("control", "redis"))
            if time.monotonic() > deadline:
                log.error("workers did not stop in time and are killed")
                for child in workers:
                    child.signal(signal.SIGKILL)
                deadline += KILL_MARGIN_SECONDS
        self._end_everything()
        log.info("stopped")
        return 0

    def _drain_limit(self) -> float:
        try:
            accepted = read_accepted(self.settings.accepted_file)
        except (OSError, ValueError):
            accepted = None
        if accepted is None:
            return 60.0
        return accepted.routes.drain_delay_seconds + accepted.routes.drain_timeout_seconds + KILL_MARGIN_SECONDS

    def _end_everything(self) -> None:
        for child in sorted(self.children.values(), key=lambda child: child.name == "redis"):
            child.end(seconds=REDIS_STOP_SECONDS if child.name == "redis" else CONTROL_STOP_SECONDS)
            child.process = None
