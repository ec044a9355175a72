from collections.abc import Sequence

from legacy_backend.core.database import Database
from legacy_backend.models.resume import Resume
from legacy_backend.repositories.resume_repository import ResumeRepository


class ResumeService:
    def __init__(self, database: Database) -> None:
        self.database = database

    async def list_resumes(self, user_id: str) -> Sequence[Resume]:
        async with self.database.session() as db:
            return await ResumeRepository(db).list_for_user(user_id)
