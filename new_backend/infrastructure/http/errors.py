"""Every failure's answer: `{"detail": ...}` in JSON.

ServiceError         what a feature's service refuses; carries status and detail (4xx)
InvalidRequestError  the body or the query does not fit (422)
HTTPException        Starlette's own: 404, 405; and 413
UNAVAILABLE          the database is away or does not answer in time (503)
"""

from collections.abc import Mapping
from typing import Any, Self

import structlog
from pydantic import ValidationError
from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ExceptionHandler

from new_backend.infrastructure.errors import ServiceError
from new_backend.infrastructure.http.answers import NO_STORE
from new_backend.infrastructure.http.lingering import LingeringJSONResponse
from new_backend.infrastructure.persistence.postgres.connection import UNAVAILABLE, first_line

SIGNED_IN = "new_backend.signed_in"
"""A mark in the scope: what is answered from here on is for somebody, so no cache may keep it, failures included."""

_log = structlog.get_logger()


class InvalidRequestError(Exception):
    """Holds where, what and which kind; never the input itself, which may be a password."""

    def __init__(self, detail: list[dict[str, Any]]) -> None:
        super().__init__("invalid request")
        self.detail = detail

    @classmethod
    def of(cls, error: ValidationError, *, place: str) -> Self:
        """`place` is "body" or "query"."""
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        return cls([{"loc": [place, *fault["loc"]], "msg": fault["msg"], "type": fault["type"]} for fault in faults])

    @classmethod
    def in_body(cls, field: str, *, words: str, kind: str) -> Self:
        """For what no model can say."""
        return cls([{"loc": ["body", field], "msg": words, "type": kind}])

    @classmethod
    def missing(cls, field: str) -> Self:
        """In pydantic's own words."""
        return cls.in_body(field, words="Field required", kind="missing")


def exception_handlers() -> dict[Any, ExceptionHandler]:
    """For Starlette's constructor."""
    handlers: dict[Any, Any] = {
        ServiceError: _service_error,
        InvalidRequestError: _invalid_request,
        HTTPException: _http_exception,
        **dict.fromkeys(UNAVAILABLE, _unavailable),
    }
    return handlers  # each handler takes its own kind of error, which Starlette's type has no word for


def _service_error(request: Request, error: ServiceError) -> Response:
    return _answer(request, error.detail, status=error.status, headers=error.headers)


def _invalid_request(request: Request, error: InvalidRequestError) -> Response:
    return _answer(request, error.detail, status=422)


def _http_exception(request: Request, error: HTTPException) -> Response:
    """Allow is sorted: Starlette takes it from a set, whose order differs from process to process."""
    headers = dict(error.headers or {})
    if "Allow" in headers:
        headers["Allow"] = ", ".join(sorted(headers["Allow"].split(", ")))
    return _answer(request, error.detail, status=error.status_code, headers=headers)


def _unavailable(request: Request, error: Exception) -> Response:
    """A broken statement or constraint is our fault, not the database's absence: 500."""
    if isinstance(error, DataError | IntegrityError | ProgrammingError):
        raise error
    _log.error("database unavailable", error=type(error).__name__, reason=first_line(error))
    return _answer(request, "Service Unavailable", status=503)


def _answer(request: Request, detail: object, *, status: int, headers: Mapping[str, str] | None = None) -> Response:
    private = NO_STORE if request.scope.get(SIGNED_IN) else {}
    sent = {**private, **(headers or {})}
    kind = LingeringJSONResponse if sent.get("Connection") == "close" else JSONResponse
    return kind({"detail": detail}, status_code=status, headers=sent)
