"""Upgrades a database to head, in one transaction that only one process at a time can hold.

On SQLite that is BEGIN IMMEDIATE, on PostgreSQL an advisory lock of the transaction. Whoever comes second waits,
then finds nothing to do; a step that fails leaves the schema as it was.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # ships neither stubs nor a marker
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from migrations.url import DatabaseUrlError, async_url, sqlite_file

LOCK_SECONDS = 60
"""How long a second run waits for the first."""

_ADVISORY_LOCK = 0x6D696772  # any number, as long as every run uses the same
_ERRORS = (SQLAlchemyError, CommandError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError)


class MigrationError(Exception):
    """One line for the operator: what is wrong, and with which database. Never holds a password."""


def upgrade(database_url: str) -> str:
    """Returns the revision that the database is at afterwards. Raises MigrationError.

    Called by `python -m migrations`; blocks, and runs an event loop of its own.
    """
    try:
        url = async_url(database_url)
    except DatabaseUrlError as error:
        raise MigrationError(str(error)) from error
    file = sqlite_file(url)
    try:
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        connect = {"timeout": LOCK_SECONDS} if file is not None else {"timeout": 10}
        return asyncio.run(_upgrade(create_async_engine(url, poolclass=NullPool, connect_args=connect)))
    except _ERRORS as error:
        reason = str(getattr(error, "orig", None) or error).strip().split("\n")[0] or type(error).__name__
        raise MigrationError(f"{url.render_as_string(hide_password=True)}: {reason}") from error


async def _upgrade(engine: AsyncEngine) -> str:
    if engine.dialect.name == "sqlite":
        _take_over_transactions(engine)
        async with engine.connect() as connection:
            await _use_write_ahead_log(connection)
    try:
        async with _one_at_a_time(engine) as connection:
            return await connection.run_sync(_to_head)
    finally:
        await engine.dispose()


@asynccontextmanager
async def _one_at_a_time(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    async with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            await connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        else:
            await connection.execute(text("SELECT 1"))  # the first statement is what makes BEGIN go out
        yield connection


def _take_over_transactions(engine: AsyncEngine) -> None:
    """The sqlite3 module begins late, and not at all for DDL: without this a failed step stays half done."""

    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(dbapi_connection: object, _record: object) -> None:
        dbapi_connection.isolation_level = None  # type: ignore[attr-defined]  # the driver's connection is untyped

    @event.listens_for(engine.sync_engine, "begin")
    def on_begin(connection: Connection) -> None:
        if not connection.get_execution_options().get("outside_transaction"):
            connection.exec_driver_sql("BEGIN IMMEDIATE")


async def _use_write_ahead_log(connection: AsyncConnection) -> None:
    """The mode is kept in the file. SQLite does not wait for a lock when it changes it, so two runs retry."""
    await connection.execution_options(outside_transaction=True)
    async with asyncio.timeout(LOCK_SECONDS):
        while True:
            try:
                await connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            except OperationalError as error:
                if "locked" not in str(error):
                    raise
                await asyncio.sleep(0.05)
            else:
                return


def _to_head(connection: Connection) -> str:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    head = ScriptDirectory.from_config(config).get_current_head()
    if MigrationContext.configure(connection).get_current_revision() != head:
        command.upgrade(config, "head")
    return str(head)
