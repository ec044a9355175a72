"""What the supervisor tells the control process of children that died: a file in their private directory.

The supervisor speaks no HTTP, and its pipe goes one way; a small file that is replaced whole is all that is needed.
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from gateway.reload import write_atomically


class Deaths(BaseModel):
    """One slot's. times: deaths so far. hung: those of processes that hung and were killed. in_a_row: quick ones. last:
    how it ended. at, next_try: unix times.
    """

    model_config = ConfigDict(frozen=True)

    times: int
    hung: int = 0
    in_a_row: int
    last: str
    at: float
    next_try: float | None


_BY_SLOT = TypeAdapter(dict[str, Deaths])


def write_deaths(run_dir: Path, by_slot: dict[str, Deaths]) -> None:
    """Raises OSError."""
    write_atomically(run_dir / "deaths.json", _BY_SLOT.dump_json(by_slot))


def read_deaths(run_dir: Path) -> dict[str, Deaths]:
    """By slot; empty while nobody has died, or when it cannot be known."""
    try:
        return _BY_SLOT.validate_json((run_dir / "deaths.json").read_bytes())
    except (OSError, ValidationError):
        return {}
