"""How far a replay is, in a file: what was begun with, what is done, and all that was found so far."""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

VERSION: Final = 1


class StateError(Exception):
    """The file cannot be used. The message is for whoever typed the command."""


@dataclass(slots=True)
class Mark:
    """Which of the chosen requests are done, by their number from 0: all below `below`, and those beyond that were
    answered sooner than one before them.
    """

    below: int = 0
    beyond: set[int] = field(default_factory=set)

    @property
    def done(self) -> int:
        return self.below + len(self.beyond)

    def is_done(self, number: int) -> bool:
        return number < self.below or number in self.beyond

    def finish(self, number: int) -> None:
        """Once for each."""
        self.beyond.add(number)
        while self.below in self.beyond:
            self.beyond.remove(self.below)
            self.below += 1


@dataclass(slots=True)
class State:
    """begun_with: the source's digest and the options by name, none of them a secret. found: a `Tally` as JSON."""

    begun_with: Mapping[str, Any]
    mark: Mark
    found: Mapping[str, Any]


def save(path: Path, state: State) -> None:
    """Whole or not at all; readable to its owner alone. Raises OSError."""
    content = {
        "version": VERSION,
        "begun_with": dict(state.begun_with),
        "below": state.mark.below,
        "beyond": sorted(state.mark.beyond),
        "found": state.found,
    }
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # its owner's alone
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(content, file)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def load(path: Path, begun_with: Mapping[str, Any]) -> State | None:
    """None where there is no file yet. Raises StateError for one of another source or other options, and for one that
    cannot be read.
    """
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StateError(f"{path} cannot be read: {error}; give another file, or remove it to begin anew") from None
    try:
        if content["version"] != VERSION:
            raise StateError(f"{path} was written by another version; remove it to begin anew")
        state = State(content["begun_with"], Mark(content["below"], set(content["beyond"])), content["found"])
    except (KeyError, TypeError):
        raise StateError(f"{path} holds no state of a replay; give another file") from None
    other = _differing(state.begun_with, begun_with)
    if other:
        raise StateError(f"{path} was begun with {other}; run that again, or give another file for this")
    return state


def _differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """In words: `--sample 10 (now: 20), another content of the file`."""
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return ", ".join(_told(name, before.get(name), now.get(name)) for name in names)


def _told(name: str, before: Any, now: Any) -> str:
    if name.endswith("sha256"):
        return f"another content of {name.removesuffix(' sha256')}"
    return f"{name} {_shown(before)} (now: {_shown(now)})"


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value)) or "none"
    return "none" if value is None else str(value)
