"""One supervised child process: started, watched, and started again with back-off when it dies."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

BACKOFF_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
STEADY_SECONDS = 10.0
"""A child that lived this long starts again with the shortest back-off."""


_PR_SET_PDEATHSIG = 1


def _die_with_parent(parent: int) -> None:
    """Linux alone has it; elsewhere a killed supervisor leaves the embedded Valkey to be stopped by hand."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before it could be told to end us
            os._exit(1)


@dataclass(slots=True)
class Child:
    """What the supervisor knows of one process. `name` is the slot: `control`, `w0`, `redis`.

    place: where its signs of life are; None for a program that gives none.
    log: where its output goes; None: where ours goes.
    mortal: the kernel ends it when the supervisor dies; for programs that do not watch the lifeline themselves.
    deaf: signals that are ignored until the program listens to them: sent too early, they must not end it.
    deaths: quick ones in a row; ends: all so far; hangs: those that we brought about; last_end: how it ended last, in
    words.
    """

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str] | None = None
    inherit: tuple[int, ...] = ()
    place: int | None = None
    mortal: bool = False
    deaf: tuple[signal.Signals, ...] = ()
    log: Path | None = None
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    deaths: int = 0
    ends: int = 0
    hangs: int = 0
    last_end: str = ""
    restart_at: float | None = None
    _hung: str = ""

    def start(self) -> None:
        """In a session of its own, so that Ctrl-C reaches the supervisor alone. Raises OSError."""
        parent = os.getpid()

        def prepare() -> None:
            for number in self.deaf:
                signal.signal(number, signal.SIG_IGN)
            if self.mortal:
                _die_with_parent(parent)

        with contextlib.ExitStack() as stack:
            output = stack.enter_context(self.log.open("ab")) if self.log is not None else None
            self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
                list(self.argv),
                stdout=output,
                stderr=output,
                env=dict(self.environment) if self.environment is not None else None,
                stdin=subprocess.DEVNULL,
                pass_fds=self.inherit,
                start_new_session=True,
                preexec_fn=prepare,  # noqa: PLW1509 - this process has one thread
            )
        self.started = time.monotonic()
        self.restart_at = None

    @property
    def pid(self) -> int:
        """0 while it is not running."""
        return self.process.pid if self.process is not None else 0

    @property
    def running(self) -> bool:
        """Whether it lives; one that has ended is left for `reap`."""
        return self.process is not None and self.process.poll() is None

    def reap(self) -> int | None:
        """Its exit status if it has died since the last look, else None."""
        if self.process is None or self.process.poll() is None:
            return None
        status = self.process.returncode
        self.process = None
        self.ends += 1
        self.last_end, self._hung = self._hung or in_words(status), ""
        return status

    def kill_hung(self, silent_seconds: float) -> None:
        """It gives no sign of life. It may not even listen to SIGTERM."""
        self.hangs += 1
        self._hung = f"hung for {silent_seconds:.0f} s and was killed"
        self.signal(signal.SIGKILL)

    def take_over(self, old: "Child") -> None:
        """What its slot has seen so far, by a successor."""
        self.ends, self.hangs, self.last_end = old.ends, old.hangs, old.last_end

    def plan_restart(self) -> float:
        """Back-off in seconds, longer with each quick death."""
        now = time.monotonic()
        self.deaths = 1 if now - self.started > STEADY_SECONDS else self.deaths + 1
        delay = BACKOFF_SECONDS[min(self.deaths, len(BACKOFF_SECONDS)) - 1]
        self.restart_at = now + delay
        return delay

    def signal(self, number: int) -> None:
        """Sent only while it is ours: a process that was reaped is never signalled."""
        if self.process is not None and self.process.poll() is None:
            os.kill(self.process.pid, number)

    def end(self, *, seconds: float) -> int | None:
        """Asks it to stop, then kills it. Returns its exit status."""
        if self.process is None:
            return None
        self.signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


def in_words(status: int) -> str:
    """How a process ended, from its return code: `killed by SIGKILL`, or `exit status 1`."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"
