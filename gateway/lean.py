"""Our own processes import this before all else, and so start with a fifth less work: `python -m gateway.worker`.

Nothing that is imported is garbage, so nobody looks for any meanwhile. Plugins of pydantic are looked for in the
metadata of all that is installed, and none is ours. structlog imports rich for tracebacks, which are plain in a log.
A program that has the gateway as a library imports none of this.
"""

import gc
import os
import sys

_LEFT_OUT = "rich"


def imports_only() -> None:
    """From here on to `over` only imports are done."""
    gc.disable()
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


def without_rich() -> None:
    """For processes whose output is a log: who asks for rich meanwhile is told that it is not installed."""
    _leave_out(_LEFT_OUT)


def without_http2() -> None:
    """For commands that ask the admin port, for as long as they run: it speaks HTTP/1.1, and httpx would import all
    that its HTTP/2 and its own command need.
    """
    _leave_out("h2")
    _leave_out("httpx._main")


def _leave_out(module: str) -> None:
    sys.modules.setdefault(module, None)  # type: ignore[arg-type]  # the documented way to say so


def over() -> None:
    """Everything is as it was."""
    if sys.modules.get(_LEFT_OUT, sys) is None:
        del sys.modules[_LEFT_OUT]
    gc.enable()
