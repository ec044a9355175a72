"""Faults planted around a small application, so that each can be seen for itself."""

from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from new_backend.app import create_app
from new_backend.infrastructure.http.faults import BLOCK, Faults, Lots
from new_backend.infrastructure.persistence.postgres.connection import Database
from new_backend.infrastructure.settings import load_settings

pytestmark = pytest.mark.anyio
RESUME = {"id": "1", "size_bytes": 7, "filename": "size_bytes"}


async def me(_request: Request) -> Response:
    return JSONResponse({"id": "1", "created_at": "now"})


async def resumes(_request: Request) -> Response:
    return JSONResponse({"resumes": [RESUME], "total": 1})


async def resume(request: Request) -> Response:
    known = request.path_params["id"] == "1"
    return JSONResponse(RESUME if known else {"detail": "Resume not found"}, status_code=200 if known else 404)


async def file(_request: Request) -> Response:
    return PlainTextResponse('{"size_bytes": 7}', status_code=200)


def client(*planted: str) -> httpx.AsyncClient:
    routes = [
        Route("/api/v1/auth/me", me),
        Route("/api/v1/resumes", resumes),
        Route("/api/v1/resumes/{id}", resume, methods=["GET", "DELETE"]),
        Route("/api/v1/resumes/{id}/file", file),
        Route("/healthz", me),
    ]
    app = Starlette(routes=routes, middleware=[Middleware(Faults, planted=frozenset(planted), seed=1)])
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


async def get(planted: str, path: str, method: str = "GET") -> httpx.Response:
    async with client(planted) as http:
        answer = await http.request(method, path)
    assert int(answer.headers["content-length"]) == len(answer.content) or method == "HEAD"
    return answer


async def test_wrong_status_is_for_an_unknown_resume_alone() -> None:
    answer = await get("wrong-status", "/api/v1/resumes/2")
    assert (answer.status_code, answer.json()) == (400, {"detail": "Resume not found"})
    assert (await get("wrong-status", "/api/v1/resumes/1")).status_code == 200
    assert (await get("wrong-status", "/api/v1/resumes/2", "DELETE")).status_code == 404
    assert (await get("wrong-status", "/api/v1/nothing")).status_code == 404


async def test_renamed_field_is_in_me_alone() -> None:
    assert (await get("renamed-field", "/api/v1/auth/me")).json() == {"id": "1", "createdAt": "now"}
    assert "created_at" in (await get("renamed-field", "/healthz")).json()


async def test_integer_as_text_is_in_all_answers_about_resumes() -> None:
    wrong: dict[str, Any] = {**RESUME, "size_bytes": "7"}
    assert (await get("integer-as-text", "/api/v1/resumes/1")).json() == wrong
    assert (await get("integer-as-text", "/api/v1/resumes")).json() == {"resumes": [wrong], "total": 1}
    assert (await get("integer-as-text", "/api/v1/resumes/1/file")).text == '{"size_bytes": 7}'


async def test_slow_is_later_by_five_milliseconds_at_least() -> None:
    answer = await get("slow", "/healthz")
    assert answer.elapsed.total_seconds() >= 0.005
    assert answer.json() == {"id": "1", "created_at": "now"}


async def test_errors_are_one_in_each_hundred_under_api() -> None:
    async with client("errors") as http:
        for _ in range(3):
            statuses = []
            for _ in range(BLOCK):
                assert (await http.get("/healthz")).status_code == 200
                statuses.append((await http.get("/api/v1/auth/me")).status_code)
            assert sorted(statuses) == [200] * 99 + [500]


def test_the_places_of_errors_are_the_seeds() -> None:
    def places(seed: int) -> list[int]:
        lots = Lots(seed)
        return [number for number in range(5 * BLOCK) if lots.draw()]

    assert places(1) == places(1) != places(2)
    assert [place // BLOCK for place in places(3)] == [0, 1, 2, 3, 4]
    assert len({place % BLOCK for place in places(3)}) > 1


@pytest.mark.parametrize(("planted", "installed"), [("", False), ("leak,down", False), ("slow", True)])
async def test_without_a_fault_that_needs_it_nothing_is_in_the_way(
    database: Database, planted: str, installed: bool
) -> None:
    url = database._url.set(drivername="sqlite").render_as_string()  # noqa: SLF001  # a database that is there
    app = create_app(load_settings({"JWT_SECRET": "k" * 32, "DATABASE_URL": url, "FAULTS": planted}))
    assert ("Faults" in repr(app.user_middleware)) is installed
