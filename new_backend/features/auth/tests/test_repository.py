from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from new_backend.features.auth.models import User
from new_backend.features.auth.repository import UserRepository
from new_backend.features.auth.tests.doubles import MakeUser
from new_backend.infrastructure.persistence.postgres.connection import Database

pytestmark = pytest.mark.anyio


async def test_what_is_added_is_there_in_the_next_transaction(database: Database, a_user: MakeUser) -> None:
    async with database.write() as session:
        added = await UserRepository(session).add(a_user())
    async with database.read() as session:
        found = await UserRepository(session).get(added.id)
    assert isinstance(found, User)
    assert (found.email, found.created_at) == (added.email, added.created_at)
    assert found.created_at.tzinfo is not None


async def test_a_block_that_raises_leaves_nothing(database: Database, a_user: MakeUser) -> None:
    async def fail_late() -> None:
        async with database.write() as session:
            await UserRepository(session).add(a_user())
            raise LookupError

    with pytest.raises(LookupError):
        await fail_late()
    async with database.read() as session:
        assert await UserRepository(session).list() == []


async def test_a_broken_constraint_is_raised_by_add(database: Database, a_user: MakeUser) -> None:
    async with database.write() as session:
        users = UserRepository(session)
        await users.add(a_user())
        with pytest.raises(IntegrityError):
            await users.add(a_user())
        await session.rollback()


async def test_list_pages_through_all(database: Database, a_user: MakeUser) -> None:
    async with database.write() as session:
        users = UserRepository(session)
        for number in range(5):
            await users.add(a_user(f"{number}@example.com"))
    async with database.read() as session:
        users = UserRepository(session)
        pages = [await users.list(limit=2, offset=offset) for offset in (0, 2, 4)]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert len({user.id for page in pages for user in page}) == 5


async def test_update_sets_columns_and_refuses_other_names(database: Database, a_user: MakeUser) -> None:
    async with database.write() as session:
        users = UserRepository(session)
        user = await users.update(await users.add(a_user()), name="Ada")
        with pytest.raises(AttributeError, match="no column nickname"):
            await users.update(user, nickname="Countess")
    async with database.read() as session:
        found = await UserRepository(session).by_email("a@example.com")
    assert found is not None
    assert found.name == "Ada"


async def test_delete_takes_it_away(database: Database, a_user: MakeUser) -> None:
    async with database.write() as session:
        users = UserRepository(session)
        user = await users.add(a_user())
        await users.delete(user)
        assert await users.get(user.id) is None


async def test_the_database_cannot_be_used_outside_of_its_lifespan(tmp_path: Path) -> None:
    (tmp_path / "app.db").touch()
    database = Database(f"sqlite:///{tmp_path}/app.db")
    with pytest.raises(RuntimeError, match="outside of the lifespan"):
        await database.read().__aenter__()
