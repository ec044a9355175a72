"""What stands before the admin app: who may ask, how long and how much, and what browsers are told of every answer."""

import asyncio
import time
from email.utils import formatdate

import orjson
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.config.schema import Limits
from gateway.errors import ClientError, GatewayError
from gateway.model import Refusal
from gateway.rules.access import Access, check_access
from gateway.rules.request_head import HeadLimits

MAX_BODY_BYTES = 1 << 20
BODY_SECONDS = 10.0
"""For a whole body: one that comes a byte at a time is not waited for."""
TELL_SECONDS = 1.0
"""Refused requests are logged at most so often; the line says how many there were."""

LIMITS = Limits(
    max_connections=512,
    max_connections_per_client=128,
    max_head_bytes=16_384,
    head_timeout_seconds=5.0,
    body_timeout_seconds=5.0,
    send_timeout_seconds=20.0,
)
"""Of the admin port: many enough for a fleet of scrapers; one address cannot take the places of all others."""

_FOR_BROWSERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
)

log = structlog.get_logger("admin")


class AdminGuard:
    """An ASGI app around the admin app. access: replaced whole when the token is read again."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.access = access
        self._app = app
        self._untold = 0
        self._told_at = -TELL_SECONDS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuses, or hands on."""
        send = _adorned(send)
        try:
            check_access(self.access, scope["path"], scope["headers"])
        except ClientError as error:
            self._tell(scope, error)
            await problem(error.status, error.title, error.detail)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _tell(self, scope: Scope, error: ClientError) -> None:
        self._untold += 1
        now = time.monotonic()
        if now - self._told_at >= TELL_SECONDS:
            client = scope["client"][0] if scope["client"] else ""
            log.warning(
                "the admin port refused a request",
                status=error.status,
                why=error.title,
                client=client,
                path=scope["path"],
                refused=self._untold,
            )
            self._untold, self._told_at = 0, now


def problem(status: int, title: str, detail: str, **more: object) -> Response:
    """An answer that says what was wrong (RFC 9457)."""
    content = orjson.dumps({"title": title, "status": status, "detail": detail, **more})
    headers = {"cache-control": "no-store"}
    if status == 401:
        headers["www-authenticate"] = 'Bearer realm="gateway"'
    return Response(content, status_code=status, media_type="application/problem+json", headers=headers)


def _adorned(send: Send) -> Send:
    async def adorned(message: Message) -> None:
        if message["type"] == "http.response.start":
            date = (b"date", formatdate(time.time(), usegmt=True).encode())
            message = {**message, "headers": [*message.get("headers", ()), *_FOR_BROWSERS, date]}
        await send(message)

    return adorned


async def read_json(request: Request) -> bytes:
    """A request's body, which must say that it is JSON: no form on another page can. Raises ClientError (4xx)."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise ClientError(415, "Not JSON", "the body must be JSON, and say so: content-type: application/json")
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > MAX_BODY_BYTES:
        raise _too_large()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _whole(request)
    except TimeoutError:
        raise ClientError(408, "Request timeout", "the request's body did not come in time") from None
    except ClientDisconnect:
        raise ClientError(499, "Client gone", "the client left before the end of its body") from None


async def _whole(request: Request) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            raise _too_large()
    return bytes(body)


def _too_large() -> ClientError:
    return ClientError(413, "Content too large", f"the admin port reads at most {MAX_BODY_BYTES} bytes")


class AdminFront:
    """What the edge asks of whom it serves; there is no plan behind the admin port, its limits are constants."""

    limits = LIMITS
    head_limits = HeadLimits(LIMITS.max_head_bytes, LIMITS.max_headers, LIMITS.max_target_bytes)

    has_balancers = False

    def trusts(self, address: str) -> bool:
        """Nobody stands for many here."""
        return False

    def announces(self, address: str) -> bool:
        """Nor speaks for others."""
        return False

    def shaken(self, version: str) -> None:
        """No TLS is spoken here."""

    def connection_refused(self, why: Refusal, problem: str, *, address: str) -> None:
        """Only what greets can be refused before it asks."""

    def refused(self, error: GatewayError, *, request_id: bytes, method: bytes, path: bytes, seconds: float) -> None:
        """What never became a request is no event of the gateway's."""
        log.debug("the admin port could not read a request", status=error.status, why=str(error))
