"""The composition root: settings in, an ASGI application out."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from new_backend.features.auth.api import AuthApi
from new_backend.features.auth.service import AuthService
from new_backend.infrastructure.http.errors import exception_handlers
from new_backend.infrastructure.http.middleware import AnswerFailures, LogRequests
from new_backend.infrastructure.http.server import run_service
from new_backend.infrastructure.persistence.postgres.connection import Database
from new_backend.infrastructure.security.passwords import PasswordHasher
from new_backend.infrastructure.security.tokens import AccessTokens
from new_backend.infrastructure.settings import Settings

SIDE = "new"


def run(arguments: Sequence[str]) -> int:
    """Called by `python -m new_backend`. Returns the exit status."""
    return run_service(arguments, side=SIDE, default_port=9002, create_app=create_app)


def create_app(settings: Settings) -> Starlette:
    """Opens nothing: the database is opened by the lifespan. Raises SetupError when a setting cannot be used."""
    database = Database(settings.database_url)
    passwords = PasswordHasher(time_cost=settings.argon2_time_cost, memory_kib=settings.argon2_memory_kib)
    auth = AuthService(database=database, passwords=passwords, access_tokens=AccessTokens(settings.jwt_secret))

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with database.opened():
            await auth.prepare()
            yield

    app = Starlette(
        routes=[Route("/healthz", _healthz), *AuthApi(auth).routes()],
        middleware=_middleware(settings),
        exception_handlers=exception_handlers(),
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # an unknown path is 404; a redirect would leave through the gateway
    return app


async def _healthz(_request: Request) -> JSONResponse:
    return JSONResponse({"status": "ok", "side": SIDE})


def _middleware(settings: Settings) -> list[Middleware]:
    cors = Middleware(
        CORSMiddleware,
        allow_origins=settings.cors_origins,
        allow_methods=("GET", "POST", "PUT", "PATCH", "DELETE"),
        allow_headers=("Authorization", "Content-Type", "X-Request-Id"),
        allow_credentials=True,
        max_age=600,
    )
    return [Middleware(LogRequests, side=SIDE), *([cors] if settings.cors_origins else []), Middleware(AnswerFailures)]
