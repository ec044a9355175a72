"""What the supervisor tells the control process of a roll: the replacement of all workers, one after the other.

A file in their private directory, replaced whole, as for deaths. Asked for by a signal.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from gateway.reload import write_atomically


class RollState(BaseModel):
    """number: counts the rolls of a supervisor, from 1. done: slots whose new worker serves and whose old one has gone.
    slot: the one whose turn it is, with what is waited for. problem: why it failed, in words. at: unix time of the last
    change.
    """

    model_config = ConfigDict(frozen=True)

    number: int
    state: Literal["rolling", "done", "failed"]
    total: int
    done: tuple[str, ...]
    slot: str | None
    waits_for: Literal["the new worker", "the old worker"] | None
    problem: str | None
    at: float


class RollingError(Exception):
    """One is under way: `state` is how far it is."""

    def __init__(self, state: RollState) -> None:
        super().__init__(f"the workers are being replaced already, {len(state.done)} of {state.total}")
        self.state = state


def write_roll(run_dir: Path, roll: RollState) -> None:
    """Raises OSError."""
    write_atomically(run_dir / "roll.json", roll.model_dump_json().encode())


def read_roll(run_dir: Path) -> RollState | None:
    """The last one; None before the first, or when it cannot be known."""
    try:
        return RollState.model_validate_json((run_dir / "roll.json").read_bytes())
    except (OSError, ValidationError):
        return None
