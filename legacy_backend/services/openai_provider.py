"""Any server that speaks OpenAI's chat completions. What it answers is checked before it is believed."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from legacy_backend.core.config import Config
from legacy_backend.services.ai_providers import EXTRACT, Result, Work
from legacy_backend.services.errors import AnalysisError
from resumekit.agents import Agent
from resumekit.prompts import messages
from resumekit.results import parse_result

ASK, CHECK = "ask", "check"
MAX_ANSWER_BYTES = 4 * 1024 * 1024
TRIES = 3
RETRIED_STATUSES = frozenset({429, 502, 503, 504})
RETRY_SECONDS = 0.5
MAX_RETRY_SECONDS = 10

UNUSABLE = "The AI service gave an answer that cannot be used"
SILENT = "The AI service does not answer"


class OpenAIProvider:
    def __init__(self, config: Config) -> None:
        self._url = f"{config.ai_base_url}/chat/completions"
        self._model = config.ai_model
        self._seconds = config.ai_timeout_seconds
        api_key = config.ai_api_key.get_secret_value()
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._client: httpx.AsyncClient | None = None

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """No proxies from the environment, and no cookies: answers to one user's question leave nothing behind."""
        no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        async with httpx.AsyncClient(
            headers=self._headers, cookies=no_cookies, timeout=self._seconds, trust_env=False
        ) as client:
            self._client = client
            yield
        self._client = None

    def steps(self, agent: Agent) -> tuple[str, ...]:
        return EXTRACT, ASK, CHECK

    def begin(self, agent: Agent, text: str, job_text: str | None) -> Work:
        return _OpenAIWork(self, agent, text, job_text)

    async def ask(self, question: list[dict[str, str]]) -> bytes:
        """The body of the answer. Raises AnalysisError."""
        body = {
            "model": self._model,
            "temperature": 0,
            "messages": question,
            "response_format": {"type": "json_object"},
        }
        try:
            async with asyncio.timeout(self._seconds):
                return await self._ask_again(body)
        except httpx.DecodingError as error:
            raise AnalysisError(UNUSABLE) from error
        except (TimeoutError, httpx.HTTPError) as error:
            raise AnalysisError(SILENT) from error

    async def _ask_again(self, body: dict[str, object]) -> bytes:
        """As often as it is worth while."""
        if self._client is None:
            raise RuntimeError("the AI provider is not connected")
        for left in reversed(range(TRIES)):
            async with self._client.stream("POST", self._url, json=body) as response:
                if response.is_success:
                    return await _read(response)
                if response.status_code not in RETRIED_STATUSES or not left:
                    break
                wait = _seconds_to_wait(response)
            await asyncio.sleep(wait)
        raise AnalysisError(f"The AI service failed: {response.status_code}")


class _OpenAIWork:
    def __init__(self, provider: OpenAIProvider, agent: Agent, text: str, job_text: str | None) -> None:
        self._provider = provider
        self._agent = agent
        self._question = messages(agent, text=text, job_text=job_text)
        self._answer = b""
        self._result: Result | None = None

    async def do(self, step: str) -> None:
        if step == ASK:
            self._answer = await self._provider.ask(self._question)
        else:
            self._result = self._check()

    def result(self) -> Result:
        if self._result is None:
            raise RuntimeError("asked for before it was there")
        return self._result

    def _check(self) -> Result:
        try:
            content = json.loads(self._answer)["choices"][0]["message"]["content"]
            return parse_result(self._agent, content)
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise AnalysisError(UNUSABLE) from error


async def _read(response: httpx.Response) -> bytes:
    body = b""
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise AnalysisError(UNUSABLE)
    return body


def _seconds_to_wait(response: httpx.Response) -> float:
    asked = response.headers.get("Retry-After", "")
    if not re.fullmatch(r"[0-9]{1,9}", asked):
        return RETRY_SECONDS
    return min(int(asked), MAX_RETRY_SECONDS)
