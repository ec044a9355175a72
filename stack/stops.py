"""What is asked of the stack by signals: one stop, whatever number of them comes."""

import contextlib
import signal
from collections.abc import Iterator

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stops:
    """The first of SIGINT, SIGTERM and SIGHUP is a KeyboardInterrupt, at any moment but while `held`. Those that follow
    are nothing: everything is being stopped, and a second Ctrl-C must not leave the half of it.
    """

    def __init__(self) -> None:
        self._asked = False
        self._held = False

    def install(self) -> None:
        """From now on, for this process."""
        for number in STOPS:
            signal.signal(number, self._stop)

    def ignore(self) -> None:
        """We stop by ourselves: nobody needs to ask."""
        self._asked = True

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """While a process is being started: a stop in the middle would leave one that nobody knows. It is raised at the
        end of the block.
        """
        self._held = True
        asked_before = self._asked
        try:
            yield
        finally:
            self._held = False
        if self._asked and not asked_before:
            raise KeyboardInterrupt

    def _stop(self, *_: object) -> None:
        if self._asked:
            return
        self._asked = True
        if not self._held:
            raise KeyboardInterrupt
