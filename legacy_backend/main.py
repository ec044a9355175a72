"""Builds the application and runs it."""

from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from legacy_backend.api import ai, auth, health, resumes, reviews
from legacy_backend.api.contract import contract_route
from legacy_backend.api.errors import EXCEPTION_HANDLERS
from legacy_backend.core.config import SIDE, Config
from legacy_backend.core.database import Database
from legacy_backend.core.middleware import AccessLogMiddleware, PrivateMiddleware, ServerErrorMiddleware
from legacy_backend.core.security import Security
from legacy_backend.core.server import run_server
from legacy_backend.core.storage import FileStorage
from legacy_backend.services.account_service import AccountService
from legacy_backend.services.ai_providers import AIProvider, LocalProvider
from legacy_backend.services.analysis_service import AnalysisService
from legacy_backend.services.auth_service import AuthService
from legacy_backend.services.job_claims import JobClaims
from legacy_backend.services.job_notifier import JobNotifier
from legacy_backend.services.job_runner import SLOTS, JobRunner
from legacy_backend.services.job_service import JobService
from legacy_backend.services.login_guard import LoginGuard
from legacy_backend.services.resume_service import ResumeService
from legacy_backend.services.review_service import ReviewService


def run(arguments: Sequence[str]) -> int:
    """Called by `python -m legacy_backend`. Returns the exit status."""
    return run_server(arguments, create_app)


def create_app(config: Config) -> Starlette:
    """Raises ConfigError. The endpoints find the services in `app.state`, through `api.deps`."""
    database = Database(config.database_url)
    storage = FileStorage(config.storage_dir)
    security = Security(config)
    guard = LoginGuard(database, config.login_lock_seconds)
    auth_service = AuthService(database, security, guard)
    notifier = JobNotifier()
    provider, runner = _jobs(config, database, storage, notifier)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await database.connect()
        try:
            await storage.prepare()
            await auth_service.make_dummy_hash()
            async with provider.connected(), runner.started():
                yield
        finally:
            await database.disconnect()

    app = Starlette(
        routes=[*health.routes, *auth.routes, *resumes.routes, *ai.routes, *reviews.routes, contract_route()],
        middleware=_middleware(config),
        exception_handlers=EXCEPTION_HANDLERS,
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # a path with one slash too many is 404
    app.state.auth_service = auth_service
    app.state.account_service = AccountService(database, security, guard)
    app.state.resume_service = ResumeService(database, storage)
    app.state.job_service = JobService(database, notifier, runner.wake)
    app.state.review_service = ReviewService(database)
    app.state.job_notifier = notifier
    app.state.max_upload_bytes = config.max_upload_bytes
    return app


def _jobs(
    config: Config, database: Database, storage: FileStorage, notifier: JobNotifier
) -> tuple[AIProvider, JobRunner]:
    pool = ThreadPoolExecutor(max_workers=SLOTS, thread_name_prefix="analysis")
    provider: AIProvider = LocalProvider(pool)
    if config.ai_provider == "openai":
        from legacy_backend.services.openai_provider import OpenAIProvider  # noqa: PLC0415 - an HTTP client, for few

        provider = OpenAIProvider(config)
    claims = JobClaims(database, notifier)
    analyses = AnalysisService(
        database, storage, provider=provider, claims=claims, pool=pool, step_seconds=config.ai_step_seconds
    )
    return provider, JobRunner(claims, analyses)


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
    middleware += [Middleware(PrivateMiddleware), Middleware(ServerErrorMiddleware)]
    return middleware
