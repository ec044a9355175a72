"""The composition root: settings in, an ASGI application out."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from new_backend.ai_agents.interface import AiService
from new_backend.ai_agents.providers.local import LocalAi
from new_backend.features.ai_agents.api import JobsApi
from new_backend.features.ai_agents.changes import Changes
from new_backend.features.ai_agents.runner import AT_A_TIME, Runner
from new_backend.features.ai_agents.service import JobService
from new_backend.features.ai_agents.stream import Follower
from new_backend.features.ai_agents.work import JobWork, Texts
from new_backend.features.auth.api import AuthApi
from new_backend.features.auth.service import AuthService
from new_backend.features.auth.signed_in import SignedIn
from new_backend.features.resume_review.api import ReviewApi
from new_backend.features.resume_review.service import ReviewService
from new_backend.features.upload.api import UploadApi
from new_backend.features.upload.service import UploadService
from new_backend.infrastructure.http import faults
from new_backend.infrastructure.http.errors import exception_handlers
from new_backend.infrastructure.http.middleware import AnswerFailures, LogRequests
from new_backend.infrastructure.http.openapi import openapi_route
from new_backend.infrastructure.http.server import run_service
from new_backend.infrastructure.persistence.postgres.connection import Database
from new_backend.infrastructure.persistence.redis.cache import Cache, NoCache, RedisCache
from new_backend.infrastructure.persistence.redis.connection import redis_client
from new_backend.infrastructure.security.passwords import PasswordHasher
from new_backend.infrastructure.security.tokens import AccessTokens
from new_backend.infrastructure.settings import Settings
from new_backend.infrastructure.storage.interface import Storage
from new_backend.infrastructure.storage.providers.local import LocalStorage
from new_backend.infrastructure.threads import LongWork

SIDE = "new"


def run(arguments: Sequence[str]) -> int:
    """Called by `python -m new_backend`. Returns the exit status."""
    return run_service(arguments, side=SIDE, default_port=9002, create_app=create_app)


def create_app(settings: Settings) -> Starlette:
    """Opens nothing: all that is opened is opened by the lifespan. Raises SetupError when a setting cannot be used.

    `app.state.stopping` is what the server calls when it begins to shut down.
    """
    database, storage, changes = Database(settings.database_url), LocalStorage(settings.storage_dir), Changes()
    auth = _auth_service(settings, database)
    signed_in = SignedIn(auth)
    uploads = UploadService(database=database, storage=storage, max_bytes=settings.max_upload_bytes)
    jobs = JobService(database=database, changes=changes, side=SIDE)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as opened:
            await opened.enter_async_context(database.opened())
            await storage.prepare()
            await auth.prepare()
            work = await _job_work(settings, opened, database=database, storage=storage, changes=changes)
            runner = Runner(database=database, changes=changes, work=work, side=SIDE)
            await opened.enter_async_context(runner.running())
            yield

    app = Starlette(
        routes=[
            Route("/healthz", _healthz),
            openapi_route(),
            *AuthApi(auth, signed_in).routes(),
            *UploadApi(uploads, signed_in).routes(),
            *JobsApi(jobs, Follower(jobs, changes), signed_in).routes(),
            *ReviewApi(ReviewService(database=database), signed_in).routes(),
        ],
        middleware=_middleware(settings),
        exception_handlers=exception_handlers(),
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # an unknown path is 404; a redirect would leave through the gateway
    app.state.stopping = changes.close
    return app


async def _healthz(_request: Request) -> JSONResponse:
    return JSONResponse({"status": "ok", "side": SIDE})


def _auth_service(settings: Settings, database: Database) -> AuthService:
    return AuthService(
        database=database,
        passwords=PasswordHasher(time_cost=settings.argon2_time_cost, memory_kib=settings.argon2_memory_kib),
        access_tokens=AccessTokens(settings.jwt_secret),
        lock_seconds=settings.login_lock_seconds,
        logout_leaks="leak" in settings.faults,
    )


async def _job_work(
    settings: Settings, opened: AsyncExitStack, *, database: Database, storage: Storage, changes: Changes
) -> JobWork:
    """Opens what the jobs alone need: a client of the AI service, and the cache."""
    threads = LongWork(at_most=AT_A_TIME)
    cache: Cache = NoCache()
    if settings.redis_url is not None:
        cache = RedisCache(await opened.enter_async_context(redis_client(settings.redis_url)))
    ai: AiService = LocalAi(threads)
    if settings.ai_provider == "openai":
        from new_backend.ai_agents.providers.openai import OpenAi, http_client  # noqa: PLC0415 - a client, for few

        client = await opened.enter_async_context(http_client())
        ai = OpenAi(
            client,
            base_url=settings.ai_base_url,
            api_key=settings.ai_api_key,
            model=settings.ai_model,
            seconds=settings.ai_timeout_seconds,
        )
    return JobWork(
        database=database,
        changes=changes,
        ai=ai,
        texts=Texts(storage, cache, threads),
        step_seconds=settings.ai_step_seconds,
    )


def _middleware(settings: Settings) -> list[Middleware]:
    """Outermost first. Without planted faults nothing of them is in a request's way."""
    cors = Middleware(
        CORSMiddleware,
        allow_origins=settings.cors_origins,
        allow_methods=("GET", "POST", "PUT", "PATCH", "DELETE"),
        allow_headers=("Authorization", "Content-Type", "X-Request-Id"),
        allow_credentials=True,
        max_age=600,
    )
    planted = settings.faults & faults.MIDDLEWARE
    return [
        Middleware(LogRequests, side=SIDE),
        *([cors] if settings.cors_origins else []),
        Middleware(AnswerFailures),
        *([Middleware(faults.Faults, planted=planted, seed=settings.fault_seed)] if planted else []),
    ]
