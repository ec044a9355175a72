"""The admin port: probes, metrics, status, explain, flags, comparisons. JSON in and out; faults are problem details."""

import time
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.admin_compare import CompareDesk
from gateway.admin_guard import AdminGuard, problem, read_json
from gateway.control_view import ControlView
from gateway.errors import ClientError
from gateway.flagdesk import FlagDesk, FlagRequestError
from gateway.inner import Question
from gateway.rolling import RollingError, read_roll
from gateway.status import config_json, describe

NO_STORE = {"cache-control": "no-store"}


class FlagRequest(BaseModel):
    """One change of a flag: what, by whom and why. expected_rev: refuse when somebody else was quicker. confirm: needed
    where it moves users off the new side of a feature with `reversible: false`.
    """

    model_config = ConfigDict(extra="forbid")

    action: str
    value: str | int | float | None = None
    entries: list[str] = []
    remove: bool = False
    who: str = "unknown"
    reason: str = ""
    expected_rev: int | None = None
    confirm: bool = False


class AdminApp:
    """The app of the control process. guard: the whole of it, as an ASGI app."""

    def __init__(self, control: ControlView) -> None:
        self.control = control
        self.desk = FlagDesk(control)
        app = Starlette(
            routes=[
                Route("/healthz", self._healthz),
                Route("/readyz", self._readyz),
                Route("/metrics", self._metrics),
                Route("/api/status", self._status),
                Route("/api/reload", self._reload, methods=["POST"]),
                Route("/api/roll", self._roll, methods=["GET", "POST"]),
                Route("/api/explain", self._explain, methods=["POST"]),
                Route("/api/flags", self._flags),
                Route("/api/flags/{feature}", self._flag, methods=["GET", "POST"]),
                Route("/api/flags/{feature}/history", self._history),
                *CompareDesk(control).routes,
            ],
            exception_handlers={
                HTTPException: _http_fault,
                ClientError: _refused,
                RollingError: _rolling,
                FlagRequestError: _flag_fault,
                ValidationError: _bad_request,
                Exception: _fault_of_ours,
            },
        )
        app.router.redirect_slashes = False
        self.guard = AdminGuard(app, control.access)

    async def _healthz(self, _: Request) -> Response:
        return _json({"status": "ok"})

    async def _readyz(self, request: Request) -> Response:
        """Ready while any worker takes new clients; `?workers=all` asks for every one.

        A probe waits for the first answer alone: one worker that hangs must not take the others out of service.
        """
        workers, number = self.control.workers, self.control.settings.workers
        if self.control.draining:
            return _json({"status": "draining"}, 503)
        if request.query_params.get("workers") != "all":
            ready = await workers.first_up() is not None
            return _json({"status": "ready"}) if ready else _json({"status": "no worker is up"}, 503)
        states = await workers.ask()
        up = sum(state is not None and not state.draining for state in states.values())
        status = "ready" if up == number else "too few workers are up"
        return _json({"status": status, "workers_up": up, "workers": number}, 200 if up == number else 503)

    async def _metrics(self, _: Request) -> Response:
        text = await self.control.metrics_text()
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8", headers=NO_STORE)

    async def _status(self, _: Request) -> Response:
        return _json(await describe(self.control, now=time.time()))

    async def _reload(self, request: Request) -> Response:
        await read_json(request)
        states = await self.control.reload()
        return _json(config_json(self.control, states))

    async def _roll(self, request: Request) -> Response:
        """GET: how far the last one is."""
        if request.method != "POST":
            last = read_roll(self.control.process.run_dir)
            return _json(last.model_dump() if last is not None else None)
        await read_json(request)
        begun = await self.control.roll_workers()
        if begun is None:
            raise HTTPException(503, "the supervisor does not begin to replace the workers; its log says more")
        return _json(begun.model_dump(), 202)

    async def _explain(self, request: Request) -> Response:
        question = Question.model_validate_json(await read_json(request))
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
        change = FlagRequest.model_validate_json(await read_json(request))
        return _json(
            await self.desk.change(
                feature,
                change.action,
                value=None if change.value is None else str(change.value),
                entries=tuple(change.entries),
                remove=change.remove,
                who=change.who,
                reason=change.reason,
                expected_rev=change.expected_rev,
                confirm=change.confirm,
            )
        )

    async def _history(self, request: Request) -> Response:
        count = request.query_params.get("count", "20")
        if not (count.isascii() and count.isdigit() and len(count) <= 4) or not 1 <= int(count) <= 1000:
            raise HTTPException(400, "count must be a number from 1 to 1000")
        return _json(await self.desk.history(request.path_params["feature"], int(count)))


def _json(content: Any, status: int = 200) -> Response:
    return Response(
        orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS),
        status_code=status,
        media_type="application/json",
        headers=NO_STORE,
    )


async def _http_fault(_: Request, error: Exception) -> Response:
    status, detail = (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, str(error))
    answer = problem(status, "Request refused", detail)
    if isinstance(error, HTTPException) and error.headers is not None:
        answer.headers.update(error.headers)  # Allow
    return answer


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, ClientError)  # noqa: S101 - registered for it alone
    return problem(error.status, error.title, error.detail)


async def _rolling(_: Request, error: Exception) -> Response:
    return problem(409, "Under way", str(error))


async def _flag_fault(_: Request, error: Exception) -> Response:
    assert isinstance(error, FlagRequestError)  # noqa: S101 - registered for it alone
    return problem(error.status, error.title, str(error), **error.more)


async def _bad_request(_: Request, error: Exception) -> Response:
    assert isinstance(error, ValidationError)  # noqa: S101 - registered for it alone
    return problem(400, "Malformed request", "; ".join(_words(fault) for fault in error.errors(include_url=False)))


def _words(fault: ErrorDetails) -> str:
    place = ".".join(map(str, fault["loc"]))
    return f"{place}: {fault['msg']}" if place else fault["msg"]


async def _fault_of_ours(_: Request, __: Exception) -> Response:
    """Starlette raises it again behind this answer, so that the log has it."""
    return problem(500, "Internal error", "the control process failed at this request; its log says more")
