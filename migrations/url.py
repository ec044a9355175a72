"""Turns the DATABASE_URL that people write into the one that SQLAlchemy's async engine needs."""

from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}


class DatabaseUrlError(ValueError):
    """The URL cannot be used; the text says what would be right and never repeats the URL."""


def async_url(text: str) -> URL:
    """`postgresql://...` and `sqlite:///...` with the async driver, whatever driver the text names."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise DatabaseUrlError("DATABASE_URL is not a URL; write sqlite:///FILE or postgresql://HOST/NAME") from error
    driver = _DRIVERS.get(url.get_backend_name())
    if driver is None:
        raise DatabaseUrlError(
            f"DATABASE_URL: {url.get_backend_name()} is not supported; write sqlite:///FILE or postgresql://HOST/NAME"
        )
    if driver.startswith("sqlite") and url.database in {None, "", ":memory:"}:
        raise DatabaseUrlError("DATABASE_URL: a database in memory cannot be shared; write sqlite:///FILE")
    return _libpq_options(url).set(drivername=driver)


def sqlite_file(url: URL) -> Path | None:
    """The file of a SQLite database, None for others."""
    return Path(str(url.database)) if url.get_backend_name() == "sqlite" else None


def _libpq_options(url: URL) -> URL:
    """The driver says `ssl` where the usual URLs say `sslmode`; any other option it would stumble over later."""
    if url.get_backend_name() == "sqlite":
        return url
    unknown = sorted(set(url.query) - {"sslmode", "ssl", "host", "port"})
    if unknown:
        raise DatabaseUrlError(f"DATABASE_URL: {', '.join(unknown)} is not supported; sslmode, host and port are")
    mode = url.query.get("sslmode")
    return url if mode is None else url.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})
