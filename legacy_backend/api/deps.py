"""What endpoints share: the services, what a request holds, the user who is signed in, the form of an answer."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from legacy_backend.api.errors import RequestValidationError
from legacy_backend.api.schemas import PageQuery
from legacy_backend.core.config import MAX_BODY_BYTES
from legacy_backend.models.user import User
from legacy_backend.services.account_service import AccountService
from legacy_backend.services.auth_service import AuthService, SignedIn
from legacy_backend.services.errors import AuthenticationError
from legacy_backend.services.job_service import JobService
from legacy_backend.services.resume_service import ResumeService
from legacy_backend.services.review_service import ReviewService

BodyT = TypeVar("BodyT", bound=BaseModel)
Endpoint = Callable[[Request], Awaitable[Response]]


def auth_service(request: Request) -> AuthService:
    service: AuthService = request.app.state.auth_service
    return service


def account_service(request: Request) -> AccountService:
    service: AccountService = request.app.state.account_service
    return service


def resume_service(request: Request) -> ResumeService:
    service: ResumeService = request.app.state.resume_service
    return service


def job_service(request: Request) -> JobService:
    service: JobService = request.app.state.job_service
    return service


def review_service(request: Request) -> ReviewService:
    service: ReviewService = request.app.state.review_service
    return service


def resource(path: str, **endpoints: Endpoint) -> Route:
    """One path with an endpoint for each method, so that 405 tells all of them."""

    async def dispatch(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        return await endpoints[method](request)

    return Route(path, dispatch, methods=list(endpoints))


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


def parse_page(request: Request) -> PageQuery:
    """`limit` and `offset`; answered 422 when they do not fit."""
    try:
        return PageQuery.model_validate(dict(request.query_params))
    except ValidationError as error:
        raise RequestValidationError(error, "query") from error


async def signed_in(request: Request) -> SignedIn:
    """Who the Authorization header says. Raises AuthenticationError. Comes before anything else is looked at."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise AuthenticationError
    found = await auth_service(request).authenticate(token.strip())
    request.state.signed_in = True  # for PrivateMiddleware
    return found


async def current_user(request: Request) -> User:
    return (await signed_in(request)).user


def private(content: BaseModel, status_code: int = 200, *, location: str | None = None) -> JSONResponse:
    """JSON that no cache may keep."""
    headers = {"Cache-Control": "no-store"}
    if location is not None:
        headers["Location"] = location
    return JSONResponse(content.model_dump(mode="json"), status_code, headers)
