"""The supervisor: no HTTP, no Redis protocol. It owns the sockets and the processes, and little can go wrong in it.

It binds the sockets, checks routes.yaml once, starts the embedded Valkey where one is asked for, one control process
and N workers, and starts again what dies or hangs. SIGTERM drains; a second one stops at once; SIGHUP looks at
routes.yaml and at certificates now; SIGUSR1 replaces the workers one by one.
"""

import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import structlog

from gateway.accept import clear_place
from gateway.deaths import Deaths, write_deaths
from gateway.embedded import EmbeddedError, command, require_free_port, wait_ready
from gateway.pulse import Pulses
from gateway.reload import read_accepted
from gateway.rolling import RollState, write_roll
from gateway.serve.child import Child
from gateway.serve.ground import StartError, check_admin, check_for_worker, check_routes, empty, locked, run_dir
from gateway.serve.predecessors import TakenError, once_they_left, record
from gateway.serve.roll import Roll
from gateway.serve.signals import HURRY, Ear, listening
from gateway.serve.sockets import PortTakenError, address, listen
from gateway.serve.vigil import Vigil
from gateway.settings import Process, Settings

KILL_MARGIN_SECONDS = 5.0
AT_ONCE_SECONDS = 1.0
CONTROL_STOP_SECONDS = 2.0
REDIS_STOP_SECONDS = 5.0
TICK_SECONDS = 0.5
ROLL_TICK_SECONDS = 0.05
DRAIN_TICK_SECONDS = 0.1
HOPELESS = 5
"""Quick deaths in a row after which the log says that something is wrong with more than one start."""

T = TypeVar("T")

log = structlog.get_logger("supervisor")


