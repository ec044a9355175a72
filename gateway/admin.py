"""The admin port: probes, metrics, status, explain and flags. JSON in, JSON out; faults are problem documents."""

import time
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.control_view import ControlView
from gateway.flagdesk import FlagDesk, FlagRequestError
from gateway.inner import Question
from gateway.status import describe

MAX_BODY_BYTES = 1 << 20


class FlagRequest(BaseModel):
    """One change of a flag: what, by whom and why. expected_rev: refuse when somebody else was quicker."""

    model_config = ConfigDict(extra="forbid")

    action: str
    value: str | None = None
    entries: list[str] = []
    remove: bool = False
    who: str = "unknown"
    reason: str = ""
    expected_rev: int | None = None


class AdminApp:
    """The app of the control process."""

    def __init__(self, control: ControlView) -> None:
        self.control = control
        self.desk = FlagDesk(control)
        self.app = Starlette(
            routes=[
                Route("/healthz", self._healthz),
                Route("/readyz", self._readyz),
                Route("/metrics", self._metrics),
                Route("/api/status", self._status),
                Route("/api/explain", self._explain, methods=["POST"]),
                Route("/api/flags", self._flags),
                Route("/api/flags/{feature}", self._flag, methods=["GET", "POST"]),
                Route("/api/flags/{feature}/history", self._history),
            ],
            exception_handlers={
                HTTPException: _http_fault,
                FlagRequestError: _flag_fault,
                ValidationError: _bad_request,
            },
        )

    async def _healthz(self, _: Request) -> Response:
        return _json({"status": "ok"})

    async def _readyz(self, request: Request) -> Response:
        """Ready while any worker is up; `?workers=all` asks for every one."""
        states = await self.control.workers.ask()
        up = sum(state is not None for state in states.values())
        if self.control.draining:
            return _json({"status": "draining"}, 503)
        wanted = len(states) if request.query_params.get("workers") == "all" else 1
        if up < wanted:
            return _json({"status": "too few workers are up", "workers_up": up, "workers": len(states)}, 503)
        return _json({"status": "ready", "workers_up": up, "workers": len(states)})

    async def _metrics(self, _: Request) -> Response:
        text = await self.control.metrics_text()
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    async def _status(self, _: Request) -> Response:
        return _json(await describe(self.control, now=time.time()))

    async def _explain(self, request: Request) -> Response:
        question = Question.model_validate_json(await _body(request))
        answer = await self.control.workers.explain(question.model_dump_json().encode())
        if answer is None:
            raise HTTPException(503, "no worker is up to explain it")
        return Response(answer[1], status_code=answer[0], media_type="application/json")

    async def _flags(self, _: Request) -> Response:
        return _json(await self.desk.every())

    async def _flag(self, request: Request) -> Response:
        feature = request.path_params["feature"]
        if request.method == "GET":
            return _json(await self.desk.get(feature))
        change = FlagRequest.model_validate_json(await _body(request))
        return _json(
            await self.desk.change(
                feature,
                change.action,
                value=change.value,
                entries=tuple(change.entries),
                remove=change.remove,
                who=change.who,
                reason=change.reason,
                expected_rev=change.expected_rev,
            )
        )

    async def _history(self, request: Request) -> Response:
        count = request.query_params.get("count", "20")
        if not count.isdigit() or not 1 <= int(count) <= 1000:
            raise HTTPException(400, "count must be a number from 1 to 1000")
        return _json(await self.desk.history(request.path_params["feature"], int(count)))


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            raise HTTPException(413, f"at most {MAX_BODY_BYTES} bytes")
    return bytes(body)


def _json(content: Any, status: int = 200) -> Response:
    return Response(
        orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS),
        status_code=status,
        media_type="application/json",
        headers={"cache-control": "no-store"},
    )


def _problem(status: int, title: str, detail: str, **more: object) -> Response:
    content = orjson.dumps({"title": title, "status": status, "detail": detail, **more})
    return Response(content, status_code=status, media_type="application/problem+json")


async def _http_fault(_: Request, error: Exception) -> Response:
    status, detail = (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, str(error))
    return _problem(status, "Request refused", detail)


async def _flag_fault(_: Request, error: Exception) -> Response:
    assert isinstance(error, FlagRequestError)  # noqa: S101 - registered for it alone
    return _problem(error.status, error.title, str(error), **error.more)


async def _bad_request(_: Request, error: Exception) -> Response:
    return _problem(400, "Malformed request", str(error))
