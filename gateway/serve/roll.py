"""A roll: every worker is replaced by a new one, one after the other, and no request fails.

Rules: a new worker must be ready before the old one is told to go; the old one must be gone before the next slot's
turn, so that there is never more than one worker too many. A new one that would lack certificates, that ends or is not
ready in time is given up, and so is the roll: its slot keeps the old worker, those that were replaced keep their new
ones.
"""

import signal
import time
from collections.abc import Sequence
from typing import Protocol

import structlog

from gateway.rolling import RollState
from gateway.serve.child import Child
from gateway.serve.ground import StartError

READY_SECONDS = 30.0
"""A new worker serves within a second or two; one that waits for Redis, a second more."""

log = structlog.get_logger("supervisor")


class Fleet(Protocol):
    """The supervisor, for a roll."""

    def successor(self, slot: str) -> Child:
        """A new worker for a slot, started beside the one it has. Raises OSError, and StartError where it would lack
        what the old one has.
        """
        ...

    def is_ready(self, child: Child) -> bool:
        """Whether it serves."""
        ...

    def relieve(self, slot: str, successor: Child) -> Child:
        """The slot is the successor's from now on. Returns the old worker, which accepts no more and drains."""
        ...

    def gone(self, old: Child) -> None:
        """The old worker has ended, or the new one that was given up."""
        ...

    def drain_seconds(self) -> float:
        """How long an old worker may take."""
        ...

    def roll_changed(self, state: RollState) -> None:
        """Told to whoever asks."""
        ...


class Roll:
    """Made when it is asked for; `step` is called until `over`."""

    def __init__(self, number: int, slots: Sequence[str], fleet: Fleet) -> None:
        self.over = False
        self.coming: Child | None = None
        self.going: Child | None = None
        self._fleet = fleet
        self._number = number
        self._waiting = list(slots)
        self._done: list[str] = []
        self._deadline = 0.0
        self._tell("rolling")

    def step(self) -> None:
        """At most one transition."""
        if self.coming is not None:
            self._await_ready(self.coming)
        elif self.going is not None:
            self._await_gone(self.going)
        elif self._waiting:
            self._begin()
        else:
            self._end("done")

    def _begin(self) -> None:
        try:
            self.coming = self._fleet.successor(self._waiting[0])
        except OSError as error:
            self._fail(f"cannot be started: {error.strerror or error}")
            return
        except StartError as error:
            self._fail(f"would lack what the old one has: {error}")
            return
        self._deadline = time.monotonic() + READY_SECONDS
        self._tell("rolling")

    def _await_ready(self, child: Child) -> None:
        if child.reap() is not None:
            self.coming = None
            self._fleet.gone(child)
            self._fail(f"ended before it was ready: {child.last_end}")
        elif self._fleet.is_ready(child):
            self.coming, self.going = None, self._fleet.relieve(self._waiting[0], child)
            self._deadline = time.monotonic() + self._fleet.drain_seconds()
            self._tell("rolling")
        elif time.monotonic() > self._deadline:
            self.coming = None
            child.signal(signal.SIGKILL)
            child.end(seconds=1)
            self._fleet.gone(child)
            self._fail(f"was not ready within {READY_SECONDS:.0f} s")

    def _await_gone(self, child: Child) -> None:
        if child.process is None or child.reap() is not None:
            self.going = None
            self._fleet.gone(child)
            self._done.append(self._waiting.pop(0))
            self._tell("rolling")
        elif time.monotonic() > self._deadline:
            log.error("a worker that was replaced did not stop in time and is killed", name=child.name, pid=child.pid)
            child.signal(signal.SIGKILL)
            self._deadline = time.monotonic() + self._fleet.drain_seconds()

    def _fail(self, what: str) -> None:
        slot = self._waiting[0]
        problem = f"the new worker of {slot} {what}; the old one keeps running"
        log.error("the workers are not replaced", problem=problem, done=self._done)
        self._end("failed", problem)

    def stop(self) -> None:
        """The gateway stops: so does the roll, where it is."""
        self._end("failed", "the gateway was told to stop")

    def _end(self, state: str, problem: str | None = None) -> None:
        self.over = True
        if state == "done":
            log.info("the workers are replaced", slots=self._done)
        self._tell(state, problem)

    def _tell(self, state: str, problem: str | None = None) -> None:
        waits_for = (
            "the new worker" if self.coming is not None else "the old worker" if self.going is not None else None
        )
        self._fleet.roll_changed(
            RollState.model_validate(
                {
                    "number": self._number,
                    "state": state,
                    "total": len(self._done) + len(self._waiting),
                    "done": self._done,
                    "slot": self._waiting[0] if self._waiting else None,
                    "waits_for": waits_for,
                    "problem": problem,
                    "at": time.time(),
                }
            )
        )
