"""What the application needs of a place for files. Nothing half-written is ever under a key."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import BinaryIO, Protocol


class FileMissingError(Exception):
    """There is nothing under that key."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """An open file, which whoever opened it closes, and its size in bytes."""

    file: BinaryIO
    size: int


class Incoming(Protocol):
    """A file that is being written, under no key yet. It is gone at the end of its context unless it was kept."""

    size: int

    async def write(self, chunk: bytes) -> None:
        """Returns when the chunk has been taken: who awaits each write keeps a fast client from filling memory."""
        ...

    async def kind(self, filename: str) -> str | None:
        """The kind of what was written, by its content; None: none of ours. Write no more after this."""
        ...

    async def keep(self, key: str) -> str:
        """Puts the complete file, synced to the disk, under its key. Returns its SHA-256 in hex."""
        ...


class Storage(Protocol):
    async def prepare(self) -> None:
        """Called by the lifespan, before anything else. Removes what interrupted uploads have left."""
        ...

    def receive(self) -> AbstractAsyncContextManager[Incoming]: ...

    async def open(self, key: str) -> StoredFile:
        """Raises FileMissingError."""
        ...

    async def delete(self, key: str) -> None:
        """A key under which there is nothing is no error."""
        ...
