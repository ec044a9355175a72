"""Reviews of analysed resumes, and the comments on them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from legacy_backend.core.database import Database
from legacy_backend.core.security import now
from legacy_backend.models.comment import Comment
from legacy_backend.models.job import Job
from legacy_backend.models.resume import Resume
from legacy_backend.models.review import Review
from legacy_backend.repositories.comment_repository import CommentRepository
from legacy_backend.repositories.job_repository import JobRepository
from legacy_backend.repositories.resume_repository import ResumeRepository
from legacy_backend.repositories.review_repository import ReviewRepository
from legacy_backend.services.errors import ConflictError, NotFoundError
from legacy_backend.services.ids import require_id
from legacy_backend.services.job_service import NO_JOB
from resumekit.agents import AGENTS, RESUME_ANALYSIS
from resumekit.results import ResumeAnalysis, parse_result
from resumekit.scoring import review_of

NO_REVIEW = "Review not found"
NO_COMMENT = "Comment not found"
REVIEWED_ALREADY = "This analysis has a review already"
TITLE_LENGTH = 200


@dataclass(frozen=True, slots=True)
class ReviewWithComments:
    review: Review
    comments: Sequence[Comment]


class ReviewService:
    def __init__(self, database: Database) -> None:
        self.database = database

    async def create_review(self, user_id: str, job_id: str, title: str | None) -> Review:
        """Raises NotFoundError and ConflictError. An analysis that has succeeded never changes again."""
        require_id(job_id, NO_JOB)
        async with self.database.session() as db:
            job, resume = await self._find_analysis(db, user_id, job_id)
        review = _new_review(job, title if title and title.strip() else f"Review of {resume.filename}")
        try:
            async with self.database.transaction() as db:
                return await ReviewRepository(db).create(review)
        except IntegrityError as error:
            await self._explain(user_id, job_id, error)
            raise

    async def list_reviews(self, user_id: str, limit: int, offset: int) -> tuple[Sequence[Review], int]:
        """A page, and how many there are."""
        async with self.database.session() as db:
            reviews = ReviewRepository(db)
            return await reviews.list_for_user(user_id, limit, offset), await reviews.count_for_user(user_id)

    async def get_review(self, user_id: str, review_id: str) -> ReviewWithComments:
        """Raises NotFoundError."""
        require_id(review_id, NO_REVIEW)
        async with self.database.session() as db:
            review = await ReviewRepository(db).get_for_user(review_id, user_id)
            if review is None:
                raise NotFoundError(NO_REVIEW)
            return ReviewWithComments(review, await CommentRepository(db).list_for_review(review_id))

    async def delete_review(self, user_id: str, review_id: str) -> None:
        """Raises NotFoundError."""
        require_id(review_id, NO_REVIEW)
        async with self.database.transaction() as db:
            if not await ReviewRepository(db).delete_for_user(review_id, user_id):
                raise NotFoundError(NO_REVIEW)

    async def add_comment(self, user_id: str, review_id: str, section: str | None, body: str) -> Comment:
        """Raises NotFoundError."""
        require_id(review_id, NO_REVIEW)
        async with self.database.transaction() as db:
            at = now()
            if not await ReviewRepository(db).touch(review_id, user_id, at):
                raise NotFoundError(NO_REVIEW)
            comment = Comment(review_id=review_id, user_id=user_id, section=section, body=body, created_at=at)
            return await CommentRepository(db).create(comment)

    async def delete_comment(self, user_id: str, review_id: str, comment_id: str) -> None:
        """Raises NotFoundError, which takes the touch back."""
        require_id(review_id, NO_REVIEW)
        async with self.database.transaction() as db:
            if not await ReviewRepository(db).touch(review_id, user_id, now()):
                raise NotFoundError(NO_REVIEW)
            require_id(comment_id, NO_COMMENT)
            if not await CommentRepository(db).delete(comment_id, review_id):
                raise NotFoundError(NO_COMMENT)

    async def _find_analysis(self, db: AsyncSession, user_id: str, job_id: str) -> tuple[Job, Resume]:
        job = await JobRepository(db).get_for_user(job_id, user_id)
        if job is None:
            raise NotFoundError(NO_JOB)
        if job.agent != RESUME_ANALYSIS.name:
            raise ConflictError("Only a resume analysis can be reviewed")
        if job.status != "succeeded":
            raise ConflictError("The analysis has not succeeded")
        if await ReviewRepository(db).exists_for_job(job_id):
            raise ConflictError(REVIEWED_ALREADY)
        resume = await ResumeRepository(db).get(job.resume_id)
        if resume is None:  # deleted just now, and the job with it
            raise NotFoundError(NO_JOB)
        return job, resume

    async def _explain(self, user_id: str, job_id: str, error: IntegrityError) -> None:
        """Somebody was faster: has deleted the resume, or reviewed the analysis."""
        async with self.database.session() as db:
            if await JobRepository(db).get_for_user(job_id, user_id) is None:
                raise NotFoundError(NO_JOB) from error
            if await ReviewRepository(db).exists_for_job(job_id):
                raise ConflictError(REVIEWED_ALREADY) from error


def _new_review(job: Job, title: str) -> Review:
    analysis = parse_result(AGENTS[job.agent], job.result or "")
    if not isinstance(analysis, ResumeAnalysis):
        raise TypeError(f"job {job.id} holds the result of another agent")
    draft, at = review_of(analysis), now()
    return Review(
        user_id=job.user_id,
        resume_id=job.resume_id,
        job_id=job.id,
        title=title[:TITLE_LENGTH],
        score=draft.score,
        summary=draft.summary,
        criteria=json.dumps([criterion.model_dump() for criterion in draft.criteria]),
        created_at=at,
        updated_at=at,
    )
