"""Turns exceptions into answers of the form `{"detail": ...}`."""

from typing import Any

import structlog
from pydantic import ValidationError
from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from legacy_backend.core.database import DATABASE_ERRORS, driver_message
from legacy_backend.services.errors import (
    AuthenticationError,
    EmailAlreadyRegisteredError,
    InvalidCredentialsError,
    InvalidRefreshTokenError,
)

logger = structlog.get_logger()


class RequestValidationError(Exception):
    def __init__(self, cause: ValidationError) -> None:
        super().__init__("request validation failed")
        self.cause = cause


def validation_error(_request: Request, error: RequestValidationError) -> Response:
    """Never repeats the input, which may be a password."""
    faults = error.cause.errors(include_url=False, include_context=False, include_input=False)
    detail = [{"loc": ("body", *fault["loc"]), "msg": fault["msg"], "type": fault["type"]} for fault in faults]
    return JSONResponse({"detail": detail}, 422)


def http_error(_request: Request, error: HTTPException) -> Response:
    headers = dict(error.headers) if error.headers else {}
    if "Allow" in headers:  # comes from a set: its order would differ from one start to the next
        headers["Allow"] = ", ".join(sorted(headers["Allow"].split(", ")))
    return JSONResponse({"detail": error.detail}, error.status_code, headers)


def database_error(_request: Request, error: Exception) -> Response:
    if isinstance(error, DataError | IntegrityError | ProgrammingError):
        raise error  # our own fault, so 500
    logger.error("database unavailable", error=type(error).__name__, reason=driver_message(error))
    return JSONResponse({"detail": "Service Unavailable"}, 503)


def email_already_registered(_request: Request, _error: EmailAlreadyRegisteredError) -> Response:
    return JSONResponse({"detail": "Email already registered"}, 409)


def invalid_credentials(_request: Request, _error: InvalidCredentialsError) -> Response:
    return JSONResponse({"detail": "Invalid email or password"}, 401)


def invalid_refresh_token(_request: Request, _error: InvalidRefreshTokenError) -> Response:
    return JSONResponse({"detail": "Invalid refresh token"}, 401)


def not_authenticated(_request: Request, _error: AuthenticationError) -> Response:
    return JSONResponse({"detail": "Not authenticated"}, 401, {"WWW-Authenticate": "Bearer"})


EXCEPTION_HANDLERS: dict[Any, Any] = {
    RequestValidationError: validation_error,
    HTTPException: http_error,
    EmailAlreadyRegisteredError: email_already_registered,
    InvalidCredentialsError: invalid_credentials,
    InvalidRefreshTokenError: invalid_refresh_token,
    AuthenticationError: not_authenticated,
    **dict.fromkeys(DATABASE_ERRORS, database_error),
}
