import asyncio
from datetime import date

import pytest

from new_backend.conftest import Clock
from new_backend.features.ai_agents.models import Job
from new_backend.features.ai_agents.repository import JobRepository
from new_backend.features.ai_agents.service import JobNotFoundError
from new_backend.features.resume_review.models import Review
from new_backend.features.resume_review.schemas import AddCommentRequest, CreateReviewRequest, ReviewResponse
from new_backend.features.resume_review.service import (
    CommentNotFoundError,
    NotReviewableError,
    NotSucceededError,
    ReviewedAlreadyError,
    ReviewNotFoundError,
    ReviewService,
)
from new_backend.features.upload.models import Resume
from new_backend.features.upload.repository import ResumeRepository
from new_backend.infrastructure.persistence.postgres.connection import Database
from resumekit.agents import AGENTS
from resumekit.analysis import Analysis

pytestmark = pytest.mark.anyio
STRANGER = "00000000-0000-0000-0000-000000000000"


def a_result(agent: str) -> str:
    analysis = Analysis(AGENTS[agent], text="Ada\n\nSkills\nPython", job_text="Python", today=date(2026, 11, 30))
    for step in AGENTS[agent].steps[1:]:
        analysis.do(step)
    return analysis.result().model_dump_json()


@pytest.fixture
def service(database: Database, clock: Clock) -> ReviewService:
    return ReviewService(database=database, now=clock)


async def job(
    database: Database,
    user_id: str,
    clock: Clock,
    *,
    status: str = "succeeded",
    agent: str = "resume-analysis",
    filename: str = "cv.pdf",
) -> Job:
    """With a resume of its own."""
    now = clock()
    async with database.write() as session:
        resume = await ResumeRepository(session).add(
            Resume(user_id=user_id, filename=filename, size_bytes=1, content_type="text/plain", created_at=now)
        )
        made = Job(
            user_id=user_id,
            resume_id=resume.id,
            agent=agent,
            status=status,
            progress=100,
            attempt=1,
            interruptions=0,
            result=a_result(agent),
            side="new",
            queued_at=now,
            created_at=now,
        )
        return await JobRepository(session).add(made)


@pytest.fixture
async def done(database: Database, user_id: str, clock: Clock) -> Job:
    return await job(database, user_id, clock)


@pytest.fixture
async def review(service: ReviewService, done: Job, user_id: str) -> Review:
    return await service.create(CreateReviewRequest(job_id=done.id), user_id=user_id)


async def test_a_review_is_what_resumekit_makes_of_the_analysis(review: Review, done: Job) -> None:
    shown = ReviewResponse.model_validate(review)
    assert (shown.job_id, shown.resume_id, shown.title) == (done.id, done.resume_id, "Review of cv.pdf")
    assert 0 <= shown.score <= 100
    assert shown.summary
    assert sum(criterion.weight for criterion in shown.criteria) == 100
    assert (shown.comments, shown.created_at) == ([], shown.updated_at)


@pytest.mark.parametrize(
    ("title", "shown"), [(None, "Review of cv.pdf"), ("  ", "Review of cv.pdf"), (" Mine ", " Mine ")]
)
async def test_without_a_title_it_is_named_after_the_file(
    service: ReviewService, done: Job, user_id: str, title: str | None, shown: str
) -> None:
    review = await service.create(CreateReviewRequest(job_id=done.id, title=title), user_id=user_id)
    assert review.title == shown


async def test_a_long_name_is_cut(service: ReviewService, database: Database, user_id: str, clock: Clock) -> None:
    done = await job(database, user_id, clock, filename="x" * 255)
    review = await service.create(CreateReviewRequest(job_id=done.id), user_id=user_id)
    assert review.title == "Review of " + "x" * 190


@pytest.mark.parametrize("status", ["queued", "running", "failed", "cancelled"])
@pytest.mark.parametrize(
    ("agent", "error"), [("resume-analysis", NotSucceededError), ("keyword-match", NotReviewableError)]
)
async def test_only_a_resume_analysis_that_succeeded_is_reviewed(  # noqa: PLR0917  # fixtures
    service: ReviewService,
    database: Database,
    user_id: str,
    clock: Clock,
    status: str,
    agent: str,
    error: type[Exception],
) -> None:
    other = await job(database, user_id, clock, status=status, agent=agent)
    with pytest.raises(error):
        await service.create(CreateReviewRequest(job_id=other.id), user_id=user_id)


