"""What stands in the database, past both sides."""

import asyncio

from sqlalchemy import MetaData, Table, func, select
from sqlalchemy.ext.asyncio import create_async_engine

from migrations.url import async_url


def query(database_url, function):
    """function(connection), in a transaction of its own, committed."""

    async def run():
        engine = create_async_engine(async_url(database_url), connect_args={"timeout": 10})
        try:
            async with engine.begin() as connection:
                return await connection.run_sync(function)
        finally:
            await engine.dispose()

    return asyncio.run(run())


def rows(database_url, table, **where):
    """All rows whose columns have these values, as mappings."""

    def read(connection):
        found = Table(table, MetaData(), autoload_with=connection)
        return [dict(row) for row in connection.execute(select(found).filter_by(**where)).mappings()]

    return query(database_url, read)


def count(database_url, table, **where):
    def read(connection):
        found = Table(table, MetaData(), autoload_with=connection)
        return connection.execute(select(func.count()).select_from(found).filter_by(**where)).scalar()

    return query(database_url, read)


def insert(database_url, table, **values):
    def write(connection):
        connection.execute(Table(table, MetaData(), autoload_with=connection).insert().values(**values))

    query(database_url, write)


def change(database_url, table, values, **where):
    """Returns how many rows it has changed."""

    def write(connection):
        found = Table(table, MetaData(), autoload_with=connection)
        return connection.execute(found.update().filter_by(**where).values(**values)).rowcount

    return query(database_url, write)
