"""What the feature does. Knows nothing of requests; each method is one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from new_backend.features.ai_agents.models import SUCCEEDED, Job
from new_backend.features.ai_agents.repository import JobRepository
from new_backend.features.ai_agents.service import JobNotFoundError
from new_backend.features.resume_review.models import Comment, Review
from new_backend.features.resume_review.repository import CommentRepository, ReviewRepository
from new_backend.features.resume_review.schemas import MAX_TITLE, AddCommentRequest, CreateReviewRequest
from new_backend.features.upload.repository import ResumeRepository
from new_backend.infrastructure.clock import Now, utc_now
from new_backend.infrastructure.errors import ServiceError
from new_backend.infrastructure.fields import is_id
from new_backend.infrastructure.persistence.postgres.connection import Database
from resumekit.agents import AGENTS
from resumekit.results import ResumeAnalysis, parse_result
from resumekit.scoring import Criterion, review_of

_REVIEWED_AGENT = AGENTS["resume-analysis"]
_CRITERIA = TypeAdapter(list[Criterion])


class ReviewNotFoundError(ServiceError):
    status = 404
    detail = "Review not found"


class CommentNotFoundError(ServiceError):
    status = 404
    detail = "Comment not found"


class NotReviewableError(ServiceError):
    status = 409
    detail = "Only a resume analysis can be reviewed"


class NotSucceededError(ServiceError):
    status = 409
    detail = "The analysis has not succeeded"


class ReviewedAlreadyError(ServiceError):
    status = 409
    detail = "This analysis has a review already"


@dataclass(frozen=True, slots=True)
class ReviewWithComments:
    review: Review
    comments: Sequence[Comment]


class ReviewService:
    def __init__(self, *, database: Database, now: Now = utc_now) -> None:
        self._database = database
        self._now = now

    async def create(self, request: CreateReviewRequest, *, user_id: str) -> Review:
        """Raises JobNotFoundError, NotReviewableError, NotSucceededError or ReviewedAlreadyError, in that order.

        Two who review one analysis at once: the database lets one through. It refuses a job, too, that is deleted at
        this very moment; so after a refusal it is looked at again.
        """
        try:
            async with self._database.write() as session:
                return await ReviewRepository(session).add(await self._draft(session, request, user_id=user_id))
        except IntegrityError:
            async with self._database.read() as session:
                await self._reviewable(session, request.job_id, user_id=user_id)
            raise

    async def list(self, user_id: str, *, limit: int, offset: int) -> tuple[Sequence[Review], int]:
        """Newest first, and how many there are in all."""
        async with self._database.read() as session:
            return await ReviewRepository(session).page(Review.user_id == user_id, limit=limit, offset=offset)

    async def get(self, review_id: str, *, user_id: str) -> ReviewWithComments:
        """Raises ReviewNotFoundError, for somebody else's too."""
        if not is_id(review_id):
            raise ReviewNotFoundError
        async with self._database.read() as session:
            review = await ReviewRepository(session).own(review_id, user_id=user_id)
            if review is None:
                raise ReviewNotFoundError
            return ReviewWithComments(review, await CommentRepository(session).of_review(review_id))

    async def delete(self, review_id: str, *, user_id: str) -> None:
        """With its comments. Raises ReviewNotFoundError."""
        if not is_id(review_id):
            raise ReviewNotFoundError
        async with self._database.write() as session:
            if not await ReviewRepository(session).remove_own(review_id, user_id=user_id):
                raise ReviewNotFoundError

    async def comment(self, review_id: str, request: AddCommentRequest, *, user_id: str) -> Comment:
        """Raises ReviewNotFoundError."""
        now = self._now()
        comment = Comment(
            review_id=review_id, user_id=user_id, section=request.section, body=request.body, created_at=now
        )
        async with self._database.write() as session:
            if not is_id(review_id) or not await ReviewRepository(session).touch_own(
                review_id, user_id=user_id, now=now
            ):
                raise ReviewNotFoundError
            return await CommentRepository(session).add(comment)

    async def delete_comment(self, review_id: str, comment_id: str, *, user_id: str) -> None:
        """Raises ReviewNotFoundError or CommentNotFoundError, which leaves the review untouched."""
        if not is_id(review_id):
            raise ReviewNotFoundError
        async with self._database.write() as session:
            if not await ReviewRepository(session).touch_own(review_id, user_id=user_id, now=self._now()):
                raise ReviewNotFoundError
            if not is_id(comment_id) or not await CommentRepository(session).remove(comment_id, review_id=review_id):
                raise CommentNotFoundError

    async def _draft(self, session: AsyncSession, request: CreateReviewRequest, *, user_id: str) -> Review:
        job, analysis = await self._reviewable(session, request.job_id, user_id=user_id)
        draft, now = review_of(analysis), self._now()
        return Review(
            user_id=user_id,
            resume_id=job.resume_id,
            job_id=job.id,
            title=await _title(session, request.title, job),
            score=draft.score,
            summary=draft.summary,
            criteria=_CRITERIA.dump_json(draft.criteria).decode(),
            created_at=now,
            updated_at=now,
        )

    async def _reviewable(self, session: AsyncSession, job_id: str, *, user_id: str) -> tuple[Job, ResumeAnalysis]:
        """Asks in the order that clients see."""
        job = await JobRepository(session).own(job_id, user_id=user_id) if is_id(job_id) else None
        if job is None:
            raise JobNotFoundError
        if job.agent != _REVIEWED_AGENT.name:
            raise NotReviewableError
        if job.status != SUCCEEDED:
            raise NotSucceededError
        if await ReviewRepository(session).of_job(job_id) is not None:
            raise ReviewedAlreadyError
        analysis = parse_result(_REVIEWED_AGENT, job.result or "")
        if not isinstance(analysis, ResumeAnalysis):
            raise TypeError("the result of an analysis is of another kind")
        return job, analysis


async def _title(session: AsyncSession, title: str | None, job: Job) -> str:
    if title is not None and title.strip():
        return title
    resume = await ResumeRepository(session).get(job.resume_id)
    return f"Review of {resume.filename if resume is not None else 'resume'}"[:MAX_TITLE]
