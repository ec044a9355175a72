"""Every failure's answer: `{"detail": ...}` in JSON.

ServiceError        what a feature's service refuses; carries status and detail (4xx)
InvalidBodyError    the body does not fit its model (422)
HTTPException       Starlette's own: 404, 405, 413
UNAVAILABLE         the database is away or does not answer in time (503)
"""

from typing import Any

import structlog
from pydantic import ValidationError
from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ExceptionHandler

from new_backend.infrastructure.errors import ServiceError
from new_backend.infrastructure.persistence.postgres.connection import UNAVAILABLE, first_line

_log = structlog.get_logger()


class InvalidBodyError(Exception):
    """Holds where, what and which kind; never the input itself, which may be a password."""

    def __init__(self, error: ValidationError) -> None:
        super().__init__("invalid body")
        self.detail = [
            {"loc": ["body", *fault["loc"]], "msg": fault["msg"], "type": fault["type"]}
            for fault in error.errors(include_url=False, include_context=False, include_input=False)
        ]


def exception_handlers() -> dict[Any, ExceptionHandler]:
    """For Starlette's constructor."""
    handlers: dict[Any, Any] = {
        ServiceError: _service_error,
        InvalidBodyError: _invalid_body,
        HTTPException: _http_exception,
        **dict.fromkeys(UNAVAILABLE, _unavailable),
    }
    return handlers  # each handler takes its own kind of error, which Starlette's type has no word for


def _service_error(_request: Request, error: ServiceError) -> Response:
    return JSONResponse({"detail": error.detail}, status_code=error.status, headers=error.headers)


def _invalid_body(_request: Request, error: InvalidBodyError) -> Response:
    return JSONResponse({"detail": error.detail}, status_code=422)


def _http_exception(_request: Request, error: HTTPException) -> Response:
    """Allow is sorted: Starlette takes it from a set, whose order differs from process to process."""
    headers = dict(error.headers or {})
    if "Allow" in headers:
        headers["Allow"] = ", ".join(sorted(headers["Allow"].split(", ")))
    return JSONResponse({"detail": error.detail}, status_code=error.status_code, headers=headers)


def _unavailable(_request: Request, error: Exception) -> Response:
    """A broken statement or constraint is our fault, not the database's absence: 500."""
    if isinstance(error, DataError | IntegrityError | ProgrammingError):
        raise error
    _log.error("database unavailable", error=type(error).__name__, reason=first_line(error))
    return JSONResponse({"detail": "Service Unavailable"}, status_code=503)
