"""The migrations, and that each side's models are what they made."""

import asyncio
import os
import sqlite3
import subprocess
import sys

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.ext.asyncio import create_async_engine

import legacy_backend.models
import new_backend.features.auth.models  # noqa: F401  # fills the metadata
from migrations.url import async_url
from new_backend.infrastructure.persistence.postgres.base import Base as NewBase
from tests.migration.backends import ROOT, environment, run_module

METADATA = {"legacy": legacy_backend.models.Base.metadata, "new": NewBase.metadata}


@pytest.mark.parametrize("side", METADATA)
def test_the_models_of_each_side_are_the_migrated_tables(side, database_url):
    metadata = METADATA[side]

    def known(_object, name, kind, reflected, _other):
        return not (kind == "table" and reflected and name not in metadata.tables)

    def differences(connection):
        return compare_metadata(MigrationContext.configure(connection, opts={"include_object": known}), metadata)

    found = query(database_url, differences)
    # a unique column and a named unique constraint are the same thing under two names
    assert [change for change in found if change[0] not in {"add_constraint", "remove_constraint"}] == []


@pytest.mark.parametrize("side", METADATA)
def test_what_the_models_call_unique_is_unique(side, database_url):
    for table in METADATA[side].tables.values():
        unique = {column.name for column in table.columns if column.unique}
        found = query(
            database_url, lambda connection, table=table: inspect(connection).get_unique_constraints(table.name)
        )
        assert unique == {constraint["column_names"][0] for constraint in found}


def test_a_second_run_changes_nothing(database_url):
    done = run_module("migrations", env=environment(database_url))
    assert (done.returncode, done.stdout) == (0, "migrations: the database is at 0002\n"), done.stderr


def test_runs_at_the_same_time_wait_for_each_other(tmp_path):
    env = environment(f"sqlite:///{tmp_path}/new/folder/app.db")
    runs = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "migrations"],
            env=env,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(4)
    ]
    outputs = [run.communicate(timeout=60)[0] for run in runs]
    assert [run.returncode for run in runs] == [0] * 4, outputs


def test_the_file_is_in_write_ahead_mode(sqlite_url):
    assert query(sqlite_url, lambda connection: connection.execute(text("PRAGMA journal_mode")).scalar()) == "wal"


def test_a_step_that_fails_leaves_nothing_behind(tmp_path):
    """The second step finds its table taken; the first step's tables must not stay either."""
    file = tmp_path / "app.db"
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE resumes (id INTEGER)")
    database.close()
    done = run_module("migrations", env=environment(f"sqlite:///{file}"))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    tables = query(f"sqlite:///{file}", lambda connection: inspect(connection).get_table_names())
    assert tables == ["resumes"]


def test_a_database_from_the_future_is_refused_in_one_line(sqlite_url):
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    done = run_module("migrations", env=environment(sqlite_url))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert "9999" in done.stderr


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://app:hunter2@127.0.0.1:1/app", "app:***@127.0.0.1:1"),
        ("oracle://x", "oracle is not supported"),
        ("sqlite://", "in memory"),
    ],
)
def test_a_database_that_cannot_be_used_is_one_line_without_the_password(url, words):
    done = run_module("migrations", env=environment(url))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert words in done.stderr
    assert "hunter2" not in done.stderr


def test_the_default_database_is_under_run(tmp_path):
    env = environment("")
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), env.get("PYTHONPATH")]))
    done = subprocess.run([sys.executable, "-m", "migrations"], env=env, cwd=tmp_path, check=False, timeout=30)
    assert done.returncode == 0
    assert (tmp_path / ".run" / "app.db").exists()


@pytest.mark.parametrize(
    ("text_url", "expected"),
    [
        ("postgres://u@h/d", "postgresql+asyncpg://u@h/d"),
        ("postgresql+psycopg2://u@h/d?sslmode=require", "postgresql+asyncpg://u@h/d?ssl=require"),
        ("sqlite:////tmp/a.db", "sqlite+aiosqlite:////tmp/a.db"),
    ],
)
def test_the_driver_is_derived_from_a_plain_url(text_url, expected):
    assert str(async_url(text_url)) == expected
