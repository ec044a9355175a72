"""What every feature's models and repositories are made from."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Generic, TypeVar
from uuid import uuid4

from sqlalchemy import ColumnElement, DateTime, Dialect, String, TypeDecorator, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class UtcDateTime(TypeDecorator[datetime]):
    """Aware in, aware out: SQLite forgets the zone, so it is always UTC and put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """The tables themselves are made by `python -m migrations`, which both sides share."""


class Entity(Base):
    """A row with an id of our own making: a UUID in text."""

    __abstract__ = True

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=lambda: str(uuid4()))


EntityT = TypeVar("EntityT", bound=Entity)


class BaseRepository(Generic[EntityT]):
    """Create, read, update and delete for one model, inside the caller's session and transaction.

    A subclass names its model and adds the queries of its feature. Nothing here commits.
    """

    model: ClassVar[type[Any]]

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, entity: EntityT) -> EntityT:
        """Flushes, so that a broken constraint is raised here and not at the commit."""
        self._session.add(entity)
        await self._session.flush()
        return entity

    async def get(self, entity_id: str) -> EntityT | None:
        return await self._session.get(self.model, entity_id)

    async def list(self, *, limit: int = 100, offset: int = 0) -> Sequence[EntityT]:
        """In the order of ids, which is stable and means nothing."""
        query = select(self.model).order_by(self.model.id).limit(limit).offset(offset)
        return (await self._session.scalars(query)).all()

    async def page(self, *where: ColumnElement[bool], limit: int, offset: int) -> tuple[Sequence[EntityT], int]:
        """Newest first, and how many there are in all. For models that have `created_at`."""
        query = select(self.model).where(*where).order_by(self.model.created_at.desc(), self.model.id)
        rows = (await self._session.scalars(query.limit(limit).offset(offset))).all()
        total = await self._session.scalar(select(func.count()).select_from(self.model).where(*where))
        return rows, total or 0

    async def update(self, entity: EntityT, **values: object) -> EntityT:
        """Sets the named columns. Raises AttributeError for a name that is no column."""
        columns = {attribute.key for attribute in self.model.__mapper__.column_attrs}
        for name, value in values.items():
            if name not in columns:
                raise AttributeError(f"{self.model.__name__} has no column {name}")
            setattr(entity, name, value)
        await self._session.flush()
        return entity

    async def delete(self, entity: EntityT) -> None:
        await self._session.delete(entity)
        await self._session.flush()
