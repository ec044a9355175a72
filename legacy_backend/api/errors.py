"""Turns exceptions into answers of the form `{"detail": ...}`."""

from typing import Any, Self

import structlog
from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError
from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from legacy_backend.core.database import DATABASE_ERRORS, driver_message
from legacy_backend.core.storage import StorageError
from legacy_backend.services.errors import (
    AuthenticationError,
    ConflictError,
    EmailAlreadyRegisteredError,
    InvalidCredentialsError,
    InvalidRefreshTokenError,
    NotFoundError,
    TooManyFailuresError,
    UnsupportedFileTypeError,
    WrongPasswordError,
)

logger = structlog.get_logger()


class RequestValidationError(Exception):
    def __init__(self, cause: ValidationError, part: str = "body") -> None:
        super().__init__("request validation failed")
        self.cause = cause
        self.part = part

    @classmethod
    def of_field(cls, field: str, kind: str | PydanticCustomError) -> Self:
        """For what pydantic does not check, in its form; `kind` is one of its own or a custom one."""
        fault: InitErrorDetails = {"type": kind, "loc": (field,), "input": None}
        return cls(ValidationError.from_exception_data("body", [fault]))


def validation_error(_request: Request, error: RequestValidationError) -> Response:
    """Never repeats the input, which may be a password."""
    faults = error.cause.errors(include_url=False, include_context=False, include_input=False)
    detail = [{"loc": (error.part, *fault["loc"]), "msg": fault["msg"], "type": fault["type"]} for fault in faults]
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


def storage_error(_request: Request, error: StorageError) -> Response:
    logger.error("storage unavailable", reason=str(error))
    return JSONResponse({"detail": "Service Unavailable"}, 503)


def not_found(_request: Request, error: NotFoundError) -> Response:
    return JSONResponse({"detail": str(error)}, 404)


def conflict(_request: Request, error: ConflictError) -> Response:
    return JSONResponse({"detail": str(error)}, 409)


def too_many_failures(_request: Request, error: TooManyFailuresError) -> Response:
    headers = {"Retry-After": str(error.retry_after)}
    return JSONResponse({"detail": "Too many failed logins; try again later"}, 429, headers)


def wrong_password(_request: Request, _error: WrongPasswordError) -> Response:
    return JSONResponse({"detail": "Current password is wrong"}, 403)


def unsupported_file_type(_request: Request, _error: UnsupportedFileTypeError) -> Response:
    return JSONResponse({"detail": "Unsupported file type"}, 415)


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
    NotFoundError: not_found,
    ConflictError: conflict,
    TooManyFailuresError: too_many_failures,
    WrongPasswordError: wrong_password,
    UnsupportedFileTypeError: unsupported_file_type,
    StorageError: storage_error,
    **dict.fromkeys(DATABASE_ERRORS, database_error),
}
