"""What a contestant is to the benchmark, and the texts that a config needs."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

COMMAND_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a contestant runs: a directory of its own, the port for clients, and those of the two upstreams.

    others: two more, for whoever needs them.
    """

    directory: Path
    port: int
    legacy: int
    new: int
    others: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Launch:
    """A command that becomes the proxy, in the foreground; `check` is one that tells whether it accepts its config."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    check: tuple[str, ...] | None = None


class Contestant(Protocol):
    """sticky: whether it keeps each user on their side; where it does, a user who moves is an error."""

    @property
    def name(self) -> str: ...

    @property
    def sticky(self) -> bool: ...

    def missing(self) -> str | None:
        """What to type so that it is there; None when it is."""

    def version(self) -> str:
        """As it tells it itself."""

    def launch(self, place: Place) -> Launch:
        """Writes its config into the directory."""

    def settle(self, place: Place) -> None:
        """What is left to do once it answers."""


def binary(name: str, *others: Path) -> str | None:
    """A program of the environment that runs the benchmark, else one on PATH, else one of these files."""
    beside = Path(sys.executable).parent / name
    for path in (beside, *others):
        if path.is_file() and os.access(path, os.X_OK):
            return str(path)
    return shutil.which(name)


def said_by(*argv: str) -> str:
    """What a command prints, wherever it does."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)  # noqa: S603
    return (done.stdout + done.stderr).strip()
