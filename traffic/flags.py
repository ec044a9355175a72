"""The gateway's flags by its admin port, as `gateway flag` changes them: each change is recorded with who and why.

FlagsError           a change or a look failed; the message says why
  TakenOverError     somebody else has changed the flag meanwhile; nothing was changed
"""

from dataclasses import dataclass
from typing import Any

import orjson

from traffic.browser import Answer, Browser, Target
from traffic.failures import NoAnswerError
from traffic.wire import Request

PATIENCE_SECONDS = 10.0
"""A change waits up to three seconds for the workers that must confirm it."""


class FlagsError(Exception):
    """The message is for people."""


class TakenOverError(FlagsError):
    """The flag is not at the revision that we left it at."""


@dataclass(frozen=True, slots=True)
class Flag:
    """One feature's flag as the admin port tells it. source: where the percent comes from; rev: its revision."""

    feature: str
    percent: str
    source: str
    rev: int
    killed_by: tuple[str, ...]
    held: bool
    reversible: bool

    @classmethod
    def of(cls, content: dict[str, Any]) -> "Flag":
        return cls(
            feature=content["feature"],
            percent=content["percent"],
            source=content["source"],
            rev=content["rev"],
            killed_by=tuple(content["killed_by"]),
            held=bool(content["held"]),
            reversible=content["reversible"],
        )


@dataclass(frozen=True, slots=True)
class Changed:
    """A change that was made. missing: workers that have not confirmed it."""

    rev: int
    missing: tuple[str, ...]


class Flags:
    """token: of the admin port, None where it wants none. who, reason: recorded with every change."""

    def __init__(self, target: Target, *, token: str | None, who: str, reason: str) -> None:
        self._browser = Browser(target, "traffic", patience=PATIENCE_SECONDS)
        self._where = f"{target.scheme}://{target.authority}"
        self._who, self._reason = who, reason
        self._headers = (("authorization", f"Bearer {token}"),) if token else ()

    async def every(self) -> dict[str, Flag]:
        """All features by name. Raises FlagsError."""
        content = _content(await self._ask("GET", "/api/flags"))
        return {name: Flag.of(flag) for name, flag in content.items()}

    async def read(self, feature: str) -> Flag:
        """Raises FlagsError."""
        return Flag.of(_content(await self._ask("GET", f"/api/flags/{feature}")))

    async def set_percent(self, feature: str, percent: str, *, expected_rev: int) -> Changed:
        """Raises TakenOverError, FlagsError."""
        return await self._change(feature, {"action": "percent", "value": percent, "expected_rev": expected_rev})

    async def unset(self, feature: str, *, expected_rev: int) -> Changed:
        """Raises TakenOverError, FlagsError."""
        return await self._change(feature, {"action": "unset", "value": "percent", "expected_rev": expected_rev})

    async def _change(self, feature: str, change: dict[str, object]) -> Changed:
        said = {**change, "who": self._who, "reason": self._reason}
        content = _content(await self._ask("POST", f"/api/flags/{feature}", said))
        return Changed(int(content["rev"]), tuple(content["workers"]["missing"]))

    async def _ask(self, method: str, path: str, content: dict[str, object] | None = None) -> Answer:
        body = orjson.dumps(content) if content is not None else b""
        headers = (*self._headers, ("content-type", "application/json")) if body else self._headers
        try:
            return await self._browser.ask(Request(method, path, headers, body))
        except NoAnswerError as error:
            raise FlagsError(f"the admin port {self._where}: {error}") from error

    async def close(self) -> None:
        await self._browser.close()


def _content(answer: Answer) -> dict[str, Any]:
    content = answer.json()
    if not isinstance(content, dict):
        raise FlagsError(f"the admin port answered {answer.status} with something that is no JSON object")
    if answer.status >= 400:
        words = str(content.get("detail") or content.get("error") or f"status {answer.status}")
        taken_over = answer.status == 409 and content.get("title") == "Somebody else was quicker"
        raise TakenOverError(words) if taken_over else FlagsError(words)
    return content
