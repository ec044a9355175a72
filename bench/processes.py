"""What the operating system knows of processes: who is below whom, CPU time to the nanosecond, memory. Linux alone.

CPU is read from the kernel's CPU clock of each process (clock_getcpuclockid(3)). It counts all threads, ended ones
too, and is brought up to date when it is read, which the files under /proc are not.
"""

import contextlib
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

SUPPORTED = sys.platform == "linux"
_PROCESS_SCHED_CLOCK = 2


def cpu_seconds(pid: int) -> float:
    """CPU time of a process, in user mode and in the kernel. Raises OSError when it has ended."""
    return time.clock_gettime_ns(((~pid) << 3) | _PROCESS_SCHED_CLOCK) / 1e9


def parents() -> dict[int, int]:
    """The parent of every process."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                found[int(entry.name)] = int(_stat(int(entry.name))[1])
    return found


def below(pid: int, parent_of: dict[int, int]) -> list[int]:
    """A process and all that descend from it, parents first."""
    tree = [pid]
    for each in tree:
        tree += [child for child, parent in parent_of.items() if parent == each]
    return tree


def tree(pid: int) -> list[int]:
    """As `below`, of the processes that run now."""
    return below(pid, parents())


def alive(pid: int) -> bool:
    """Whether a process runs; one that waits to be reaped does not."""
    try:
        return _stat(pid)[0] not in "ZX"
    except OSError:
        return False


def role(pid: int) -> str:
    """What a process is to its tree: the gateway's by their slots (`w0`, `control`), others by their command."""
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        command = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except OSError:
        return "gone"
    slot = next((entry[13:].decode() for entry in environment if entry.startswith(b"GATEWAY_SLOT=")), None)
    if slot is None and {b"gateway", b"serve"} <= set(words):
        return "supervisor"
    return slot or command


def rss_kib(pid: int) -> int:
    """Resident memory of a process, what it shares with others included."""
    return _memory(pid, "status", "VmRSS:")


def pss_kib(pids: Iterable[int]) -> int:
    """Memory of some processes together, what they share counted once."""
    return sum(_memory(pid, "smaps_rollup", "Pss:") for pid in pids)


def _memory(pid: int, file: str, field: str) -> int:
    for line in Path(f"/proc/{pid}/{file}").read_text(encoding="utf-8").splitlines():
        if line.startswith(field):
            return int(line.split()[1])
    raise OSError(f"no {field} of process {pid}")


def _stat(pid: int) -> list[str]:
    """From the state on, behind the name of the command, which may have spaces."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()


class Account:
    """The CPU of a process tree since it was opened. A process that is born is counted, one that ends is told."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._before = _reading(root)

    def close(self) -> dict[int, float]:
        """CPU seconds by pid. Raises LookupError where a process of the tree has ended, and its time with it."""
        after = _reading(self._root)
        ended = self._before.keys() - after.keys()
        if ended:
            raise LookupError(f"processes {sorted(ended)} ended while they were measured")
        return {pid: now - self._before.get(pid, 0.0) for pid, now in after.items()}


@dataclass(frozen=True, slots=True)
class Ticks:
    """The kernel's count of what all cores together did, in ticks."""

    idle: int
    total: int

    @classmethod
    def read(cls) -> "Ticks":
        first, *_ = Path("/proc/stat").read_text(encoding="utf-8").splitlines()
        ticks = [int(word) for word in first.split()[1:9]]  # user, nice, system, idle, iowait, irq, softirq, steal
        return cls(ticks[3] + ticks[4], sum(ticks))

    def share_in_use(self) -> float:
        """From then until now, of all cores."""
        now = Ticks.read()
        return 1 - (now.idle - self.idle) / max(1, now.total - self.total)


def _reading(root: int) -> dict[int, float]:
    found = {}
    for pid in tree(root):
        with contextlib.suppress(OSError):
            found[pid] = cpu_seconds(pid)
    return found
