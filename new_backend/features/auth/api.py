"""The feature's endpoints, /api/v1/auth/*. The old application answers each alike, byte for byte."""

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from new_backend.features.auth.schemas import (
    PASSWORD_MIN_LENGTH,
    LoginRequest,
    RefreshTokenRequest,
    RegisterRequest,
    UserResponse,
)
from new_backend.features.auth.service import AuthService, NotAuthenticatedError
from new_backend.infrastructure.http.body import read_json
from new_backend.infrastructure.security.tokens import ACCESS_TOKEN_SECONDS

PREFIX = "/api/v1/auth"
_NO_STORE = {"Cache-Control": "no-store"}
_MAX_USER_AGENT = 300


class AuthApi:
    def __init__(self, service: AuthService) -> None:
        self._service = service

    def routes(self) -> list[Route]:
        return [
            Route(f"{PREFIX}/register", self.register, methods=["POST"]),
            Route(f"{PREFIX}/login", self.login, methods=["POST"]),
            Route(f"{PREFIX}/refresh", self.refresh, methods=["POST"]),
            Route(f"{PREFIX}/logout", self.logout, methods=["POST"]),
            Route(f"{PREFIX}/me", self.me, methods=["GET"]),
            Route(f"{PREFIX}/config", self.config, methods=["GET"]),
        ]

    async def register(self, request: Request) -> Response:
        user = await self._service.register(await read_json(request, RegisterRequest))
        return _json(UserResponse.model_validate(user), status=201)

    async def login(self, request: Request) -> Response:
        body = await read_json(request, LoginRequest)
        user_agent = request.headers.get("user-agent")
        return _json(await self._service.login(body, user_agent=user_agent and user_agent[:_MAX_USER_AGENT]))

    async def refresh(self, request: Request) -> Response:
        body = await read_json(request, RefreshTokenRequest)
        return _json(await self._service.refresh(body.refresh_token))

    async def logout(self, request: Request) -> Response:
        body = await read_json(request, RefreshTokenRequest)
        await self._service.logout(body.refresh_token)
        return Response(status_code=204)

    async def me(self, request: Request) -> Response:
        return _json(UserResponse.model_validate(await self._service.user_of(_bearer(request))))

    async def config(self, _request: Request) -> Response:
        """Needs no database: what a form must know before it is sent."""
        return JSONResponse({"password_min_length": PASSWORD_MIN_LENGTH, "access_token_seconds": ACCESS_TOKEN_SECONDS})


def _json(model: BaseModel, *, status: int = 200) -> Response:
    """Tokens and personal data: no cache may keep them."""
    return JSONResponse(model.model_dump(mode="json"), status_code=status, headers=_NO_STORE)


def _bearer(request: Request) -> str:
    """RFC 6750, 2.1."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotAuthenticatedError
    return token.strip()
