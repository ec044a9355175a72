"""What stands in the database, past both sides."""

import asyncio
import functools

from sqlalchemy import MetaData, Table, func, select
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from migrations.url import async_url


@functools.cache
def _engine(database_url):
    """Holds no connection, and so belongs to no event loop."""
    return create_async_engine(async_url(database_url), poolclass=NullPool, connect_args={"timeout": 10})


def query(database_url, function):
    """function(connection), in a transaction of its own, committed."""

    async def run():
        async with _engine(database_url).begin() as connection:
            return await connection.run_sync(function)

    return asyncio.run(run())


@functools.cache
def _table(database_url, name):
    return query(database_url, lambda connection: Table(name, MetaData(), autoload_with=connection))


def rows(database_url, table, **where):
    """All rows whose columns have these values, as mappings."""
    found = select(_table(database_url, table)).filter_by(**where)
    return query(database_url, lambda connection: [dict(row) for row in connection.execute(found).mappings()])


def count(database_url, table, **where):
    found = select(func.count()).select_from(_table(database_url, table)).filter_by(**where)
    return query(database_url, lambda connection: connection.execute(found).scalar())


def insert(database_url, table, *values):
    """One row for each mapping."""
    statement = _table(database_url, table).insert()
    query(database_url, lambda connection: connection.execute(statement, list(values)))


def change(database_url, table, values, **where):
    """Returns how many rows it has changed."""
    statement = _table(database_url, table).update().filter_by(**where).values(**values)
    return query(database_url, lambda connection: connection.execute(statement).rowcount)
