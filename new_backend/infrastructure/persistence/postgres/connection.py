"""Engine and pool: opened by the lifespan, never at import.

PostgreSQL in production, SQLite for one machine; the driver is always the async one, whatever the URL says.

SQLite has one writer at a time. A transaction that begins as a reader and then writes fails at once when another
has written in between, whatever the busy timeout; so one that will write begins IMMEDIATE, and waits its turn.
"""

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

from new_backend.infrastructure.settings import SetupError

BUSY_TIMEOUT_SECONDS = 10
CONNECT_TIMEOUT_SECONDS = 5
COMMAND_TIMEOUT_SECONDS = 10
POOL_SIZE = 10

UNAVAILABLE: tuple[type[Exception], ...] = (
    DBAPIError,
    PoolTimeoutError,
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
)
"""What a database that is away, full or stuck raises while a request is served; answered 503."""

_CANNOT_OPEN: tuple[type[Exception], ...] = (SQLAlchemyError, *UNAVAILABLE)
_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
_WRITES = "begins_as_writer"
_OLDEST_TABLE = "users"
_NEWEST_TABLE = "reviews"


class Database:
    """One per process. `read` and `write` each give a session inside a transaction of its own."""

    def __init__(self, url: str) -> None:
        """Connects to nothing. Raises SetupError for a URL that cannot be used, or names a file that is not there:
        SQLite would make an empty one."""
        self._url = async_url(url)
        self._is_sqlite = self._url.get_backend_name() == "sqlite"
        if self._is_sqlite and not Path(str(self._url.database)).exists():
            raise SetupError(f"there is no database {self._url.database}; run: python -m migrations")
        self._engine: AsyncEngine | None = None
        self._writer: AbstractAsyncContextManager[Any] = nullcontext()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """For the lifespan. Raises SetupError when the database cannot be reached or has no schema yet."""
        engine = _sqlite_engine(self._url) if self._is_sqlite else _postgres_engine(self._url)
        # Waiting here is fair and wakes at once; SQLite's own waiting polls. Other processes still meet in SQLite.
        self._writer = asyncio.Lock() if self._is_sqlite else nullcontext()
        try:
            await self._check(engine)
            self._engine = engine
            yield
        finally:
            self._engine = None
            await engine.dispose()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """For reading only; ends without a commit."""
        async with AsyncSession(self._opened_engine(), expire_on_commit=False) as session:
            yield session

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """Commits at the end, or rolls back when the block raises. Do nothing slow inside: others wait."""
        engine = self._opened_engine().execution_options(**{_WRITES: True})
        async with self._writer, AsyncSession(engine, expire_on_commit=False) as session, session.begin():
            yield session

    def _opened_engine(self) -> AsyncEngine:
        if self._engine is None:
            raise RuntimeError("the database is used outside of the lifespan that opens it")
        return self._engine

    async def _check(self, engine: AsyncEngine) -> None:
        shown = self._url.render_as_string(hide_password=True)
        try:
            async with engine.connect() as connection:
                tables = await connection.run_sync(lambda plain: inspect(plain).get_table_names())
        except _CANNOT_OPEN as error:
            raise SetupError(f"cannot open the database {shown}: {first_line(error)}") from error
        if _NEWEST_TABLE not in tables:
            state = "has an old schema" if _OLDEST_TABLE in tables else "has no tables yet"
            raise SetupError(f"the database {shown} {state}; run: python -m migrations")


def first_line(error: Exception) -> str:
    """The driver's own words, without the statement and the values that follow them."""
    return str(getattr(error, "orig", None) or error).strip().split("\n")[0] or type(error).__name__


def async_url(text: str) -> URL:
    """`postgresql://...` or `sqlite:///...`, with or without a driver, as the URL of the async driver."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise SetupError("DATABASE_URL is not a URL; write sqlite:///FILE or postgresql://HOST/NAME") from error
    driver = _DRIVERS.get(url.get_backend_name())
    if driver is None:
        name = url.get_backend_name()
        raise SetupError(f"DATABASE_URL: {name} is not supported; write sqlite:///FILE or postgresql://HOST/NAME")
    if url.get_backend_name() == "sqlite":
        if url.database in {None, "", ":memory:"}:
            raise SetupError("DATABASE_URL: a database in memory cannot be shared by both sides; write sqlite:///FILE")
        return url.set(drivername=driver)
    return _libpq_options(url).set(drivername=driver)


def _libpq_options(url: URL) -> URL:
    """The driver says `ssl` where the usual URLs say `sslmode`; any other option it would stumble over later."""
    unknown = sorted(set(url.query) - {"sslmode", "ssl", "host", "port"})
    if unknown:
        raise SetupError(f"DATABASE_URL: {', '.join(unknown)} is not supported; sslmode, host and port are")
    mode = url.query.get("sslmode")
    return url if mode is None else url.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})


def _postgres_engine(url: URL) -> AsyncEngine:
    timeouts = {"timeout": CONNECT_TIMEOUT_SECONDS, "command_timeout": COMMAND_TIMEOUT_SECONDS}
    return create_async_engine(
        url, pool_size=POOL_SIZE, max_overflow=0, pool_pre_ping=True, hide_parameters=True, connect_args=timeouts
    )


def _sqlite_engine(url: URL) -> AsyncEngine:
    engine = create_async_engine(
        url, pool_size=POOL_SIZE, max_overflow=0, hide_parameters=True, connect_args={"timeout": BUSY_TIMEOUT_SECONDS}
    )

    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # BEGIN is ours to send
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_SECONDS * 1000}")
        cursor.execute("PRAGMA journal_mode=WAL")  # kept in the file; sent again, it only reads that
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(_WRITES) else "BEGIN")

    return engine
