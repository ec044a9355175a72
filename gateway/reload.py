"""From an edited routes.yaml to one that is in force: watch, validate, write the accepted copy, or change nothing.

Files are watched by looking (stat, then the bytes): it works alike for editors that replace the file, for Kubernetes'
symlinked ConfigMaps and for file systems without change events. A file counts once it has stayed the same for two
looks, so that a half-written one is not taken for an edit.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gateway.config.accepted import Accepted, dump_accepted, load_accepted
from gateway.config.faults import Fault
from gateway.config.load import Inspection, Loaded, load
from gateway.config.schema import RoutesFile

LOOK_SECONDS = 0.1
MISSING_LOOKS = 5
"""An editor that replaces a file may leave it out for a moment; after so many looks it is missed."""


class FileWatch:
    """One file, looked at every `LOOK_SECONDS` by its owner.

    whole: its writer replaces it whole, so that one look is enough.
    problem: why it cannot be read, in words, or None.
    """

    def __init__(self, path: Path, *, whole: bool = False) -> None:
        self.path = path
        self.problem: str | None = None
        self._settles = not whole
        self._taken: bytes | None = None
        self._pending: bytes | None = None
        self._mark: tuple[int, ...] | None = None
        self._quiet = 0
        self._missed = 0

    def take(self) -> bytes | None:
        """The content now, as the starting point of the watch; None if it cannot be read, for which see `problem`."""
        try:
            content = self.path.read_bytes()
        except OSError as error:
            self.problem = os_error_in_words(error)
            return None
        self.problem = None
        self._taken = self._pending = _digest(content)
        return content

    def look(self) -> bytes | None:
        """New content, once, when it has stayed the same for two looks; otherwise None."""
        mark = self._stat()
        if mark is not None and mark == self._mark and self._quiet >= 2:
            return None
        self._quiet = self._quiet + 1 if mark == self._mark else 0
        self._mark = mark
        try:
            content = self.path.read_bytes()
        except OSError as error:
            self._pending = None
            self._missed += 1
            if self._missed >= MISSING_LOOKS:
                self.problem = os_error_in_words(error)
            return None
        self.problem, self._missed = None, 0
        digest = _digest(content)
        settled, self._pending = digest == self._pending or not self._settles, digest
        if not settled or digest == self._taken:
            return None
        self._taken = digest
        return content

    def forget(self) -> None:
        """What was handed out last could not be used for a reason outside of it: to be handed out again."""
        self._taken, self._quiet = None, 0

    def _stat(self) -> tuple[int, ...] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


class FilesWatch:
    """Any number of files, of which only a change matters."""

    def __init__(self) -> None:
        self._watches: dict[Path, FileWatch] = {}

    def follow(self, paths: Iterable[Path]) -> None:
        """From now on these, as they are now. Call it before they are read, so that no change is missed."""
        before = self._watches
        self._watches = {path: before.get(path) or FileWatch(path) for path in paths}
        for path in self._watches.keys() - before.keys():
            self._watches[path].take()

    def look(self) -> bool:
        """Whether one of them has changed, and stayed the same for two looks. One that is gone has not."""
        looks = [watch.look() for watch in self._watches.values()]  # at each, whatever the others say
        return any(content is not None for content in looks)


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


@dataclass(frozen=True, slots=True)
class Edit:
    """What became of one version of the file."""

    loaded: Loaded
    accepted: bool
    unchanged: bool = False

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Empty when it was accepted."""
        return self.loaded.faults


def accept(
    content: bytes,
    filename: str,
    accepted_file: Path,
    *,
    unless_sha256: str | None = None,
    inspect: Inspection | None = None,
) -> Edit:
    """Validates one version of routes.yaml and, if it is good, makes it the accepted copy.

    filename: the whole path of it, for the files that it names are looked for beside it.
    unless_sha256: of the version in force, which is not written again. inspect: what else has to be good.
    Raises OSError when the accepted copy cannot be written: then nothing has changed.
    """
    loaded = load(content, filename, files=Path(filename).absolute().parent, inspect=inspect)
    if loaded.routes is None or loaded.faults:
        return Edit(loaded, accepted=False)
    if loaded.sha256 == unless_sha256:
        return Edit(loaded, accepted=True, unchanged=True)
    text = content.decode("utf-8")
    write_atomically(accepted_file, dump_accepted(loaded.routes, loaded.sha256, text))
    return Edit(loaded, accepted=True)


def read_accepted(accepted_file: Path) -> Accepted | None:
    """The accepted copy; None if there is none. Raises ValueError when it is damaged, OSError when it is not to be
    had.
    """
    try:
        return load_accepted(accepted_file.read_bytes())
    except FileNotFoundError:
        return None


def restore_accepted(accepted_file: Path, routes: RoutesFile, sha256: str) -> bool:
    """Writes the copy again from what is in force, where somebody has deleted it. Raises OSError."""
    if accepted_file.exists():
        return False
    write_atomically(accepted_file, dump_accepted(routes, sha256, ""))
    return True


def write_atomically(path: Path, content: bytes) -> None:
    """Replaces a file so that a reader, or a crash, sees the old one or the new one whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def os_error_in_words(error: OSError) -> str:
    """`Permission denied`: without the number, and without the name of a temporary file."""
    return error.strerror or str(error) or type(error).__name__
