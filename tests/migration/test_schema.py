"""The migrations, and that each side's models are what they made."""

import os
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import DateTime, bindparam, inspect, text

import legacy_backend.models
import new_backend.app  # noqa: F401  # imports every feature, whose models fill the metadata
from migrations.url import async_url
from new_backend.infrastructure.persistence.postgres.base import Base as NewBase
from tests.migration.backends import ROOT, environment, run_module
from tests.migration.tables import insert, query, rows

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
def test_each_side_knows_all_tables(side, database_url):
    tables = query(database_url, lambda connection: inspect(connection).get_table_names())
    assert set(METADATA[side].tables) == set(tables) - {"alembic_version"}


@pytest.mark.parametrize("side", METADATA)
def test_what_the_models_call_unique_is_unique(side, database_url):
    for table in METADATA[side].tables.values():
        unique = {column.name for column in table.columns if column.unique}
        found = query(
            database_url, lambda connection, table=table: inspect(connection).get_unique_constraints(table.name)
        )
        assert unique == {constraint["column_names"][0] for constraint in found}


@pytest.mark.parametrize("side", METADATA)
def test_the_models_remove_what_belongs_to_a_row_as_the_tables_do(side, database_url):
    """Autogenerate does not look at `ondelete` on every database, and rows that nobody owns would be left."""
    for name, table in METADATA[side].tables.items():
        ours = {(key.parent.name, key.column.table.name, key.ondelete) for key in table.foreign_keys}
        found = query(database_url, lambda connection, name=name: inspect(connection).get_foreign_keys(name))
        theirs = {(key["constrained_columns"][0], key["referred_table"], key["options"]["ondelete"]) for key in found}
        assert ours == theirs


def test_a_legacy_that_knows_only_the_first_two_revisions_goes_on_writing_and_reading(database_url):
    """The newest migration runs before the newest code does: it may only expand."""
    at, user_id, resume_id = datetime.now(UTC), str(uuid4()), str(uuid4())
    user = {"id": user_id, "email": f"{user_id}@example.com", "password_hash": "x", "created_at": at}
    insert(database_url, "users", user)
    old = "INSERT INTO resumes (id, user_id, filename, size_bytes, created_at) VALUES (:id, :user_id, 'cv.pdf', 7, :at)"
    values = {"id": resume_id, "user_id": user_id, "at": at}
    statement = text(old).bindparams(bindparam("at", type_=DateTime(timezone=True)))
    query(database_url, lambda connection: connection.execute(statement, values))
    (row,) = rows(database_url, "resumes", id=resume_id)
    assert (row["content_type"], row["sha256"], row["storage_key"]) == ("application/octet-stream", None, None)
    insert(database_url, "sessions", {"id": str(uuid4()), "user_id": user_id, "created_at": at, "last_used_at": at})


def test_a_second_run_changes_nothing(database_url):
    done = run_module("migrations", env=environment(database_url))
    assert (done.returncode, done.stdout) == (0, "migrations: the database is at 0006\n"), done.stderr


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
