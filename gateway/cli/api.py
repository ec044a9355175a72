"""The CLI's way to the control process: HTTP to the admin port, and errors in words."""

import os
import sys
import time
from typing import Any, NoReturn

import httpx
import typer

from gateway.admin_token import ADMIN_TOKEN, ADMIN_TOKEN_FILE, admin_token
from gateway.cli.words import errors, fail, safe

TIMEOUT_SECONDS = 15.0
RECONNECT_SECONDS = 3.0
"""A control process that died is back within a second; an operator at 3 a.m. should not have to repeat a command."""


class AdminApi:
    """One gateway's admin port. failure: the exit status where it cannot be asked, or refuses."""

    def __init__(self, base: str, *, failure: int = 1) -> None:
        self._failure = failure
        self._base = base.rstrip("/")
        try:
            token = admin_token(os.environ)
        except (OSError, ValueError) as error:
            self._fail(f"the admin token cannot be used: {error}")
        self._headers = {"authorization": f"Bearer {token.decode()}"} if token is not None else {}

    def get(self, path: str, **params: str) -> Any:
        """The reply's JSON. Exits with a problem in words."""
        return self._ask("GET", path, params=params)

    def post(self, path: str, content: dict[str, Any]) -> Any:
        """The reply's JSON. Exits with a problem in words. Asks first where the gateway wants it confirmed."""
        return self._ask("POST", path, json=content)

    def delete(self, path: str) -> Any:
        """The reply's JSON. Exits with a problem in words."""
        return self._ask("DELETE", path)

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        deadline = time.monotonic() + RECONNECT_SECONDS
        with httpx.Client(
            base_url=self._base, headers=self._headers, timeout=TIMEOUT_SECONDS, trust_env=False
        ) as client:
            while True:
                try:
                    reply = client.request(method, path, **more)
                except httpx.ConnectError as error:
                    if time.monotonic() < deadline:
                        time.sleep(0.2)  # a poll with a deadline: control may be coming back
                        continue
                    self._fail(f"no gateway answers on {self._base} ({error}); is it running, and is --admin right?")
                except httpx.HTTPError as error:
                    self._fail(f"{self._base} did not answer: {error or type(error).__name__}")
                break
        if reply.status_code == 409 and method == "POST" and _wants_confirmation(reply):
            return self._ask(method, path, json={**more["json"], "confirm": True})
        if reply.status_code == 401:
            self._fail_without_token()
        return self._content(reply)

    def _fail_without_token(self) -> NoReturn:
        if self._headers:
            self._fail(f"{self._base} does not take the token of {ADMIN_TOKEN} or {ADMIN_TOKEN_FILE}: it has another")
        self._fail(
            f"{self._base} wants a token: set {ADMIN_TOKEN} to the one that the gateway was started with, or "
            f"{ADMIN_TOKEN_FILE} to the file that holds it"
        )

    def _content(self, reply: httpx.Response) -> Any:
        try:
            content = reply.json()
        except ValueError:
            self._fail(
                f"the admin port answered {reply.status_code} with something that is not JSON; is --admin right?"
            )
        if reply.status_code >= 400:
            self._fail(str(content.get("detail") or content.get("error") or content))
        return content

    def _fail(self, message: str) -> NoReturn:
        fail(message, status=self._failure)


def _wants_confirmation(reply: httpx.Response) -> bool:
    """Asks at a terminal whether to go on; anywhere else the answer is no, in words. Exits 1 for a no."""
    content = _content_or_nothing(reply)
    if content.get("confirm") != "needed":
        return False
    if not sys.stdin.isatty():
        fail(f"{content['detail']}; add --yes if that is meant")
    errors.print(f"[bold yellow]careful:[/] {safe(str(content['detail']))}")
    if not typer.confirm("go on?", err=True):
        fail("nothing was changed")
    return True


def _content_or_nothing(reply: httpx.Response) -> dict[str, Any]:
    try:
        content = reply.json()
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
