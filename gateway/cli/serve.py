"""`gateway serve`: starts the supervisor."""

import ssl
from pathlib import Path
from typing import Annotated

import typer

from gateway.admin_token import ADMIN_TOKEN, ADMIN_TOKEN_FILE
from gateway.cli.words import errors, fail
from gateway.serve.ground import StartError
from gateway.serve.supervisor import Supervisor
from gateway.settings import Settings, listen_address
from gateway.telemetry import logs
from gateway.telemetry.redact import clean_text

REDIS_FORMS = (
    "write redis://host:port/db with user:password before the host where it needs one, rediss:// for TLS, unix://path, "
    "or `embedded`"
)


def serve(
    routes: Annotated[Path, typer.Option(envvar="GATEWAY_ROUTES", help="The routes file.")] = Path("routes.yaml"),
    host: Annotated[str, typer.Option(envvar="GATEWAY_HOST", help="Where clients connect.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="GATEWAY_PORT", min=0, max=65535, help="0: any that is free.")] = 8000,
    listen: Annotated[
        list[str] | None,
        typer.Option(
            envvar="GATEWAY_LISTEN",
            help="http://host:port, or https:// with `tls` in the routes; again for more. Instead of --host, --port.",
        ),
    ] = None,
    admin_host: Annotated[
        str, typer.Option(envvar="GATEWAY_ADMIN_HOST", help="Where operators and Prometheus connect.")
    ] = "127.0.0.1",
    admin_port: Annotated[int, typer.Option(envvar="GATEWAY_ADMIN_PORT", min=0, max=65535)] = 8001,
    admin_token_file: Annotated[
        Path | None,
        typer.Option(
            envvar=ADMIN_TOKEN_FILE,
            help=f"Holds the token of the admin port ({ADMIN_TOKEN} has it itself); must be given unless it listens on "
            "loopback.",
        ),
    ] = None,
    admin_name: Annotated[
        list[str] | None,
        typer.Option(
            envvar="GATEWAY_ADMIN_NAMES", help="A host name by which the admin port may be asked; repeatable."
        ),
    ] = None,
    open_metrics: Annotated[
        bool,
        typer.Option("--open-metrics", envvar="GATEWAY_OPEN_METRICS", help="/metrics needs no token."),
    ] = False,
    workers: Annotated[int, typer.Option(envvar="GATEWAY_WORKERS", min=1, max=256, help="Worker processes.")] = 2,
    hung_seconds: Annotated[
        float,
        typer.Option(
            envvar="GATEWAY_HUNG_SECONDS",
            min=0,
            help="A process that gives no sign of life for so long is killed and replaced; 0: never.",
        ),
    ] = 30.0,
    redis: Annotated[
        str | None,
        typer.Option(
            envvar="GATEWAY_REDIS",
            help="redis://[user:password@]host:port/db, `embedded` for a Valkey of our own, or nothing: file only.",
        ),
    ] = None,
    redis_ca_file: Annotated[
        Path | None,
        typer.Option(envvar="GATEWAY_REDIS_CA_FILE", help="With rediss://: the only trusted authorities, PEM."),
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
    settings = Settings(
        routes=routes,
        host=host,
        port=port,
        listen=_checked_listen(listen or []),
        admin_host=admin_host,
        admin_port=admin_port,
        admin_token_file=admin_token_file.resolve() if admin_token_file is not None else None,
        admin_names=tuple(name.lower().rstrip(".") for name in admin_name or ()),
        open_metrics=open_metrics,
        workers=workers,
        redis=_checked_redis(redis or None, redis_ca_file),
        redis_ca_file=redis_ca_file.absolute() if redis_ca_file is not None else None,
        hung_seconds=hung_seconds,
        redis_port=redis_port,
        state_dir=state_dir.resolve(),
        namespace=namespace,
    )
    logs.configure(process="supervisor")
    try:
        status = Supervisor(settings).run()
    except StartError as error:
        for fault in error.faults:
            errors.print(fault, markup=False, highlight=False)
        fail(str(error))
    raise typer.Exit(status)


def _checked_listen(listen: list[str]) -> tuple[str, ...]:
    """Each once: what is given twice would be a taken port."""
    try:
        found = [listen_address(text) for text in listen]
    except ValueError as error:
        fail(f"--listen: {error}", status=2)
    for place, address in enumerate(found):
        if address.port and address[:2] in [each[:2] for each in found[:place]]:
            fail(f"--listen: {listen[place]!r} is there twice; one address is either http or https", status=2)
    return tuple(listen)


def _checked_redis(redis: str | None, ca_file: Path | None) -> str | None:
    """Refused here rather than by each process in turn; never repeated to the terminal, for it may hold a password."""
    if ca_file is not None:
        _check_authority(redis, ca_file)
    if redis in (None, "embedded"):
        return redis
    if not redis.startswith(("redis://", "rediss://", "unix://")):
        fail(f"--redis is no address of a Redis server; {REDIS_FORMS}", status=2)
    try:
        from gateway.flags.client import connection_for  # noqa: PLC0415 - most commands do without redis-py

        connection_for(redis, 1.0)
    except (ValueError, TypeError) as error:
        fail(f"--redis cannot be used: {clean_text(str(error), one_line=True)}; {REDIS_FORMS}", status=2)
    return redis


def _check_authority(redis: str | None, file: Path) -> None:
    if redis is None or not redis.startswith("rediss://"):
        fail("--redis-ca-file says nothing without TLS; write --redis rediss://host:port/db, or leave it out", status=2)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=file)
    except ssl.SSLError:
        fail(f"--redis-ca-file: {file} holds no certificate in PEM form", status=2)
    except OSError as error:
        fail(f"--redis-ca-file: {file} cannot be read: {error.strerror}", status=2)
