"""Faults that are planted on purpose, so that one can see what finds them. Not installed unless FAULTS is set.

wrong-status     GET /api/v1/resumes/{id} of an unknown id is 400
slow             every answer begins 15 % later, and at least 5 ms
renamed-field    `created_at` is `createdAt` in GET /api/v1/auth/me
integer-as-text  `size_bytes` is text in all answers about resumes
errors           one request of each hundred under /api/ is 500

The others are elsewhere: `leak` in the auth service, `down` where the server starts.
"""

import asyncio
import json
import random
import re
import time
from collections.abc import Callable
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MIDDLEWARE = frozenset({"wrong-status", "slow", "renamed-field", "integer-as-text", "errors"})
SLOWER = 0.15
SLOWER_AT_LEAST_SECONDS = 0.005
BLOCK = 100

_ME = re.compile(r"/api/v1/auth/me")
_RESUME = re.compile(r"/api/v1/resumes/[^/]+")
_RESUMES = re.compile(r"/api/v1/resumes(/[^/]+)?")


class Faults:
    def __init__(self, app: ASGIApp, *, planted: frozenset[str], seed: int) -> None:
        self._app = app
        self._planted = planted
        self._lots = Lots(seed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = self._around(scope, send)
        if "errors" in self._planted and scope["path"].startswith("/api/") and self._lots.draw():
            await JSONResponse({"detail": "Internal Server Error"}, status_code=500)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _around(self, scope: Scope, send: Send) -> Send:
        """What changes an answer on its way out; the last that is added sees it first."""
        method, path = scope["method"], scope["path"]
        if "slow" in self._planted:
            send = _later(send)
        if "wrong-status" in self._planted and method == "GET" and _RESUME.fullmatch(path):
            send = _wrong_status(send)
        if "renamed-field" in self._planted and method == "GET" and _ME.fullmatch(path):
            send = _Rewritten(send, _renamed).send
        if "integer-as-text" in self._planted and _RESUMES.fullmatch(path):
            send = _Rewritten(send, _as_text).send
        return send


class Lots:
    """One of each hundred draws is true, at a place that is as random as the seed says."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  # to be repeated, not to be secret
        self._place = 0
        self._drawn = 0

    def draw(self) -> bool:
        at = self._drawn % BLOCK
        if at == 0:
            self._place = self._random.randrange(BLOCK)
        self._drawn += 1
        return at == self._place


def _later(send: Send) -> Send:
    begun = time.perf_counter()

    async def later(message: Message) -> None:
        if message["type"] == "http.response.start":
            await asyncio.sleep(max(SLOWER_AT_LEAST_SECONDS, SLOWER * (time.perf_counter() - begun)))
        await send(message)

    return later


def _wrong_status(send: Send) -> Send:
    async def wrong(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 404:
            message = {**message, "status": 400}
        await send(message)

    return wrong


class _Rewritten:
    """Holds an answer in JSON back until it is whole, and sends it changed; another passes as it is."""

    def __init__(self, send: Send, change: Callable[[Any], Any]) -> None:
        self._send = send
        self._change = change
        self._start: Message | None = None
        self._body = bytearray()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_json(message):
            self._start = message
        elif self._start is None:
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._send_changed(self._start)

    async def _send_changed(self, start: Message) -> None:
        changed = self._change(json.loads(self._body)) if self._body else None
        body = b"" if changed is None else JSONResponse(changed).body
        if body:
            MutableHeaders(scope=start)["content-length"] = str(len(body))
        await self._send(start)
        await self._send({"type": "http.response.body", "body": bytes(body)})


def _is_json(start: Message) -> bool:
    return MutableHeaders(scope=start).get("content-type") == "application/json"


def _renamed(answer: Any) -> Any:
    if not isinstance(answer, dict):
        return answer
    return {"createdAt" if name == "created_at" else name: value for name, value in answer.items()}


def _as_text(answer: Any) -> Any:
    if isinstance(answer, list):
        return [_as_text(each) for each in answer]
    if not isinstance(answer, dict):
        return answer
    return {name: str(value) if name == "size_bytes" else _as_text(value) for name, value in answer.items()}
