"""The connection to the database: made in the lifespan, by the async driver, whatever driver the URL names."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # ships neither stubs nor a marker
from sqlalchemy import URL, Connection, event, inspect, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from legacy_backend.core.config import ConfigError

DATABASE_ERRORS: tuple[type[Exception], ...] = (
    DBAPIError,
    PoolTimeoutError,
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
)
"""What is answered 503, statements that are wrong in themselves aside."""

_STARTUP_ERRORS: tuple[type[Exception], ...] = (SQLAlchemyError, *DATABASE_ERRORS)
_BUSY_TIMEOUT_SECONDS = 10
_FIRST_TABLE, _NEWEST_TABLE = "users", "reviews"


class Database:
    def __init__(self, url: str) -> None:
        self.url = parse_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._engine: AsyncEngine | None = None
        self._write_lock: AbstractAsyncContextManager[Any] = nullcontext()

    async def connect(self) -> None:
        """Raises ConfigError when there is no database, or one without our tables."""
        engine = _sqlite(self.url) if self.is_sqlite else _postgresql(self.url)
        try:
            async with engine.connect() as connection:
                tables = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
        except _STARTUP_ERRORS as error:
            await engine.dispose()
            raise ConfigError(f"cannot open the database {self._shown()}: {driver_message(error)}") from error
        self._engine = engine
        if _NEWEST_TABLE not in tables:
            await self.disconnect()
            fault = "is too old" if _FIRST_TABLE in tables else "has no tables yet"
            raise ConfigError(f"the database {self._shown()} {fault}; run: python -m migrations")
        if self.is_sqlite:  # one writer at a time: wait here, fairly, rather than poll for SQLite's lock
            self._write_lock = asyncio.Lock()

    async def disconnect(self) -> None:
        if self._engine is not None:
            await self._engine.dispose()
            self._engine = None

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """For reading."""
        async with AsyncSession(self._connected(), expire_on_commit=False) as session:
            yield session

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """For writing: committed at the end, rolled back on an exception."""
        engine = self._connected().execution_options(write=True)
        async with self._write_lock, AsyncSession(engine, expire_on_commit=False) as session, session.begin():
            yield session

    def _connected(self) -> AsyncEngine:
        if self._engine is None:
            raise RuntimeError("the database is not connected")
        return self._engine

    def _shown(self) -> str:
        return self.url.render_as_string(hide_password=True)


def parse_url(text: str) -> URL:
    """Raises ConfigError for what we cannot use, and for a SQLite file that is not there (it would be made, empty)."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise ConfigError("DATABASE_URL is not a URL; write sqlite:///FILE or postgresql://HOST/NAME") from error
    name = url.get_backend_name()
    if name == "sqlite":
        return _sqlite_url(url)
    if name in {"postgresql", "postgres"}:
        return _postgresql_url(url)
    raise ConfigError(f"DATABASE_URL: {name} is not supported; write sqlite:///FILE or postgresql://HOST/NAME")


def driver_message(error: Exception) -> str:
    """One line, without the statement and its values."""
    return str(getattr(error, "orig", None) or error).strip().split("\n")[0] or type(error).__name__


def _sqlite_url(url: URL) -> URL:
    if url.database in {None, "", ":memory:"}:
        raise ConfigError("DATABASE_URL: a database in memory cannot be shared by both sides; write sqlite:///FILE")
    if not Path(str(url.database)).exists():
        raise ConfigError(f"there is no database {url.database}; run: python -m migrations")
    return url.set(drivername="sqlite+aiosqlite")


def _postgresql_url(url: URL) -> URL:
    """The driver calls `ssl` what everybody else calls `sslmode`."""
    unknown = sorted(set(url.query) - {"sslmode", "ssl", "host", "port"})
    if unknown:
        raise ConfigError(f"DATABASE_URL: {', '.join(unknown)} is not supported; sslmode, host and port are")
    if "sslmode" in url.query:
        url = url.difference_update_query(["sslmode"]).update_query_dict({"ssl": url.query["sslmode"]})
    return url.set(drivername="postgresql+asyncpg")


def _postgresql(url: URL) -> AsyncEngine:
    timeouts = {"timeout": 5, "command_timeout": 10}
    return create_async_engine(
        url, pool_size=10, max_overflow=0, pool_pre_ping=True, hide_parameters=True, connect_args=timeouts
    )


def _sqlite(url: URL) -> AsyncEngine:
    """A transaction that will write says BEGIN IMMEDIATE: one that begins as a reader fails when it turns writer."""
    timeout = {"timeout": _BUSY_TIMEOUT_SECONDS}
    engine = create_async_engine(url, pool_size=10, max_overflow=0, hide_parameters=True, connect_args=timeout)

    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (f"busy_timeout={_BUSY_TIMEOUT_SECONDS * 1000}", "journal_mode=WAL", "synchronous=NORMAL"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("write") else "BEGIN")

    return engine
