"""Found by a gateway that is started with this directory on PYTHONPATH: its wall clock is off by what a file says.

The file (8 bytes, a double, named by FAULTS_CLOCK) is mapped, so the test moves the clocks of all processes at once.
`time.time` and `time.time_ns` alone: the kernel has no wall clock of one process, and nothing else of it is replaced.
"""

import mmap
import os
import struct
import time

_path = os.environ.get("FAULTS_CLOCK")
if _path is not None:
    with open(_path, "rb") as _file:  # noqa: PTH123 - imported by every interpreter: nothing more than is needed
        _page = mmap.mmap(_file.fileno(), 8, access=mmap.ACCESS_READ)
    _time, _time_ns, _offset = time.time, time.time_ns, struct.Struct("=d")
    time.time = lambda: _time() + _offset.unpack_from(_page)[0]
    time.time_ns = lambda: _time_ns() + int(_offset.unpack_from(_page)[0] * 1e9)
