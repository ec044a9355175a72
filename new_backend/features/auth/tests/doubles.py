"""Stand-in for what a test of the service must steer: the slow hash."""

from collections.abc import Callable

from new_backend.features.auth.models import User

MakeUser = Callable[..., User]


class PlainPasswords:
    """Stands in for argon2, and remembers what was verified."""

    def __init__(self) -> None:
        self.verified: list[str] = []

    async def hash(self, password: str) -> str:
        return f"hash of {password}"

    async def verify(self, password_hash: str, password: str) -> bool:
        self.verified.append(password_hash)
        return password_hash == f"hash of {password}"
