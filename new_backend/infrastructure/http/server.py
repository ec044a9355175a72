"""Runs the application under uvicorn: one socket, one line for each thing that can go wrong, exit 0 on a signal."""

import argparse
import asyncio
import os
import socket
import sys
from collections.abc import Callable, Sequence

import structlog
import uvicorn
from starlette.applications import Starlette

from new_backend.infrastructure.logs import configure_logs
from new_backend.infrastructure.persistence.postgres.connection import Database
from new_backend.infrastructure.settings import Settings, SetupError, load_settings

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
        app = create_app(settings)
        listener = _listen(options.host, options.port)
        with listener:
            server = uvicorn.Server(_server_config(app, side=side))
            with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
                runner.run(_serve(server, listener, database_url=settings.database_url, side=side))
    except SetupError as error:
        sys.stderr.write(f"{side} backend: {error}\n")
        return 1
    return 0


async def _serve(server: uvicorn.Server, listener: socket.socket, *, database_url: str, side: str) -> None:
    """Tries the database first: a fault there is one line here, and a traceback out of the lifespan."""
    async with Database(database_url).opened():
        pass
    host, port = listener.getsockname()[:2]
    structlog.get_logger().info("serving", side=side, host=host, port=port)
    await server.serve(sockets=[listener])


def _options(arguments: Sequence[str], *, side: str, default_port: int) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=f"python -m {side}_backend",
        epilog="Environment: JWT_SECRET (required), DATABASE_URL, ENVIRONMENT, CORS_ORIGINS, ARGON2_TIME_COST, "
        "ARGON2_MEMORY_KIB",
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
