"""The admin port of a gateway, as `flags` needs it: JSON over HTTP, and failures in words."""

import asyncio
import os
import time
from typing import Any

import httpx

from gateway.admin_token import ADMIN_TOKEN, ADMIN_TOKEN_FILE, admin_token
from gateway.verify.send import why

TIMEOUT_SECONDS = 15.0
RECONNECT_SECONDS = 5.0
LOOK_SECONDS = 0.1


class AdminError(Exception):
    """What was asked of the admin port did not happen. status: of its answer; None where none came."""

    def __init__(self, words: str, status: int | None = None) -> None:
        super().__init__(words)
        self.status = status


class Admin:
    """One gateway's admin port. To be closed by its user. Raises AdminError where the token cannot be used."""

    def __init__(self, base: str) -> None:
        self.base = base.rstrip("/")
        try:
            token = admin_token(os.environ)
        except (OSError, ValueError) as error:
            raise AdminError(f"the admin token cannot be used: {error}") from None
        headers = {"authorization": f"Bearer {token.decode()}"} if token is not None else {}
        self._client = httpx.AsyncClient(headers=headers, timeout=TIMEOUT_SECONDS, trust_env=False)

    async def aclose(self) -> None:
        await self._client.aclose()

    async def get(self, path: str) -> Any:
        """Raises AdminError."""
        return await self._ask("GET", path)

    async def post(self, path: str, content: dict[str, Any]) -> Any:
        """Raises AdminError."""
        return await self._ask("POST", path, content)

    async def _ask(self, method: str, path: str, content: dict[str, Any] | None = None) -> Any:
        deadline = time.monotonic() + RECONNECT_SECONDS
        while True:
            try:
                reply = await self._client.request(method, self.base + path, json=content)
            except httpx.ConnectError as error:
                if time.monotonic() > deadline:
                    raise AdminError(f"no gateway answers on {self.base} ({why(error)}); is --admin right?") from None
                await asyncio.sleep(LOOK_SECONDS)  # a poll with a deadline: control may be coming back
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise AdminError(f"{self.base} did not answer: {error or type(error).__name__}") from None
            else:
                return self._content(reply)

    def _content(self, reply: httpx.Response) -> Any:
        if reply.status_code == 401:
            words = f"{self.base} wants its token: set {ADMIN_TOKEN}, or {ADMIN_TOKEN_FILE} to the file that holds it"
            raise AdminError(words, 401)
        try:
            content = reply.json()
        except ValueError:
            words = f"{self.base} answered {reply.status_code} with something that is not JSON; is --admin right?"
            raise AdminError(words, reply.status_code) from None
        if reply.status_code >= 400:
            raise AdminError(str(content.get("detail") or content.get("error") or content), reply.status_code)
        return content
