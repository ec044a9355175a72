"""Runs the application under uvicorn: one socket, one line for each thing that can go wrong, exit 0 on a signal."""

import argparse
import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence

import structlog
import uvicorn
from starlette.applications import Starlette

from new_backend.infrastructure.logs import configure_logs
from new_backend.infrastructure.persistence.postgres.connection import Database
from new_backend.infrastructure.settings import Settings, SetupError, load_settings
from new_backend.infrastructure.storage.providers.local import LocalStorage

KEEP_ALIVE_SECONDS = 75
"""Longer than a proxy in front keeps an idle connection, so that it is the proxy who closes."""

DRAIN_SECONDS = 3


def run_service(
    arguments: Sequence[str], *, side: str, default_port: int, create_app: Callable[[Settings], Starlette]
) -> int:
    """Serves until SIGTERM or SIGINT. Returns 0, or 1 after one line that says why it could not start."""
    options = _options(arguments, side=side, default_port=default_port)
    try:
        settings = load_settings(os.environ)
        configure_logs(settings.environment)
        _tell_faults(settings)
        app = create_app(settings)
        if "down" in settings.faults:
            return _stay_down()
        listener = _listen(options.host, options.port)
        with listener:
            server = _Server(_server_config(app, side=side), stopping=app.state.stopping)
            with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
                runner.run(_serve(server, listener, settings, side=side))
    except SetupError as error:
        sys.stderr.write(f"{side} backend: {error}\n")
        return 1
    return 0


class _Server(uvicorn.Server):
    """`stopping` is called before uvicorn waits for requests to end: some would not end by themselves."""

    def __init__(self, config: uvicorn.Config, *, stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self._stopping = stopping

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stopping()
        await super().shutdown(sockets)


def _tell_faults(settings: Settings) -> None:
    if settings.faults:
        planted = ", ".join(sorted(settings.faults))
        structlog.get_logger().warning(f"FAULTS ARE PLANTED, THIS SERVICE IS WRONG ON PURPOSE: {planted}")


def _stay_down() -> int:
    """The fault `down`: nothing listens. Ends on a signal, whose handler is `__main__`'s."""
    structlog.get_logger().warning("FAULT down: nothing listens on the port; waiting for a signal to end")
    while True:
        signal.pause()


async def _serve(server: uvicorn.Server, listener: socket.socket, settings: Settings, *, side: str) -> None:
    """Tries database and storage first: a fault there is one line here, and a traceback out of the lifespan."""
    async with Database(settings.database_url).opened():
        await LocalStorage(settings.storage_dir).prepare()
    host, port = listener.getsockname()[:2]
    structlog.get_logger().info("serving", side=side, host=host, port=port)
    await server.serve(sockets=[listener])


def _options(arguments: Sequence[str], *, side: str, default_port: int) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=f"python -m {side}_backend",
        epilog="Environment: JWT_SECRET (required), DATABASE_URL, ENVIRONMENT, CORS_ORIGINS, ARGON2_TIME_COST, "
        "ARGON2_MEMORY_KIB, LOGIN_LOCK_SECONDS, STORAGE_DIR, MAX_UPLOAD_BYTES, AI_PROVIDER, AI_BASE_URL, AI_API_KEY, "
        "AI_MODEL, AI_TIMEOUT_SECONDS, AI_STEP_SECONDS, REDIS_URL, FAULTS, FAULT_SEED",
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=default_port)
    return parser.parse_args(arguments)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        number = getattr(error, "errno", None)
        reason = os.strerror(number) if number is not None and number > 0 else str(error)
        raise SetupError(f"cannot listen on {host}:{port}: {reason}; choose another with --port") from error


def _server_config(app: Starlette, *, side: str) -> uvicorn.Config:
    """The header that says who answered is the server's, so that its own 400 carries it too."""
    return uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        headers=[("x-served-by", side)],
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
