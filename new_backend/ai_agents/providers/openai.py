"""Any server that speaks OpenAI's chat completions, asked over HTTP."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from new_backend.ai_agents.interface import EXTRACT, AiError, Result
from resumekit.agents import Agent
from resumekit.prompts import messages
from resumekit.results import parse_result

MAX_ANSWER_BYTES = 1024 * 1024
_RETRIED = frozenset({429, 502, 503, 504})
_RETRIES = 2
_RETRY_SECONDS = 0.5
_MAX_RETRY_SECONDS = 10.0
_UNUSABLE = "The AI service gave an answer that cannot be used"


@asynccontextmanager
async def http_client() -> AsyncIterator[httpx.AsyncClient]:
    """For the lifespan. Keeps no cookies, for all users share it, and takes no proxy from the environment."""
    no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    async with httpx.AsyncClient(
        cookies=no_cookies, trust_env=False, follow_redirects=False, timeout=httpx.Timeout(None, connect=5)
    ) as client:
        yield client


class OpenAi:
    """`base_url` without a slash at its end; `seconds` bound one question: all tries, and the waiting between them."""

    def __init__(self, client: httpx.AsyncClient, *, base_url: str, api_key: str, model: str, seconds: float) -> None:
        self._client = client
        self._url = f"{base_url}/chat/completions"
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._model = model
        self._seconds = seconds

    def steps(self, agent: Agent) -> tuple[str, ...]:
        return (EXTRACT, "ask", "check")

    def begin(self, agent: Agent, *, text: str, job_text: str | None, today: date) -> "OpenAiTask":
        return OpenAiTask(self, agent, messages(agent, text=text, job_text=job_text))

    async def ask(self, question: list[dict[str, str]]) -> bytes:
        """The body of a good answer. Raises AiError."""
        body = {
            "model": self._model,
            "temperature": 0,
            "messages": question,
            "response_format": {"type": "json_object"},
        }
        try:
            async with asyncio.timeout(self._seconds):
                return await self._ask_until_taken(body)
        except (httpx.TransportError, httpx.DecodingError, TimeoutError) as error:
            raise AiError("The AI service does not answer") from error

    async def _ask_until_taken(self, body: dict[str, object]) -> bytes:
        for retries_left in range(_RETRIES, -1, -1):
            async with self._client.stream("POST", self._url, json=body, headers=self._headers) as response:
                if response.is_success:
                    return await _read(response)
                if response.status_code not in _RETRIED or not retries_left:
                    break
            await asyncio.sleep(_pause(response))
        raise AiError(f"The AI service failed: {response.status_code}")


class OpenAiTask:
    def __init__(self, service: OpenAi, agent: Agent, question: list[dict[str, str]]) -> None:
        self._service = service
        self._agent = agent
        self._question = question
        self._answer = b""
        self._result: Result | None = None

    async def do(self, step: str) -> None:
        if step == "ask":
            self._answer = await self._service.ask(self._question)
        else:
            self._result = _result(self._agent, self._answer)

    def result(self) -> Result:
        if self._result is None:
            raise ValueError("steps are left")
        return self._result


def _result(agent: Agent, answer: bytes) -> Result:
    try:
        return parse_result(agent, json.loads(answer)["choices"][0]["message"]["content"])
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise AiError(_UNUSABLE) from error


async def _read(response: httpx.Response) -> bytes:
    answer = bytearray()
    async for piece in response.aiter_bytes():
        answer += piece
        if len(answer) > MAX_ANSWER_BYTES:
            raise AiError(_UNUSABLE)
    return bytes(answer)


def _pause(response: httpx.Response) -> float:
    """Retry-After in seconds (RFC 9110, 10.2.3), up to a limit. A date is not understood: the usual pause."""
    text = response.headers.get("retry-after", "")
    return min(float(text), _MAX_RETRY_SECONDS) if re.fullmatch(r"[0-9]{1,9}", text) else _RETRY_SECONDS
