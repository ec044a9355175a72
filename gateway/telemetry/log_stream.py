"""Where log lines go: a log that cannot be written, or that nobody reads, must not hold or fail what it tells of.

A pipe whose reader stands still would hold whoever writes once it is full, and with it every request of a worker. So
pipes and terminals are opened anew, for these lines alone and never to be waited for: a line for which there is no room
is lost and counted, and how many there were is said in front of the next that is written.
"""

import contextlib
import fcntl
import os
import stat
from collections.abc import Callable
from typing import BinaryIO

ROOM_BYTES = 1_048_576
"""Asked of the kernel for a pipe: what a reader may be behind, about 3,000 lines."""

_SET_PIPE_SIZE = getattr(fcntl, "F_SETPIPE_SZ", None)


class LossyStream:
    """What structlog's BytesLogger writes to. lost: the line that tells how many were lost, with its line end."""

    def __init__(self, stream: BinaryIO, *, lost: Callable[[int], bytes]) -> None:
        self._stream = stream
        self._descriptor = _opened_anew(stream)
        self._tell_lost = lost
        self._lost = 0

    def write(self, line: bytes) -> int:
        """Bytes that were taken: none where the reader is gone, the disk is full, or there is no room."""
        try:
            return self._write(line)
        except BlockingIOError:
            self._lost += 1
        except (OSError, ValueError):
            pass
        return 0

    def _write(self, line: bytes) -> int:
        if self._descriptor is None:
            written = self._stream.write(line)
            self._stream.flush()
            return written
        if not self._lost:
            return os.write(self._descriptor, line)
        written = os.write(self._descriptor, self._tell_lost(self._lost) + line)
        self._lost = 0
        return written

    def flush(self) -> None:
        """Done with each line."""


def _opened_anew(stream: BinaryIO) -> int | None:
    """A descriptor that is never waited on; None where writing does not wait, or it cannot be had.

    Of the stream's own descriptor the flags would be shared with all who inherited it.
    """
    with contextlib.suppress(OSError, ValueError):
        descriptor = stream.fileno()
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
            flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
            own = os.open(f"/proc/self/fd/{descriptor}", flags)
            if stat.S_ISFIFO(mode) and _SET_PIPE_SIZE is not None:
                with contextlib.suppress(OSError):
                    fcntl.fcntl(own, _SET_PIPE_SIZE, ROOM_BYTES)
            return own
    return None
