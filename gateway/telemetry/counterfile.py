"""The counter files of prometheus_client's multiprocess mode, written faster and named by the supervisor's slot.

The format is prometheus_client's own (`mmap_dict.py`), so its MultiProcessCollector reads these files too: an int32
with the bytes in use, 4 bytes of padding, then entries: int32 length of the key, the key (JSON, padded with blanks to
8 bytes), the value and a timestamp as doubles. Entries are only ever appended, and never move.

Why not its own writer: each `inc` there takes a lock, asks for the process id and packs two doubles, 1.4 us; a request
has seven. A worker counts on its event loop's thread alone, so here an `inc` is one aligned 8-byte store, 0.2 us.
"""

import errno
import fcntl
import mmap
import os
import sys
import weakref
from array import array
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import structlog
from prometheus_client import values

from gateway.telemetry.cell import FileCell
from gateway.telemetry.counterkeys import LENGTH, VALUE_BYTES, Series, entry_of, histogram, key_of

DIRECTORY_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
SLOT_VARIABLE = "GATEWAY_SLOT"

HEADER_BYTES = 8
_INITIAL_BYTES = 1 << 16
_NO_ROOM = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))

log = structlog.get_logger("telemetry")


class DamagedFileError(Exception):
    """A counter file is no counter file, or its end is missing."""


def used_bytes(head: bytes) -> int:
    """How much of a file is in use, from its first bytes; HEADER_BYTES for one that was only just made."""
    if len(head) < HEADER_BYTES:
        raise DamagedFileError("it is shorter than its header")
    used: int = LENGTH.unpack_from(head)[0]
    if used < 0 or used % 8:
        raise DamagedFileError("its header is no length")
    return used or HEADER_BYTES


def entries(data: bytes | memoryview, start: int, used: int) -> Iterator[tuple[str, int]]:
    """Each entry's key and the position of its value, from `start`, which must be an entry's begin. Positions are
    multiples of 8. Raises DamagedFileError at the first entry that cannot be one."""
    position = start
    while position < used:
        length: int = LENGTH.unpack_from(data, position)[0]
        value_at = position + 4 + length + (8 - (length + 4) % 8)
        if length <= 0 or value_at + VALUE_BYTES > used:
            raise DamagedFileError(f"the entry at byte {position} does not end within it")
        try:
            key = str(data[position + 4 : position + 4 + length], "utf-8")
        except UnicodeDecodeError:
            raise DamagedFileError(f"the key at byte {position} is not text") from None
        yield key, value_at
        position = value_at + VALUE_BYTES


def reserve(descriptor: int, size: int) -> None:
    """Makes a file so long, with blocks of its own on the disk: of a mapped file without them, the first store on a
    full disk is a SIGBUS, which ends the process. Raises OSError where there is no room.
    """
    if os.fstat(descriptor).st_size < size:
        os.ftruncate(descriptor, size)
    if sys.platform == "linux":
        try:
            os.posix_fallocate(descriptor, 0, size)
        except OSError as error:
            if error.errno in _NO_ROOM:
                raise  # another error means a file system that cannot reserve


