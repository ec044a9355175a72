"""One supervised child process: started, watched, and started again with back-off when it dies."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

BACKOFF_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
STEADY_SECONDS = 10.0
"""A child that lived this long starts again with the shortest back-off."""


_PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    """Linux alone has it; elsewhere a killed supervisor leaves the embedded Valkey to be stopped by hand."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass(slots=True)
class Child:
    """What the supervisor knows of one process. `name` is the slot: `control`, `w0`, `redis`.

    log: where its output goes; None: where ours goes.
    mortal: the kernel ends it when the supervisor dies; for programs that do not watch the lifeline themselves.
    """

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str] | None = None
    inherit: tuple[int, ...] = ()
    mortal: bool = False
    log: Path | None = None
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    deaths: int = 0
    restart_at: float | None = field(default=None)

    def start(self) -> None:
        """In a session of its own, so that Ctrl-C reaches the supervisor alone. Raises OSError."""
        output = self.log.open("ab") if self.log is not None else None
        self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
            list(self.argv),
            stdout=output,
            stderr=output,
            env=dict(self.environment) if self.environment is not None else None,
            stdin=subprocess.DEVNULL,
            pass_fds=self.inherit,
            start_new_session=True,
            preexec_fn=_die_with_parent if self.mortal else None,  # noqa: PLW1509 - this process has one thread
        )
        if output is not None:
            output.close()
        self.started = time.monotonic()
        self.restart_at = None

    @property
    def pid(self) -> int:
        """0 while it is not running."""
        return self.process.pid if self.process is not None else 0

    def reap(self) -> int | None:
        """Its exit status if it has died since the last look, else None."""
        if self.process is None or self.process.poll() is None:
            return None
        status = self.process.returncode
        self.process = None
        return status

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