class Supervisor:
    """One gateway on one machine. `run` returns the exit status."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.children: dict[str, Child] = {}
        self._deaths: dict[str, Deaths] = {}
        self._run_dir = Path()
        self._clients: tuple[int, ...] = ()
        self._lifeline = -1
        self._roll: Roll | None = None
        self._rolls = 0
        self._turns: dict[str, int] = {}

    def run(self) -> int:
        """Serves until SIGTERM or SIGINT. Raises StartError."""
        settings = self.settings
        with contextlib.ExitStack() as stack:
            stack.enter_context(locked(settings.state_dir))
            check_routes(settings)
            ear = stack.enter_context(listening())
            self._run_dir = stack.enter_context(run_dir())
            empty(settings.metrics_dir)
            clients = [
                stack.enter_context(self._listen(host, port, "clients", ear)) for host, port, _ in settings.addresses
            ]
            admin = stack.enter_context(self._listen(settings.admin_host, settings.admin_port, "admin", ear))
            check_admin(settings, admin.getsockname()[0])
            self._lifeline, ours = os.pipe()
            os.set_inheritable(self._lifeline, True)
            stack.callback(os.close, ours)
            stack.callback(os.close, self._lifeline)
            stack.callback(self._end_everything)
            if settings.redis == "embedded":
                self._start_redis(ear)
            if ear.stop is None:
                self._start_processes(clients, admin)
                log.info(
                    "started",
                    pid=os.getpid(),
                    clients=", ".join(_shown(settings, clients)),
                    admin=f"http://{address(admin)}",
                    workers=settings.workers,
                )
                self._watch(ear)
            return self._drain(ear, clients)

    # -- start

    def _listen(self, host: str, port: int, what: str, ear: Ear) -> socket.socket:
        def take() -> socket.socket:
            try:
                option = "--listen" if what == "clients" and self.settings.listen else ""
                return listen(host, port, what=what, option=option)
            except PortTakenError as error:
                if error.in_use:
                    raise TakenError(str(error)) from None
                raise StartError(str(error)) from None

        return self._once_they_left(take, ear)

    def _once_they_left(self, take: Callable[[], T], ear: Ear) -> T:
        return once_they_left(self.settings.state_dir, take, ear.wait, wanted=lambda: ear.stop is None)

    def _start_redis(self, ear: Ear) -> None:
        settings = self.settings

        def free_port() -> None:
            try:
                require_free_port(port=settings.redis_port)
            except EmbeddedError as error:
                raise TakenError(f"the embedded Valkey did not start: {error}; its port is --redis-port") from None

        self._once_they_left(free_port, ear)
        try:
            data_dir = settings.state_dir / "redis"
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

    def _start_processes(self, clients: list[socket.socket], admin: socket.socket) -> None:
        self._clients = tuple(each.fileno() for each in clients)
        control = self._process("control", listen_fd=admin.fileno())
        try:
            self._pulses = Pulses(control.pulse_file, places=control.places)
        except OSError as error:
            raise StartError(f"no room for signs of life in {self._run_dir}: {error.strerror or error}") from None
        self._vigil = Vigil(self._pulses, self.settings.hung_seconds)
        for number in range(self.settings.workers):
            self.children[f"w{number}"] = self._worker(f"w{number}", turn=0)
        self.children["control"] = self._child("control", control, deaf=(signal.SIGHUP, signal.SIGUSR1))
        try:
            for child in self.children.values():
                if child.process is None:
                    self._start(child)
        except OSError as error:
            raise StartError(f"a process cannot be started: {error.strerror or error}") from None

    def _worker(self, slot: str, *, turn: int) -> Child:
        return self._child("worker", self._process(slot, clients=self._clients, turn=turn), deaf=(signal.SIGHUP,))

    def _process(self, slot: str, *, listen_fd: int = -1, clients: tuple[int, ...] = (), turn: int = 0) -> Process:
        return Process(
            settings=self.settings,
            slot=slot,
            run_dir=self._run_dir,
            listen_fd=listen_fd,
            client_fds=clients,
            lifeline_fd=self._lifeline,
            turn=turn,
            supervisor=os.getpid(),
        )

    def _child(self, module: str, process: Process, *, deaf: tuple[signal.Signals, ...] = ()) -> Child:
        return Child(
            process.slot,
            (sys.executable, "-m", f"gateway.{module}"),
            process.environment(),
            (*process.client_fds, self._lifeline) if process.client_fds else (process.listen_fd, self._lifeline),
            place=process.place,
            deaf=deaf,
        )

    def _start(self, child: Child) -> None:
        """Raises OSError."""
        if child.place is not None:
            self._pulses.clear(child.place)
        child.start()
        try:
            everybody = [*self._everybody, child]  # a successor is not yet among them
            record(self.settings.state_dir, {(each.name, each.pid) for each in everybody if each.pid})
        except OSError as error:
            log.warning("a successor of this gateway could not be told of its processes", problem=error.strerror)

    @property
    def _workers(self) -> list[Child]:
        """Those in their slots, and beside them the two that a roll is about."""
        return [child for child in self._everybody if child.name not in ("control", "redis")]

    @property
    def _everybody(self) -> list[Child]:
        roll = self._roll
        rolled = [] if roll is None else [child for child in (roll.coming, roll.going) if child is not None]
        return [*self.children.values(), *rolled]

    # -- life

    def _watch(self, ear: Ear) -> None:
        """Returns when a stop is asked for."""
        while ear.stop is None:
            if ear.take(signal.SIGHUP):
                for child in (self.children["control"], *self._workers):
                    child.signal(signal.SIGHUP)
            if ear.take(signal.SIGUSR1):
                self._begin_roll()
            self._kill_the_hung()
            self._replace_the_dead(self.children.values())
            if self._roll is not None:
                self._roll.step()
                self._roll = None if self._roll.over else self._roll
            ear.wait(self._next_look())

    def _next_look(self) -> float:
        now = time.monotonic()
        due = [child.restart_at - now for child in self.children.values() if child.restart_at is not None]
        return max(0.0, min([TICK_SECONDS if self._roll is None else ROLL_TICK_SECONDS, *due]))

    def _kill_the_hung(self) -> None:
        for child, seconds in self._vigil.look(self._everybody, time.monotonic()):
            log.error("a process hangs and is killed", name=child.name, pid=child.pid, silent_seconds=round(seconds, 1))
            child.kill_hung(seconds)

    def _replace_the_dead(self, children: Iterable[Child]) -> None:
        for child in children:
            pid = child.pid
            if child.reap() is not None:
                self._died(child, pid)
            if child.restart_at is not None and child.restart_at <= time.monotonic():
                self._start_again(child)

    def _died(self, child: Child, pid: int) -> None:
        self._clear_board(child)
        delay = child.plan_restart()
        log.error("a process died; starting another", name=child.name, pid=pid, how=child.last_end, in_seconds=delay)
        if child.deaths == HOPELESS:
            log.error("A PROCESS KEEPS DYING as soon as it starts", name=child.name, how=child.last_end)
        self._tell_control(child, next_try=time.time() + delay)

    def _start_again(self, child: Child) -> None:
        try:
            self._start(child)
        except OSError as error:
            child.last_end = f"cannot be started: {error.strerror or error}"
            delay = child.plan_restart()
            log.error("a process cannot be started", name=child.name, problem=child.last_end, in_seconds=delay)
            self._tell_control(child, next_try=time.time() + delay)
        else:
            log.info("started again", name=child.name, pid=child.pid)
            self._tell_control(child, next_try=None)

    def _clear_board(self, child: Child) -> None:
        """Whoever accepts leaves no connection to it any more."""
        if child.place is not None:
            with contextlib.suppress(OSError):  # there is none where one worker is alone
                clear_place(self._process("control").board_file, child.place)

    def _tell_control(self, child: Child, *, next_try: float | None) -> None:
        before = self._deaths.get(child.name)
        at = time.time() if next_try is not None or before is None else before.at
        self._deaths[child.name] = Deaths(
            times=child.ends, hung=child.hangs, in_a_row=child.deaths, last=child.last_end, at=at, next_try=next_try
        )
        try:
            write_deaths(self._run_dir, self._deaths)
        except OSError as error:
            log.warning("deaths cannot be told to the control process", problem=error.strerror)

    # -- a roll: what `Roll` asks of us

    def _begin_roll(self) -> None:
        if self._roll is not None:
            log.warning("the workers are being replaced already")
            return
        self._rolls += 1
        slots = [name for name in self.children if name not in ("control", "redis")]
        log.info("replacing the workers", slots=slots)
        self._roll = Roll(self._rolls, slots, self)

    def successor(self, slot: str) -> Child:
        """For `Roll`."""
        check_for_worker(self.settings)
        child = self._worker(slot, turn=1 - self._turns.get(slot, 0))
        self._start(child)
        return child

    def is_ready(self, child: Child) -> bool:
        """For `Roll`."""
        return child.place is not None and self._pulses.last(child.place) != 0

    def relieve(self, slot: str, successor: Child) -> Child:
        """For `Roll`."""
        old, self.children[slot] = self.children[slot], successor
        self._turns[slot] = 1 - self._turns.get(slot, 0)
        successor.take_over(old)
        old.signal(signal.SIGUSR1)
        log.info("a new worker serves", name=slot, pid=successor.pid, instead_of=old.pid)
        return old

    def gone(self, old: Child) -> None:
        """For `Roll`."""
        self._clear_board(old)

    def drain_seconds(self) -> float:
        """For `Roll`."""
        return self._drain_limit()

    def roll_changed(self, state: RollState) -> None:
        """For `Roll`."""
        try:
            write_roll(self._run_dir, state)
        except OSError as error:
            log.warning("the roll cannot be told to the control process", problem=error.strerror)

    # -- stop

    def _drain(self, ear: Ear, clients: list[socket.socket]) -> int:
        """In good order: readiness first, then the workers, then control, then Redis.

        Our copies of the listening sockets are closed at once: as soon as no worker accepts any more, clients are
        refused rather than left in a queue that nobody empties.
        """
        first = ear.take_stop() or signal.SIGTERM
        workers, limit = self._workers, self._drain_limit()
        relieved = (
            self._roll.going if self._roll is not None else None
        )  # drains already; another signal means "at once"
        if self._roll is not None:
            self._roll.stop()
        log.info("stopping", signal=signal.Signals(first).name, within_seconds=limit)
        _close(clients)
        if "control" in self.children:
            self.children["control"].signal(signal.SIGUSR1)
        for child in (child for child in workers if child is not relieved):
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
        for child in sorted(self._everybody, key=lambda child: child.name == "redis"):
            child.end(seconds=REDIS_STOP_SECONDS if child.name == "redis" else CONTROL_STOP_SECONDS)
            child.process = None


def _shown(settings: Settings, listeners: list[socket.socket]) -> Iterator[str]:
    """With the ports that were really bound."""
    for asked, listener in zip(settings.addresses, listeners, strict=True):
        yield f"{'https' if asked.tls else 'http'}://{address(listener)}"


def _close(listeners: list[socket.socket]) -> None:
    for listener in listeners:
        listener.close()
