"""`python -m legacy_backend --port 9001`: the old application under uvicorn."""

import gc
import signal
import sys


def main() -> int:
    """Answers SIGTERM and SIGINT with exit 0 from the first moment, the slow imports included."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    gc.disable()  # nothing that is imported is garbage
    from legacy_backend.main import run  # noqa: PLC0415  # after the handlers, or Ctrl-C in here shows a traceback

    gc.enable()

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
