"""Builds the application and runs it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from legacy_backend.api import auth, health, resumes
from legacy_backend.api.errors import EXCEPTION_HANDLERS
from legacy_backend.core.config import SIDE, Config
from legacy_backend.core.database import Database
from legacy_backend.core.middleware import AccessLogMiddleware, ServerErrorMiddleware
from legacy_backend.core.security import Security
from legacy_backend.core.server import run_server
from legacy_backend.services.auth_service import AuthService
from legacy_backend.services.resume_service import ResumeService


def run(arguments: Sequence[str]) -> int:
    """Called by `python -m legacy_backend`. Returns the exit status."""
    return run_server(arguments, create_app)


def create_app(config: Config) -> Starlette:
    """Raises ConfigError. The endpoints find the services in `app.state`, through `api.deps`."""
    database = Database(config.database_url)
    security = Security(config)
    auth_service = AuthService(database, security)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await database.connect()
        try:
            await auth_service.make_dummy_hash()
            yield
        finally:
            await database.disconnect()

    app = Starlette(
        routes=[*health.routes, *auth.routes, *resumes.routes],
        middleware=_middleware(config),
        exception_handlers=EXCEPTION_HANDLERS,
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # a path with one slash too many is 404
    app.state.auth_service = auth_service
    app.state.resume_service = ResumeService(database)
    return app


def _middleware(config: Config) -> list[Middleware]:
    middleware = [Middleware(AccessLogMiddleware, side=SIDE)]
    if config.cors_origins:
        middleware.append(
            Middleware(
                CORSMiddleware,
                allow_origins=config.cors_origins,
                allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
                allow_headers=["Authorization", "Content-Type", "X-Request-Id"],
                allow_credentials=True,
                max_age=600,
            )
        )
    middleware.append(Middleware(ServerErrorMiddleware))
    return middleware
