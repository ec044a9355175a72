"""The feature's endpoints, /api/v1/auth/*. The old application answers each alike, byte for byte."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from new_backend.features.auth.schemas import (
    PASSWORD_MIN_LENGTH,
    ChangePasswordRequest,
    LoginRequest,
    RefreshTokenRequest,
    RegisterRequest,
    SessionResponse,
    SessionsResponse,
    UserResponse,
)
from new_backend.features.auth.service import AuthService
from new_backend.features.auth.signed_in import SignedIn
from new_backend.infrastructure.http.answers import private_json
from new_backend.infrastructure.http.body import read_json
from new_backend.infrastructure.http.routes import resource
from new_backend.infrastructure.security.tokens import ACCESS_TOKEN_SECONDS

PREFIX = "/api/v1/auth"
_MAX_USER_AGENT = 300


class AuthApi:
    def __init__(self, service: AuthService, signed_in: SignedIn) -> None:
        self._service = service
        self._signed_in = signed_in

    def routes(self) -> list[Route]:
        return [
            resource(f"{PREFIX}/register", post=self.register),
            resource(f"{PREFIX}/login", post=self.login),
            resource(f"{PREFIX}/refresh", post=self.refresh),
            resource(f"{PREFIX}/logout", post=self.logout),
            resource(f"{PREFIX}/me", get=self.me),
            resource(f"{PREFIX}/config", get=self.config),
            resource(f"{PREFIX}/sessions", get=self.sessions),
            resource(f"{PREFIX}/sessions/{{session_id}}", delete=self.revoke_session),
            resource(f"{PREFIX}/password", post=self.change_password),
        ]

    async def register(self, request: Request) -> Response:
        user = await self._service.register(await read_json(request, RegisterRequest))
        return private_json(UserResponse.model_validate(user), status=201)

    async def login(self, request: Request) -> Response:
        body = await read_json(request, LoginRequest)
        user_agent = request.headers.get("user-agent")
        return private_json(await self._service.login(body, user_agent=user_agent and user_agent[:_MAX_USER_AGENT]))

    async def refresh(self, request: Request) -> Response:
        body = await read_json(request, RefreshTokenRequest)
        return private_json(await self._service.refresh(body.refresh_token))

    async def logout(self, request: Request) -> Response:
        body = await read_json(request, RefreshTokenRequest)
        await self._service.logout(body.refresh_token)
        return Response(status_code=204)

    async def me(self, request: Request) -> Response:
        identity = await self._signed_in.identity(request)
        return private_json(UserResponse.model_validate(identity.user))

    async def config(self, _request: Request) -> Response:
        """Needs no database: what a form must know before it is sent."""
        return JSONResponse({"password_min_length": PASSWORD_MIN_LENGTH, "access_token_seconds": ACCESS_TOKEN_SECONDS})

    async def sessions(self, request: Request) -> Response:
        identity = await self._signed_in.identity(request)
        sessions = [SessionResponse.model_validate(row) for row in await self._service.sessions_of(identity.user.id)]
        for session in sessions:
            session.current = session.id == identity.session_id
        return private_json(SessionsResponse(sessions=sessions))

    async def revoke_session(self, request: Request) -> Response:
        user_id = await self._signed_in.user_id(request)
        await self._service.revoke_session(request.path_params["session_id"], user_id=user_id)
        return Response(status_code=204)

    async def change_password(self, request: Request) -> Response:
        identity = await self._signed_in.identity(request)
        await self._service.change_password(identity, await read_json(request, ChangePasswordRequest))
        return Response(status_code=204)
