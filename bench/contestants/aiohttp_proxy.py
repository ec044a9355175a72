"""A plain proxy of aiohttp, both its sides: `python -m bench.contestants.aiohttp_proxy PORT LEGACY NEW`."""

import asyncio
import sys
from collections.abc import AsyncIterator

import aiohttp
import uvloop
from aiohttp import web
from xxhash import xxh64_intdigest

from bench.wire import COOKIE, SHARE

DROPPED = {"connection", "keep-alive", "transfer-encoding"}
PIECE_BYTES = 64 * 1024


def application(legacy: int, new: int) -> web.Application:
    """Both upstreams are on loopback."""
    bases = [f"http://127.0.0.1:{legacy}", f"http://127.0.0.1:{new}"]
    session: aiohttp.ClientSession

    async def client(_app: web.Application) -> AsyncIterator[None]:
        nonlocal session
        connector = aiohttp.TCPConnector(limit=4096)
        session = aiohttp.ClientSession(connector=connector, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar())
        yield
        await session.close()

    async def proxy(request: web.Request) -> web.StreamResponse:
        user = request.cookies.get(COOKIE, "")
        base = bases[xxh64_intdigest(user.encode()) % 100 < SHARE]
        headers = [(name, value) for name, value in request.headers.items() if name.lower() not in DROPPED]
        body = request.content if request.can_read_body else None
        async with session.request(request.method, base + request.path, headers=headers, data=body) as answer:
            response = web.StreamResponse(status=answer.status)
            for name, value in answer.headers.items():
                if name.lower() not in DROPPED:
                    response.headers.add(name, value)
            await response.prepare(request)
            async for piece in answer.content.iter_chunked(PIECE_BYTES):
                await response.write(piece)
            await response.write_eof()
            return response

    app = web.Application(client_max_size=0)
    app.cleanup_ctx.append(client)
    app.router.add_route("*", "/{path:.*}", proxy)
    return app


async def serve(port: int, legacy: int, new: int) -> None:
    """Until it is ended."""
    runner = web.AppRunner(application(legacy, new), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=4096).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(*map(int, sys.argv[1:])))
