"""What a run was made on."""

import os
import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.contestants.base import Contestant

MEMORY_KIB = r"^MemTotal:\s*(\d+)"


def machine() -> dict[str, str]:
    """In the order in which it is told."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": _field("/proc/cpuinfo", r"^model name\s*: (.*)$"),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{int(_field('/proc/meminfo', MEMORY_KIB) or 0) / 2**20:.1f} GiB",
        "system": f"{platform.system()} {_kernel()}, {_field('/etc/os-release', r'^PRETTY_NAME=.(.*).$')}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }


def versions(field: Sequence[Contestant]) -> dict[str, str]:
    return {contestant.name: contestant.version() for contestant in field}


def _kernel() -> str:
    """Its number, without how it was built."""
    return platform.release().partition("-")[0]


def _field(path: str, pattern: str) -> str:
    try:
        found = re.search(pattern, Path(path).read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        return ""
    return found[1].strip() if found else ""
