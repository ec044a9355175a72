"""Says once that something is away, and once that it is back."""

import structlog

_log = structlog.get_logger()


class Outage:
    """Owned by whoever talks to the thing; called after each try."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._away = False

    def failed(self, error: Exception) -> None:
        """Logs the first failure of an outage: the kind of error alone, for its words could hold an address."""
        if not self._away:
            _log.warning(f"{self._what} is away", error=type(error).__name__)
        self._away = True

    def worked(self) -> None:
        if self._away:
            _log.info(f"{self._what} is back")
        self._away = False