async def test_a_keyword_match_is_not_reviewed(
    service: ReviewService, database: Database, user_id: str, clock: Clock
) -> None:
    match = await job(database, user_id, clock, agent="keyword-match")
    with pytest.raises(NotReviewableError):
        await service.create(CreateReviewRequest(job_id=match.id), user_id=user_id)


async def test_what_is_no_job_of_ones_own_is_not_found(service: ReviewService, done: Job, user_id: str) -> None:
    for job_id, asker in (("\0", user_id), ("x", user_id), (STRANGER, user_id), (done.id, STRANGER)):
        with pytest.raises(JobNotFoundError):
            await service.create(CreateReviewRequest(job_id=job_id), user_id=asker)


async def test_of_many_reviews_of_one_analysis_one_is_made(service: ReviewService, done: Job, user_id: str) -> None:
    calls = (service.create(CreateReviewRequest(job_id=done.id), user_id=user_id) for _ in range(4))
    made = await asyncio.gather(*calls, return_exceptions=True)
    assert sorted(type(each).__name__ for each in made) == ["Review", *["ReviewedAlreadyError"] * 3]


async def test_what_the_database_refuses_is_looked_at_again(
    service: ReviewService, review: Review, user_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two sides at once: both see no review, and one is refused by the constraint."""
    seen = []

    async def blind_at_first(_self: object, job_id: str) -> Review | None:
        seen.append(job_id)
        return None if len(seen) == 1 else review

    monkeypatch.setattr("new_backend.features.resume_review.repository.ReviewRepository.of_job", blind_at_first)
    with pytest.raises(ReviewedAlreadyError):
        await service.create(CreateReviewRequest(job_id=review.job_id), user_id=user_id)
    assert len(seen) == 2


async def test_comments_are_oldest_first_and_move_the_review(
    service: ReviewService, review: Review, user_id: str, clock: Clock
) -> None:
    made = []
    for number in range(3):
        clock.advance(1)
        made.append(await service.comment(review.id, AddCommentRequest(body=str(number)), user_id=user_id))
        assert (await service.get(review.id, user_id=user_id)).review.updated_at == made[-1].created_at
    found = await service.get(review.id, user_id=user_id)
    assert [comment.id for comment in found.comments] == [comment.id for comment in made]
    clock.advance(1)
    await service.delete_comment(review.id, made[0].id, user_id=user_id)
    left = await service.get(review.id, user_id=user_id)
    assert ([comment.body for comment in left.comments], left.review.updated_at) == (["1", "2"], clock())


async def test_a_comment_that_is_not_there_moves_nothing(
    service: ReviewService, review: Review, user_id: str, clock: Clock
) -> None:
    clock.advance(1)
    for comment_id in ("\0", "x", STRANGER):
        with pytest.raises(CommentNotFoundError):
            await service.delete_comment(review.id, comment_id, user_id=user_id)
    assert (await service.get(review.id, user_id=user_id)).review.updated_at == review.created_at


async def test_what_is_no_review_of_ones_own_is_not_found(service: ReviewService, review: Review, user_id: str) -> None:
    comment = await service.comment(review.id, AddCommentRequest(body="x"), user_id=user_id)
    for review_id, asker in (("\0", user_id), (STRANGER, user_id), (review.id, STRANGER)):
        with pytest.raises(ReviewNotFoundError):
            await service.get(review_id, user_id=asker)
        with pytest.raises(ReviewNotFoundError):
            await service.delete(review_id, user_id=asker)
        with pytest.raises(ReviewNotFoundError):
            await service.comment(review_id, AddCommentRequest(body="x"), user_id=asker)
        with pytest.raises(ReviewNotFoundError):
            await service.delete_comment(review_id, comment.id, user_id=asker)
    assert len((await service.get(review.id, user_id=user_id)).comments) == 1


async def test_a_deleted_review_is_gone_and_its_analysis_may_be_reviewed_anew(
    service: ReviewService, review: Review, user_id: str
) -> None:
    await service.comment(review.id, AddCommentRequest(body="x"), user_id=user_id)
    await service.delete(review.id, user_id=user_id)
    assert await service.list(user_id, limit=1, offset=0) == ([], 0)
    again = await service.create(CreateReviewRequest(job_id=review.job_id), user_id=user_id)
    assert list((await service.get(again.id, user_id=user_id)).comments) == []


async def test_a_review_goes_with_its_resume(
    service: ReviewService, database: Database, review: Review, user_id: str
) -> None:
    async with database.write() as session:
        await ResumeRepository(session).remove_own(review.resume_id, user_id=user_id)
    with pytest.raises(ReviewNotFoundError):
        await service.get(review.id, user_id=user_id)
