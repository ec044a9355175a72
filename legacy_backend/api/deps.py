"""What endpoints share: the services, the body of a request, the user who is signed in, the form of an answer."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from legacy_backend.api.errors import RequestValidationError
from legacy_backend.core.config import MAX_BODY_BYTES
from legacy_backend.models.user import User
from legacy_backend.services.auth_service import AuthService
from legacy_backend.services.errors import AuthenticationError
from legacy_backend.services.resume_service import ResumeService

BodyT = TypeVar("BodyT", bound=BaseModel)


def auth_service(request: Request) -> AuthService:
    service: AuthService = request.app.state.auth_service
    return service


def resume_service(request: Request) -> ResumeService:
    service: ResumeService = request.app.state.resume_service
    return service


async def parse_body(request: Request, schema: type[BodyT]) -> BodyT:
    """Answered 422 when it does not fit, 413 past MAX_BODY_BYTES."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise HTTPException(413, "Request body too large", {"Connection": "close"})
    try:
        return schema.model_validate_json(body)
    except ValidationError as error:
        raise RequestValidationError(error) from error


async def current_user(request: Request) -> User:
    """The user of the Authorization header. Raises AuthenticationError."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise AuthenticationError
    return await auth_service(request).get_current_user(token.strip())


def private(content: BaseModel, status_code: int = 200) -> JSONResponse:
    """JSON that no cache may keep."""
    return JSONResponse(content.model_dump(mode="json"), status_code, {"Cache-Control": "no-store"})
