"""The answer to a client that is still sending: it must be read, so the connection is not closed under it at once.

A socket that is closed while bytes of the client are unread is reset, and a reset throws away what the client has
not read yet, which is the answer. So the client gets the whole answer, then some time to notice, and then the end.
"""

import asyncio
import contextlib

from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

LINGER_SECONDS = 1.0
LINGER_BYTES = 16 * 1024 * 1024


class LingeringJSONResponse(JSONResponse):
    """For answers with `Connection: close` before the request's body has ended."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                await _read_on(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _read_on(receive: Receive) -> None:
    left = LINGER_BYTES
    while left > 0:
        message = await receive()
        if message["type"] != "http.request" or not message.get("more_body", False):
            return
        left -= len(message.get("body", b""))