class CounterFile:
    """One file of one process: `cell(key)` finds or appends a value. Not thread-safe.

    While the disk is full, values that are new are counted in memory, where nobody sees them; the log says so. A file
    for which there was no room when it was opened stays there to the end of the process.
    """

    def __init__(self, path: Path) -> None:
        """Goes on with the values that the file has; a damaged file is replaced by a new one.

        Replaced, not repaired: its values cannot be trusted, and Prometheus takes the fall to 0 as a counter's reset.
        """
        self._path = path
        self._positions: dict[str, int] = {}
        self._unseen: dict[str, memoryview[float]] = {}
        self._told = False
        self._in_memory = False
        try:
            self._open(path)
        except DamagedFileError:
            self._positions.clear()
            path.unlink()
            self._open(path)

    def _open(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        weakref.finalize(self, os.close, self._descriptor)
        size = os.fstat(self._descriptor).st_size or _INITIAL_BYTES
        if size < HEADER_BYTES:
            raise DamagedFileError("it is shorter than its header")
        try:
            reserve(self._descriptor, size)
        except OSError as error:
            self._tell(error)
            self._in_memory = True
            self._map = mmap.mmap(-1, size)
        else:
            self._map = mmap.mmap(self._descriptor, size)
        self._used = used_bytes(self._map[:HEADER_BYTES])
        if self._used > size:
            raise DamagedFileError("its end is missing")
        self._positions.update(entries(self._map[: self._used], HEADER_BYTES, self._used))
        self._set_used(self._used)
        self._doubles = memoryview(self._map)[: size // 8 * 8].cast("d")

    def cell(self, key: str) -> "tuple[memoryview[float], int]":  # quoted: no subscript at run time in 3.11
        """The file as doubles and the index of the key's value in it."""
        position = self._positions.get(key)
        if position is None:
            try:
                position = self._append(key)
            except OSError as error:
                self._tell(error)
                return self._unseen.setdefault(key, memoryview(array("d", (0.0,)))), 0
        return self._doubles, position // 8

    def histogram(self, series: Series, bounds: tuple[str, ...]) -> "list[tuple[memoryview[float], int]]":
        """Cells for a histogram's sum and its buckets, made in one piece where there is none of them yet.

        bounds: in the order of the buckets, as prometheus_client writes them.
        """
        key = key_of(series, f"{series.metric}_sum")
        if key not in self._positions:
            entries, positions = histogram(series, bounds)
            begin = self._used
            try:
                self._write(entries)
            except OSError as error:
                self._tell(error)
            else:
                self._positions[key] = begin + positions[0]
                return [(self._doubles, (begin + position) // 8) for position in positions]
        buckets = [(series.of_bucket(bound), f"{series.metric}_bucket") for bound in bounds]
        return [self.cell(key), *(self.cell(key_of(bucket, name)) for bucket, name in buckets)]

    def _append(self, key: str) -> int:
        self._write(entry_of(key.encode()))
        position = self._positions[key] = self._used - VALUE_BYTES
        return position

    def _write(self, entries: bytes) -> None:
        if self._used + len(entries) > len(self._map):
            self._grow(self._used + len(entries))
        self._map[self._used : self._used + len(entries)] = entries
        # Only now are they part of the file for readers, and for a successor if this process dies here.
        self._set_used(self._used + len(entries))

    def _grow(self, needed: int) -> None:
        """Maps the file anew. Cells keep views of the old mapping, which shows the same pages and so stays right.

        Raises OSError where there is no room.
        """
        if self._in_memory:  # a file from here on would lack what stands before
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        size = len(self._map)
        while size < needed:
            size *= 2
        reserve(self._descriptor, size)
        self._told = False
        self._map = mmap.mmap(self._descriptor, size)
        self._doubles = memoryview(self._map)[: size // 8 * 8].cast("d")

    def _tell(self, error: OSError) -> None:
        """Once, until there is room again."""
        if not self._told:
            self._told = True
            problem = error.strerror
            log.error("no room for counters; new ones are missing from /metrics", file=self._path.name, problem=problem)

    def _set_used(self, used: int) -> None:
        self._used = used
        self._map[:4] = LENGTH.pack(used)  # a slice is one copy; struct.pack_into would show a 0 for a moment


def claim_identity(directory: Path, slot: str) -> str:
    """The name of this process's files: the slot, so that a reborn worker goes on with its predecessor's counters.

    While a predecessor still drains, it holds the name's lock and this process takes `slot-1`, `slot-2`, ...: two
    writers in one file would overwrite each other. The lock goes with the process, however it ends.
    """
    for number in count():
        name = slot if number == 0 else f"{slot}-{number}"
        lock = os.open(directory / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
        else:
            _held_locks.append(lock)
            return name
    raise AssertionError("count() does not end")


_held_locks: list[int] = []


class FileValues:
    """What prometheus_client's metrics call to make a value, for `values.ValueClass`: each kind of metric has a file of
    this process.
    """

    _multiprocess = True

    def __init__(self, directory: Path, identity: str) -> None:
        self._directory = directory
        self._identity = identity
        self._files: dict[str, CounterFile] = {}

    def __call__(  # noqa: PLR0917 - the arguments, their names and order are prometheus_client's
        self,
        typ: str,
        metric_name: str,
        name: str,
        labelnames: Sequence[str],
        labelvalues: Sequence[str],
        help_text: str,
        **_: object,
    ) -> FileCell:
        series = Series(metric_name, help_text, tuple(labelnames), tuple(labelvalues))
        return FileCell(*self._file_of(typ).cell(key_of(series, name)))

    def histogram(self, series: Series, bounds: tuple[str, ...]) -> list[FileCell]:
        """All values of a histogram at once, for our own metrics: the sum and the buckets."""
        return [FileCell(*cell) for cell in self._file_of("histogram").histogram(series, bounds)]

    def _file_of(self, kind: str) -> CounterFile:
        if kind not in self._files:
            self._files[kind] = CounterFile(self._directory / f"{kind}_{self._identity}.db")
        return self._files[kind]


def use_slot_files() -> str | None:
    """Called once, by a worker before it makes its metrics. With the two variables that the supervisor sets, values
    live in its slot's files from here on, and the name of these files is returned; without, in memory, and None is.

    `values.ValueClass` is how prometheus_client itself chooses, once, at import: by the directory alone and with the
    process id as name, so that files would pile up with every restart.
    """
    directory, slot = os.environ.get(DIRECTORY_VARIABLE), os.environ.get(SLOT_VARIABLE)
    if not directory or not slot:
        values.ValueClass = values.MutexValue
        return None
    Path(directory).mkdir(parents=True, exist_ok=True)
    identity = claim_identity(Path(directory), slot)
    values.ValueClass = FileValues(Path(directory), identity)
    return identity
