"""/api/v1/auth/*"""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from legacy_backend.api.deps import account_service, auth_service, current_user, parse_body, private, signed_in
from legacy_backend.api.schemas import (
    ChangePasswordBody,
    LoginBody,
    RefreshTokenBody,
    RegisterBody,
    SessionListOut,
    SessionOut,
    TokensOut,
    UserOut,
)
from legacy_backend.core.config import ACCESS_TOKEN_SECONDS, PASSWORD_MIN_LENGTH


async def register(request: Request) -> Response:
    body = await parse_body(request, RegisterBody)
    user = await auth_service(request).register(body.email, body.password, body.name)
    return private(UserOut.model_validate(user), 201)


async def login(request: Request) -> Response:
    body = await parse_body(request, LoginBody)
    user_agent = request.headers.get("User-Agent", "")[:300] or None
    return private(TokensOut.model_validate(await auth_service(request).login(body.email, body.password, user_agent)))


async def refresh(request: Request) -> Response:
    body = await parse_body(request, RefreshTokenBody)
    return private(TokensOut.model_validate(await auth_service(request).refresh(body.refresh_token)))


async def logout(request: Request) -> Response:
    body = await parse_body(request, RefreshTokenBody)
    await auth_service(request).logout(body.refresh_token)
    return Response(status_code=204)


async def me(request: Request) -> Response:
    return private(UserOut.model_validate(await current_user(request)))


async def config(_request: Request) -> Response:
    return JSONResponse({"password_min_length": PASSWORD_MIN_LENGTH, "access_token_seconds": ACCESS_TOKEN_SECONDS})


async def list_sessions(request: Request) -> Response:
    here = await signed_in(request)
    sessions = await account_service(request).list_sessions(here.user.id)
    listed = [
        SessionOut(
            id=session.id,
            user_agent=session.user_agent,
            created_at=session.created_at,
            last_used_at=session.last_used_at,
            current=session.id == here.session_id,
        )
        for session in sessions
    ]
    return private(SessionListOut(sessions=listed))


async def revoke_session(request: Request) -> Response:
    user = await current_user(request)
    await account_service(request).revoke_session(user.id, request.path_params["session_id"])
    return Response(status_code=204)


async def change_password(request: Request) -> Response:
    here = await signed_in(request)
    body = await parse_body(request, ChangePasswordBody)
    await account_service(request).change_password(
        here.user, here.session_id, current=body.current_password, new=body.new_password
    )
    return Response(status_code=204)


routes = [
    Route("/api/v1/auth/register", register, methods=["POST"]),
    Route("/api/v1/auth/login", login, methods=["POST"]),
    Route("/api/v1/auth/refresh", refresh, methods=["POST"]),
    Route("/api/v1/auth/logout", logout, methods=["POST"]),
    Route("/api/v1/auth/me", me, methods=["GET"]),
    Route("/api/v1/auth/sessions", list_sessions, methods=["GET"]),
    Route("/api/v1/auth/sessions/{session_id}", revoke_session, methods=["DELETE"]),
    Route("/api/v1/auth/password", change_password, methods=["POST"]),
    Route("/api/v1/auth/config", config, methods=["GET"]),
]
