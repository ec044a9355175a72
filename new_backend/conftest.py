"""What the tests beside all features share: a database of their own, and a clock that they move."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine

import new_backend.app  # noqa: F401  # imports every feature's models, without which a foreign key leads nowhere
from new_backend.infrastructure.persistence.postgres.base import Base
from new_backend.infrastructure.persistence.postgres.connection import Database


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


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """With all tables, as the models say."""
    file = tmp_path / "app.db"
    engine = create_engine(f"sqlite:///{file}")
    Base.metadata.create_all(engine)
    engine.dispose()
    database = Database(f"sqlite:///{file}")
    async with database.opened():
        yield database
