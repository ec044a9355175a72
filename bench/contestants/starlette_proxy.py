"""A plain proxy of Starlette and httpx under uvicorn: `python -m bench.contestants.starlette_proxy PORT LEGACY NEW`."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from xxhash import xxh64_intdigest

from bench.wire import COOKIE, SHARE

METHODS = ["GET", "POST", "PUT"]
DROPPED = {b"connection", b"keep-alive", b"transfer-encoding"}


def application(legacy: int, new: int) -> Starlette:
    """Both upstreams are on loopback."""
    bases = [f"http://127.0.0.1:{legacy}", f"http://127.0.0.1:{new}"]

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        limits = httpx.Limits(max_connections=4096, max_keepalive_connections=2048)
        async with httpx.AsyncClient(limits=limits, timeout=90) as client:
            app.state.client = client
            yield

    async def proxy(request: Request) -> Response:
        user = request.cookies.get(COOKIE, "")
        base = bases[xxh64_intdigest(user.encode()) % 100 < SHARE]
        has_body = "content-length" in request.headers or "transfer-encoding" in request.headers
        asked = request.app.state.client.build_request(
            request.method,
            f"{base}{request.url.path}",
            headers=[(name, value) for name, value in request.headers.raw if name not in DROPPED],
            content=request.stream() if has_body else None,
        )
        answer = await request.app.state.client.send(asked, stream=True)
        response = StreamingResponse(
            answer.aiter_raw(), status_code=answer.status_code, background=BackgroundTask(answer.aclose)
        )
        response.raw_headers = [
            (name.lower(), value) for name, value in answer.headers.raw if name.lower() not in DROPPED
        ]
        return response

    return Starlette(routes=[Route("/{path:path}", proxy, methods=METHODS)], lifespan=lifespan)


if __name__ == "__main__":
    port, *upstreams = map(int, sys.argv[1:])
    uvicorn.run(
        application(*upstreams),
        port=port,
        log_level="error",
        access_log=False,
        date_header=False,
        server_header=False,
        backlog=4096,
        timeout_keep_alive=75,
    )
