"""`python -m legacy_backend`: arguments, the socket, uvicorn, and what is said when it cannot start."""

import argparse
import asyncio
import os
import socket
import sys
from collections.abc import Callable, Sequence

import structlog
import uvicorn
from starlette.applications import Starlette

from legacy_backend.core.config import SIDE, Config, ConfigError, load_config
from legacy_backend.core.database import Database
from legacy_backend.core.log import setup_logging
from legacy_backend.core.storage import FileStorage


def run_server(arguments: Sequence[str], create_app: Callable[[Config], Starlette]) -> int:
    """Serves until SIGTERM or SIGINT and returns 0; returns 1, after one line on stderr, when it cannot start."""
    parser = argparse.ArgumentParser(
        prog="python -m legacy_backend",
        epilog="Environment: JWT_SECRET (required), DATABASE_URL, ENVIRONMENT, CORS_ORIGINS, ARGON2_TIME_COST, "
        "ARGON2_MEMORY_KIB, LOGIN_LOCK_SECONDS, STORAGE_DIR, MAX_UPLOAD_BYTES, AI_PROVIDER, AI_BASE_URL, AI_API_KEY, "
        "AI_MODEL, AI_TIMEOUT_SECONDS, AI_STEP_SECONDS",
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9001)
    options = parser.parse_args(arguments)
    try:
        config = load_config()
        setup_logging(config.environment)
        app = create_app(config)
        with _bind(options.host, options.port) as listener:
            _serve(app, listener, config)
    except ConfigError as error:
        sys.stderr.write(f"{SIDE} backend: {error}\n")
        return 1
    return 0


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, before_shutdown: Callable[[], None]) -> None:
        super().__init__(config)
        self._before_shutdown = before_shutdown

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Uvicorn waits for answers to end; those that follow a job would not, so they are told first."""
        self._before_shutdown()
        await super().shutdown(sockets)


def _serve(app: Starlette, listener: socket.socket, config: Config) -> None:
    server = _Server(
        uvicorn.Config(
            app,
            http="httptools",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            headers=[("x-served-by", SIDE)],  # here, so that the server's own 400 says it too
            timeout_keep_alive=75,  # longer than a proxy in front keeps an idle connection
            timeout_graceful_shutdown=3,
        ),
        before_shutdown=app.state.job_notifier.close,
    )

    async def serve() -> None:
        database = Database(config.database_url)  # a fault is one line here, and a traceback out of the lifespan
        await database.connect()
        await database.disconnect()
        await FileStorage(config.storage_dir).prepare()
        host, port = listener.getsockname()[:2]
        structlog.get_logger().info("serving", side=SIDE, host=host, port=port)
        await server.serve(sockets=[listener])

    with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
        runner.run(serve())


def _bind(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        number = getattr(error, "errno", None)
        reason = os.strerror(number) if number is not None and number > 0 else str(error)
        raise ConfigError(f"cannot listen on {host}:{port}: {reason}; choose another with --port") from error
