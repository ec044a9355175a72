"""One log line for each request, JSON for errors that nobody caught, and no caching of what is private."""

import re
import time

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = structlog.get_logger()


class AccessLogMiddleware:
    """Logs no query, header or body: they may hold secrets. 499 is a client that left before the answer."""

    def __init__(self, app: ASGIApp, side: str) -> None:
        self.app = app
        self.side = side

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        fields = {"side": self.side, "method": scope["method"], "path": logged_path(scope), "status": 499}
        if request_id := logged_request_id(scope):
            fields["request_id"] = request_id

        async def send_and_note(message: Message) -> None:
            if message["type"] == "http.response.start":
                fields["status"] = message["status"]
            await send(message)

        start = time.perf_counter()
        try:
            await self.app(scope, receive, send_and_note)
        finally:
            logger.info("request", **fields, duration_ms=round((time.perf_counter() - start) * 1000, 2))


class ServerErrorMiddleware:
    """Stands inside CORS, so that browsers let a page see the 500."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def send_and_note(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        except ClientDisconnect:
            return
        except Exception:
            logger.exception("failed", path=logged_path(scope))
            if started:
                raise
            await JSONResponse({"detail": "Internal Server Error"}, status_code=500)(scope, receive, send)


class PrivateMiddleware:
    """All JSON for a signed-in user, errors too, says that no cache may keep it. `api.deps` notes who has signed in."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_private(message: Message) -> None:
            if message["type"] == "http.response.start" and scope.get("state", {}).get("signed_in"):
                headers = MutableHeaders(raw=message["headers"])
                if headers.get("Content-Type") == "application/json":
                    headers["Cache-Control"] = "no-store"
            await send(message)

        await self.app(scope, receive, send_private)


def logged_path(scope: Scope) -> str:
    """Undecoded: a decoded path may hold line breaks."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw[:200].decode("ascii", "backslashreplace")


def logged_request_id(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and re.fullmatch(rb"[A-Za-z0-9._:-]{1,128}", value):
            return str(value, "ascii")
    return None
