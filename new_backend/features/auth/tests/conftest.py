from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from new_backend.features.auth.models import User
from new_backend.features.auth.service import AuthService
from new_backend.features.auth.tests.doubles import Clock, MakeUser, PlainPasswords
from new_backend.infrastructure.persistence.postgres.base import Base
from new_backend.infrastructure.persistence.postgres.connection import Database
from new_backend.infrastructure.security.tokens import AccessTokens


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def passwords() -> PlainPasswords:
    return PlainPasswords()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    file = tmp_path / "app.db"
    engine = create_engine(f"sqlite:///{file}")
    Base.metadata.create_all(engine)
    engine.dispose()
    database = Database(f"sqlite:///{file}")
    async with database.opened():
        yield database


@pytest.fixture
async def service(database: Database, passwords: PlainPasswords, clock: Clock) -> AuthService:
    service = AuthService(database=database, passwords=passwords, access_tokens=AccessTokens("k" * 32), now=clock)
    await service.prepare()
    return service


@pytest.fixture
def a_user(clock: Clock) -> MakeUser:
    """Makes users that are not stored yet."""

    def make(email: str = "a@example.com") -> User:
        return User(email=email, password_hash="x", created_at=clock())

    return make
