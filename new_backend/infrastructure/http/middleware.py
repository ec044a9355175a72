"""What stands around every request: one log line, and an answer when the code below fails."""

import re
import time

import structlog
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log = structlog.get_logger()
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_MAX_LOGGED_PATH = 200


class LogRequests:
    """Outermost. The line holds no query, header or body: those may be secrets. A client that left is 499."""

    def __init__(self, app: ASGIApp, *, side: str) -> None:
        self._app = app
        self._side = side

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 499

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            _log.info(
                "request",
                side=self._side,
                method=scope["method"],
                path=_path(scope),
                status=status,
                duration_ms=round((time.perf_counter() - started) * 1000, 2),
                **_request_id(scope),
            )


class AnswerFailures:
    """Innermost, below CORS, so that a page of another origin can read a 500 as well."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            return
        except Exception:
            _log.exception("failed", path=_path(scope))
            if begun:
                raise
            await JSONResponse({"detail": "Internal Server Error"}, status_code=500)(scope, receive, send)


def _path(scope: Scope) -> str:
    """As it came over the wire: a decoded path could hold a line break or a terminal's control codes."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw[:_MAX_LOGGED_PATH].decode("ascii", "backslashreplace")


def _request_id(scope: Scope) -> dict[str, str]:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return {"request_id": value.decode("ascii")}
    return {}
