"""The client of an OpenAI-compatible server, and what each answer of that becomes."""

import asyncio
import json
from collections.abc import Callable
from datetime import date

import httpx
import pytest

from new_backend.ai_agents.interface import AiError
from new_backend.ai_agents.providers import openai
from new_backend.ai_agents.providers.openai import OpenAi, http_client
from resumekit.agents import AGENTS
from resumekit.results import KeywordMatch

pytestmark = pytest.mark.anyio
AGENT = AGENTS["keyword-match"]
RESULT = {"keywords": {"matched": ["Python"], "missing": [], "percent": 100}, "score": 90, "suggestions": []}
Answers = Callable[[httpx.Request], httpx.Response]


def completion(content: object) -> httpx.Response:
    return httpx.Response(200, json={"choices": [{"message": {"role": "assistant", "content": content}}]})


async def analyse(*answers: httpx.Response | Exception, api_key: str = "k", seconds: float = 20) -> list[httpx.Request]:
    """Runs the steps against a server that gives these answers, and returns what it was asked."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        given = answers[len(asked) - 1]
        if isinstance(given, Exception):
            raise given
        return given

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        ai = OpenAi(client, base_url="http://ai.test/v1", api_key=api_key, model="m", seconds=seconds)
        task = ai.begin(AGENT, text="I know Python", job_text="Python wanted", today=date(2026, 11, 30))
        for step in ai.steps(AGENT)[1:]:
            await task.do(step)
        assert task.result() == KeywordMatch.model_validate(RESULT)
    return asked


@pytest.fixture
def paused(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited between tries; nothing is."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("new_backend.ai_agents.providers.openai.asyncio.sleep", sleep)
    return waits


async def test_it_is_asked_as_the_contract_says() -> None:
    (request,) = await analyse(completion(json.dumps(RESULT)))
    assert (request.method, str(request.url)) == ("POST", "http://ai.test/v1/chat/completions")
    assert request.headers["authorization"] == "Bearer k"
    body = json.loads(request.content)
    assert set(body) == {"model", "temperature", "messages", "response_format"}
    assert (body["model"], body["temperature"], body["response_format"]) == ("m", 0, {"type": "json_object"})
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert all(text in body["messages"][1]["content"] for text in ("I know Python", "Python wanted"))


async def test_without_a_key_none_is_sent() -> None:
    (request,) = await analyse(completion(json.dumps(RESULT)), api_key="")
    assert "authorization" not in request.headers


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, content=b"nonsense"),
        httpx.Response(200, content=b"[" * 100_000),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"choices": []}),
        completion(None),
        completion(RESULT),
        completion("nonsense"),
        completion("{}"),
        completion(json.dumps({**RESULT, "score": 101})),
        httpx.Response(200, content=b'{"choices": [{"message": {"content": "\\ud800"}}]}'),
        httpx.Response(200, content=b"x" * (openai.MAX_ANSWER_BYTES + 1)),
    ],
)
async def test_an_answer_that_is_no_result_cannot_be_used(answer: httpx.Response) -> None:
    with pytest.raises(AiError, match=r"^The AI service gave an answer that cannot be used$"):
        await analyse(answer)


@pytest.mark.parametrize("status", [301, 400, 401, 404, 500])
async def test_a_refusal_is_final(status: int, paused: list[float]) -> None:
    with pytest.raises(AiError, match=f"^The AI service failed: {status}$"):
        await analyse(httpx.Response(status, headers={"Location": "/elsewhere"}))
    assert paused == []


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_what_passes_is_asked_again_twice(status: int, paused: list[float]) -> None:
    busy = [httpx.Response(status, headers=headers) for headers in ({}, {"Retry-After": "3"})]
    assert len(await analyse(*busy, completion(json.dumps(RESULT)))) == 3
    assert paused == [0.5, 3]
    with pytest.raises(AiError, match=f"^The AI service failed: {status}$"):
        await analyse(*(httpx.Response(status, headers={"Retry-After": "99"}) for _ in range(3)))
    assert paused == [0.5, 3, 10, 10]


@pytest.mark.parametrize("text", ["", "-1", "soon", "1e9", "Mon, 30 Nov 2026 12:00:00 GMT", "9" * 99])
async def test_a_pause_that_is_not_understood_is_the_usual_one(text: str, paused: list[float]) -> None:
    await analyse(httpx.Response(503, headers={"Retry-After": text}), completion(json.dumps(RESULT)))
    assert paused == [0.5]


@pytest.mark.parametrize("error", [httpx.ConnectError("x"), httpx.ReadTimeout("x"), httpx.RemoteProtocolError("x")])
async def test_no_answer_is_told_in_words(error: Exception) -> None:
    with pytest.raises(AiError, match=r"^The AI service does not answer$"):
        await analyse(error)


async def test_all_tries_together_have_their_time() -> None:
    busy = (httpx.Response(503, headers={"Retry-After": "10"}) for _ in range(3))
    async with asyncio.timeout(5):
        with pytest.raises(AiError, match=r"^The AI service does not answer$"):
            await analyse(*busy, seconds=0.05)


async def test_no_cookie_of_one_users_answer_is_sent_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with http_client() as client:
        assert client.trust_env is False
        request = httpx.Request("POST", "http://ai.test/")
        client.cookies.extract_cookies(httpx.Response(200, headers={"Set-Cookie": "a=b"}, request=request))
        assert "cookie" not in client.build_request("POST", "http://ai.test/").headers
