"""What the tests beside all features share: a database of their own, and a clock that they move."""

import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine

import new_backend.app  # noqa: F401  # imports every feature's models, without which a foreign key leads nowhere
from new_backend.features.auth.models import User
from new_backend.features.auth.repository import UserRepository
from new_backend.infrastructure.persistence.postgres.base import Base
from new_backend.infrastructure.persistence.postgres.connection import Database
from new_backend.infrastructure.storage.providers.local import LocalStorage


class Clock:
    """Time that moves when the test says so."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with all tables, as the models say. Made once, for it takes longer than most tests."""
    file = tmp_path_factory.mktemp("template") / "app.db"
    engine = create_engine(f"sqlite:///{file}")
    Base.metadata.create_all(engine)
    engine.dispose()
    return file


@pytest.fixture
async def database(empty_database: Path, tmp_path: Path) -> AsyncIterator[Database]:
    """The test's own."""
    file = shutil.copy(empty_database, tmp_path / "app.db")
    database = Database(f"sqlite:///{file}")
    async with database.opened():
        yield database


@pytest.fixture
async def user_id(database: Database, clock: Clock) -> str:
    """Of a user who is there."""
    user = User(email="owner@example.com", password_hash="x", created_at=clock())  # noqa: S106  # no password's hash
    async with database.write() as session:
        return (await UserRepository(session).add(user)).id


@pytest.fixture
async def storage(tmp_path: Path) -> LocalStorage:
    storage = LocalStorage(tmp_path / "files")
    await storage.prepare()
    return storage
