"""`gateway serve`: starts the supervisor."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.api import fail
from gateway.serve.supervisor import StartError, Supervisor
from gateway.settings import Settings
from gateway.telemetry import logs


def serve(
    routes: Annotated[Path, typer.Option(envvar="GATEWAY_ROUTES", help="The routes file.")] = Path("routes.yaml"),
    host: Annotated[str, typer.Option(envvar="GATEWAY_HOST", help="Where clients connect.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="GATEWAY_PORT", min=0, max=65535)] = 8000,
    admin_host: Annotated[
        str, typer.Option(envvar="GATEWAY_ADMIN_HOST", help="Where operators and Prometheus connect.")
    ] = "127.0.0.1",
    admin_port: Annotated[int, typer.Option(envvar="GATEWAY_ADMIN_PORT", min=0, max=65535)] = 8001,
    workers: Annotated[int, typer.Option(envvar="GATEWAY_WORKERS", min=1, max=256, help="Worker processes.")] = 2,
    redis: Annotated[
        str | None,
        typer.Option(
            envvar="GATEWAY_REDIS",
            help="redis://[user:password@]host:port/db, `embedded` for a Valkey of our own, or nothing: file only.",
        ),
    ] = None,
    redis_port: Annotated[
        int, typer.Option(envvar="GATEWAY_REDIS_PORT", min=1, max=65535, help="Of the embedded Valkey, on loopback.")
    ] = 6390,
    state_dir: Annotated[
        Path, typer.Option(envvar="GATEWAY_STATE_DIR", help="The accepted routes, the last known flags, counters.")
    ] = Path(".gateway"),
    namespace: Annotated[
        str, typer.Option(envvar="GATEWAY_NAMESPACE", help="Prefix of all keys in Redis.")
    ] = "gateway",
) -> None:
    """Runs the gateway until SIGTERM (drains) or Ctrl-C."""
    if redis not in (None, "", "embedded") and not redis.startswith(("redis://", "rediss://", "unix://")):
        fail("--redis is neither redis://host:port, rediss://host:port, unix://path nor `embedded`", status=2)
    settings = Settings(
        routes=routes,
        host=host,
        port=port,
        admin_host=admin_host,
        admin_port=admin_port,
        workers=workers,
        redis=redis or None,
        redis_port=redis_port,
        state_dir=state_dir.resolve(),
        namespace=namespace,
    )
    logs.configure(process="supervisor")
    try:
        raise typer.Exit(Supervisor(settings).run())
    except StartError as error:
        fail(str(error))
