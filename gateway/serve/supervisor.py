"""The supervisor: no HTTP, no Redis protocol. It owns the sockets and the processes, and little can go wrong in it.

It binds the sockets, checks routes.yaml once, starts the embedded Valkey where one is asked for, one control process
and N workers, and starts again what dies. SIGTERM drains; a second one stops at once; SIGHUP looks at routes.yaml now.
"""

import contextlib
import fcntl
import os
import selectors
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import structlog

from gateway.config.schema import RoutesFile
from gateway.embedded import EmbeddedError, command, require_free_port, wait_ready
from gateway.reload import accept, read_accepted
from gateway.serve.child import Child
from gateway.serve.sockets import PortTakenError, address, listen
from gateway.settings import Process, Settings

KILL_MARGIN_SECONDS = 5.0
CONTROL_STOP_SECONDS = 2.0
REDIS_STOP_SECONDS = 5.0
TICK_SECONDS = 0.5

log = structlog.get_logger("supervisor")


class StartError(Exception):
    """The gateway cannot start. The message is for the operator, whole."""


class Supervisor:
    """One gateway on one machine. `run` returns the exit status."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.children: dict[str, Child] = {}
        self._signals: list[int] = []
        self._stopping = False

    def run(self) -> int:
        """Serves until SIGTERM or SIGINT. Raises StartError."""
        settings = self.settings
        with contextlib.ExitStack() as stack:
            stack.enter_context(_locked(settings.state_dir))
            check_routes(settings)
            wakeup = stack.enter_context(_signals_into(self._signals))
            run_dir = stack.enter_context(_run_dir())
            _empty(settings.metrics_dir)
            try:
                clients = stack.enter_context(listen(settings.host, settings.port, what="clients"))
                admin = stack.enter_context(listen(settings.admin_host, settings.admin_port, what="admin"))
            except PortTakenError as error:
                raise StartError(str(error)) from None
            lifeline, ours = os.pipe()
            os.set_inheritable(lifeline, True)
            stack.callback(os.close, ours)
            stack.callback(os.close, lifeline)
            stack.callback(self._end_everything)
            if settings.redis == "embedded":
                self._start_redis()
            self._start_processes(run_dir, clients.fileno(), admin.fileno(), lifeline)
            log.info(
                "started",
                pid=os.getpid(),
                clients=f"http://{address(clients)}",
                admin=f"http://{address(admin)}",
                workers=settings.workers,
            )
            self._watch(wakeup)
            return self._drain(wakeup)

    # -- start

    def _start_redis(self) -> None:
        settings = self.settings
        try:
            data_dir = settings.state_dir / "redis"
            require_free_port(port=settings.redis_port)
            argv = command(port=settings.redis_port, data_dir=data_dir)
            self.children["redis"] = redis = Child("redis", argv, mortal=True)
            redis.start()
            wait_ready(
                port=settings.redis_port, alive=lambda: redis.process is not None and redis.process.poll() is None
            )
        except (EmbeddedError, OSError) as error:
            raise StartError(f"the embedded Valkey did not start: {error}") from None

    def _start_processes(self, run_dir: Path, clients: int, admin: int, lifeline: int) -> None:
        for number in range(self.settings.workers):
            self._add("worker", f"w{number}", run_dir, clients, lifeline)
        self._add("control", "control", run_dir, admin, lifeline)
        for child in self.children.values():
            if child.process is None:
                child.start()

    def _add(self, module: str, slot: str, run_dir: Path, listen_fd: int, lifeline: int) -> None:
        process = Process(settings=self.settings, slot=slot, run_dir=run_dir, listen_fd=listen_fd, lifeline_fd=lifeline)
        argv = (sys.executable, "-m", f"gateway.{module}")
        self.children[slot] = Child(slot, argv, process.environment(), (listen_fd, lifeline))

    # -- life

    def _watch(self, wakeup: int) -> None:
        """Returns when a stop is asked for."""
        while True:
            self._wait(wakeup, self._next_restart())
            while self._signals:
                number = self._signals.pop(0)
                if number in (signal.SIGTERM, signal.SIGINT):
                    self._signals.insert(0, number)
                    return
                if number == signal.SIGHUP:
                    self.children["control"].signal(signal.SIGHUP)
            self._replace_the_dead()

    def _wait(self, wakeup: int, seconds: float) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(wakeup, selectors.EVENT_READ)
            if selector.select(seconds):
                with contextlib.suppress(BlockingIOError):
                    os.read(wakeup, 512)

    def _next_restart(self) -> float:
        now = time.monotonic()
        due = [child.restart_at - now for child in self.children.values() if child.restart_at is not None]
        return max(0.0, min([TICK_SECONDS, *due]))

    def _replace_the_dead(self) -> None:
        for child in self.children.values():
            pid = child.pid
            status = child.reap()
            if status is not None:
                delay = child.plan_restart()
                log.error(
                    "a process died; starting another", process=child.name, pid=pid, **_how(status), in_seconds=delay
                )
            if child.restart_at is not None and child.restart_at <= time.monotonic():
                child.start()
                log.info("started again", process=child.name, pid=child.pid)

    # -- stop

    def _drain(self, wakeup: int) -> int:
        """In good order: readiness first, then the workers, then control, then Redis."""
        first = self._signals.pop(0)
        workers = [child for child in self.children.values() if child.name not in ("control", "redis")]
        limit = self._drain_limit()
        log.info("stopping", signal=signal.Signals(first).name, within_seconds=limit)
        self.children["control"].signal(signal.SIGUSR1)
        for child in workers:
            child.signal(first)
        deadline = time.monotonic() + limit
        while any(child.process is not None for child in workers):
            self._wait(wakeup, 0.1)
            if any(number in (signal.SIGTERM, signal.SIGINT) for number in self._signals):
                log.warning("stopping at once")
                for child in workers:
                    child.signal(signal.SIGTERM)
                deadline = time.monotonic() + KILL_MARGIN_SECONDS
            self._signals.clear()
            for child in workers:
                child.reap()
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


def check_routes(settings: Settings) -> RoutesFile:
    """A cold start: the file if it is good, else the accepted copy, loudly. Raises StartError with every fault."""
    path = settings.routes
    try:
        content = path.read_bytes()
        edit = accept(content, str(path), settings.accepted_file)
        faults = [str(fault) for fault in edit.faults]
        if edit.accepted and edit.loaded.routes is not None:
            for warning in edit.loaded.warnings:
                log.warning("routes.yaml", fault=str(warning))
            return edit.loaded.routes
    except OSError as error:
        faults = [f"{error.filename}: {error.strerror}"]
    try:
        accepted = read_accepted(settings.accepted_file)
    except (OSError, ValueError) as error:
        faults.append(f"{settings.accepted_file}: {error}")
        accepted = None
    if accepted is None:
        raise StartError(
            "\n".join([*faults, f"{path} cannot be used, and there is no accepted copy of it to start with"])
        )
    for fault in faults:
        log.error("routes.yaml", fault=fault)
    log.error("STARTING WITH THE LAST ACCEPTED COPY, because the file cannot be used", file=str(path))
    return accepted.routes


def _how(status: int) -> dict[str, object]:
    return {"signal": signal.Signals(-status).name} if status < 0 else {"exit_status": status}


@contextlib.contextmanager
def _locked(state_dir: Path) -> Iterator[None]:
    """One gateway per state directory: two would overwrite each other's accepted copy and counters."""
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        lock = (state_dir / "lock").open("w")
    except OSError as error:
        raise StartError(f"the state directory {state_dir} cannot be used: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartError(
                f"another gateway is running with the state directory {state_dir}; stop it, or give --state-dir another"
            ) from None
        yield


@contextlib.contextmanager
def _signals_into(received: list[int]) -> Iterator[int]:
    """Signals are noted in `received`; the returned descriptor becomes readable when one has come."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)

    def note(number: int, _: FrameType | None) -> None:
        if number != signal.SIGCHLD:
            received.append(number)

    previous = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, note)
    try:
        yield reader
    finally:
        signal.set_wakeup_fd(previous)
        os.close(reader)
        os.close(writer)


@contextlib.contextmanager
def _run_dir() -> Iterator[Path]:
    """A short private path: the address of a unix socket has room for about 100 bytes."""
    path = Path(tempfile.mkdtemp(prefix="gateway-", dir="/tmp" if Path("/tmp").is_dir() else None))  # noqa: S108
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _empty(directory: Path) -> None:
    """Counters start from zero with the gateway; Prometheus takes that for a reset."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True, exist_ok=True)
