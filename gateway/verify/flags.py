"""Moves a feature's flag for a play, and puts it back as it was: after a success, a failure, Ctrl-C and SIGTERM.

What was there is read first, each change is a compare-and-set on what was read, and a flag that somebody else has
changed meanwhile is left to them. A change that was begun is waited for before it is undone.
"""

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

from gateway.model import Source
from gateway.verify.admin import LOOK_SECONDS, Admin, AdminError

T = TypeVar("T")
HELD_SECONDS = 10.0
RESTORE_SECONDS = 10.0


class FlagError(Exception):
    """The flag cannot be moved, or not be put back. The message is for the operator."""


@dataclass(frozen=True, slots=True)
class Change:
    """Whose changes they are, in the flag's history."""

    who: str
    reason: str


class MovedFlag:
    """One feature's flag, between `async with` and its end. Raises FlagError on entry, with nothing touched, for a flag
    that must not be moved; and on exit where it could not be put back.
    """

    def __init__(self, admin: Admin, feature: str, change: Change) -> None:
        self._admin = admin
        self._feature = feature
        self._change = change
        self._before: dict[str, Any] = {}
        self._rev = 0
        self._wanted: str | None = None
        self._uncertain = False

    async def __aenter__(self) -> Self:
        try:
            self._before = await self._admin.get(f"/api/flags/{self._feature}")
            status = await self._admin.get("/api/status")
        except AdminError as error:
            raise FlagError(str(error)) from None
        refusal = _refusal(self._before, redis=status["redis"])
        if refusal is not None:
            raise FlagError(f"the flag of {self._feature} cannot be moved: {refusal}")
        self._rev = self._before["rev"]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._wanted is not None:
            await uncancelled(self._put_back())

    async def move(self, percent: str) -> None:
        """Returns when every live worker holds it. Raises FlagError."""
        self._wanted = percent
        self._uncertain = True
        try:
            told = await uncancelled(self._write("percent", percent, rev=self._rev))
        except AdminError as error:
            self._uncertain = error.status is None
            if error.status is not None and self._rev == self._before["rev"]:
                self._wanted = None  # refused: nothing is to be put back
            raise FlagError(f"the flag of {self._feature} was not moved: {error}") from None
        self._uncertain = False
        self._rev = told["flag"]["rev"]
        if told["workers"]["missing"]:
            await self._until_held(percent, told["workers"]["missing"])

    async def _until_held(self, percent: str, missing: list[str]) -> None:
        deadline = time.monotonic() + HELD_SECONDS
        while True:
            feature = (await self._read("/api/status"))["features"][self._feature]
            if not feature["workers_differ"] and feature["percent"] == percent:
                return
            if time.monotonic() > deadline:
                raise FlagError(f"{percent} % is not in force on: {', '.join(missing)}")
            await asyncio.sleep(LOOK_SECONDS)  # a poll with a deadline

    async def _read(self, path: str) -> Any:
        try:
            return await self._admin.get(path)
        except AdminError as error:
            raise FlagError(str(error)) from None

    async def _write(self, action: str, value: str | None, *, rev: int) -> Any:
        content = {"action": action, "who": self._change.who, "reason": self._reason(action), "expected_rev": rev}
        if value is not None:
            content["value"] = value
        return await self._admin.post(f"/api/flags/{self._feature}", content)

    def _reason(self, action: str) -> str:
        before = f"{self._before['percent']} % by {self._before['source']}"
        return f"{self._change.reason} (it was {before}, and will be again)"

    async def _put_back(self) -> None:
        deadline = time.monotonic() + RESTORE_SECONDS
        while True:
            try:
                await self._try_to_put_back()
            except AdminError as error:
                if error.status is not None and error.status < 500:
                    raise FlagError(self._left(str(error))) from None
                if time.monotonic() > deadline:
                    raise FlagError(self._left(str(error))) from None
                await asyncio.sleep(LOOK_SECONDS)  # a poll with a deadline: control or Redis may be coming back
            else:
                return

    async def _try_to_put_back(self) -> None:
        """A write even where nothing seems changed: one that was begun and is still on its way then finds another
        revision, and is refused.
        """
        now = await self._admin.get(f"/api/flags/{self._feature}")
        ours = now["rev"] == self._rev or (self._uncertain and now["percent"] == self._wanted)
        if not ours:
            raise FlagError(
                f"somebody else has changed the flag of {self._feature} meanwhile: it is left at {now['percent']} %; "
                f"`gateway flag history {self._feature}` tells who"
            )
        if self._before["source"] == Source.REDIS.value:
            await self._write("percent", self._before["percent"], rev=now["rev"])
        else:
            await self._write("unset", "percent", rev=now["rev"])

    def _left(self, why: str) -> str:
        redis = self._before["source"] == Source.REDIS.value
        command = f"set {self._feature} {self._before['percent']}" if redis else f"unset {self._feature}"
        return (
            f"THE FLAG OF {self._feature} WAS NOT PUT BACK, it is at {self._wanted} %: {why}; "
            f"type: gateway flag {command}"
        )


def _refusal(flag: dict[str, Any], *, redis: dict[str, Any]) -> str | None:
    """Why a flag must be left alone, and what may be done; None where it may be moved."""
    feature = flag["feature"]
    if not redis["configured"]:
        return "this gateway was started without Redis; start it with --redis, or play with --no-gateway"
    if not redis["up"]:
        return "Redis is away, so that no worker would hear of it"
    if flag["killed_by"]:
        return f"{feature} is KILLED by {', '.join(flag['killed_by'])}: somebody means that nothing goes to new"
    if flag["unknown"] or flag["held"]:
        return f"{flag['held'] or 'its value was never read'}; `gateway flag adopt {feature}` or `set` decides first"
    if flag["problems"]:
        return f"{flag['problems'][0]}; what Redis says must be right before it can be put back"
    if not flag["reversible"]:
        return "routes.yaml says reversible: false: users taken off new would miss what it has written"
    return None


async def uncancelled(work: Coroutine[Any, Any, T]) -> T:
    """Runs to its end even when the task is cancelled meanwhile, which is then raised."""
    task = asyncio.get_running_loop().create_task(work, name="verify: a change of a flag")
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            if not task.done():
                cancelled = error
        except Exception:  # noqa: BLE001, S110 - told below, by its result
            pass
    if cancelled is not None and task.exception() is None:
        raise cancelled
    return task.result()
