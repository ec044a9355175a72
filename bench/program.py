"""A program of ours that runs beside: it says when it is ready, and answers commands with one JSON object a line."""

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[1]
READY_SECONDS = 20.0
END_SECONDS = 5.0


class ProgramError(Exception):
    """A program ended, or said nothing in time."""


class Program:
    """`python -m MODULE ...` from its start to its end. It ends with its standard input; `close` sees to it."""

    def __init__(self, module: str, *words: str) -> None:
        self.name = " ".join((module, *words))
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
            [sys.executable, "-m", module, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            bufsize=0,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self._unread = b""
        try:
            self._line(READY_SECONDS)
        except ProgramError:
            self.close()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, *, within: float, **command: Any) -> dict[str, Any]:
        """One command and its answer. Raises ProgramError when there is none within so many seconds."""
        self.tell(**command)
        return self.answer(within)

    def tell(self, **command: Any) -> None:
        """A command alone; `answer` waits for what is said to it."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")

    def answer(self, within: float) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self._line(within))
        return said

    def _line(self, seconds: float) -> bytes:
        assert self._process.stdout is not None
        deadline = time.monotonic() + seconds
        while b"\n" not in self._unread:
            readable, _, _ = select.select([self._process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            if not readable:
                raise ProgramError(f"{self.name} said nothing for {seconds:g} s")
            piece = os.read(self._process.stdout.fileno(), 1 << 20)
            if not piece:
                raise ProgramError(f"{self.name} ended with {self._process.wait()}")
            self._unread += piece
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
