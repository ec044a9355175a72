"""Who is left of a gateway whose supervisor was killed: known from the state directory, and waited for.

Its workers stop accepting at once and finish what they serve. Until the last of them has let go of the port, or the
embedded Valkey of its own, nobody else can have it.
"""

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import structlog
from pydantic import TypeAdapter, ValidationError

from gateway.reload import write_atomically
from gateway.serve.ground import StartError

WAIT_SECONDS = 15.0
LOOK_SECONDS = 0.1

_RECORDED = TypeAdapter(list[tuple[str, int, str]])
"""The slot, the process id, and when that process began, so that another one of the same number is not taken for it."""

T = TypeVar("T")

log = structlog.get_logger("supervisor")


class TakenError(Exception):
    """Something else has the port now. The message is for the operator."""


def record(state_dir: Path, pids: Iterable[tuple[str, int]]) -> None:
    """Written whenever a process was started. pids: by slot, of which two may have the same. Raises OSError."""
    content = _RECORDED.dump_json([(slot, pid, _began(pid)) for slot, pid in pids])
    write_atomically(state_dir / "processes.json", content)


def left_over(state_dir: Path) -> list[tuple[str, int]]:
    """Processes of the gateway before us that still run, with their slots."""
    try:
        recorded = _RECORDED.validate_json((state_dir / "processes.json").read_bytes())
    except (OSError, ValidationError):
        return []
    return [(slot, pid) for slot, pid, began in recorded if _runs(pid) and _began(pid) == began]


def once_they_left(
    state_dir: Path, take: Callable[[], T], wait: Callable[[float], None], *, wanted: Callable[[], bool]
) -> T:
    """What `take` returns: at once, or when those who are left over have let go of it. take raises TakenError until
    then. wait: sleeps. wanted: False once we are told to stop.

    Raises StartError when it is taken by somebody else, or still after WAIT_SECONDS.
    """
    deadline = 0.0
    while True:
        try:
            return take()
        except TakenError as error:
            left = left_over(state_dir)
            if not left or not wanted():
                raise StartError(str(error)) from None
            now, names = time.monotonic(), ", ".join(f"{slot} ({pid})" for slot, pid in left)
            if not deadline:
                deadline = now + WAIT_SECONDS
                log.warning(
                    "waiting for what is left of a gateway that was killed", left=names, at_most_seconds=WAIT_SECONDS
                )
            if now > deadline:
                pids = " ".join(str(pid) for _, pid in left)
                raise StartError(
                    f"{error}; of the gateway before, whose supervisor was killed, these still run after "
                    f"{WAIT_SECONDS:.0f} s: {names}; `kill -9 {pids}` ends them"
                ) from None
            wait(LOOK_SECONDS)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _began(pid: int) -> str:
    """Linux' clock ticks since its boot; empty where they cannot be known."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]
